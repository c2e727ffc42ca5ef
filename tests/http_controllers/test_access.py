"""Hooks that let only some users through."""

from __future__ import annotations

from typing import Any

import pytest

from http_controllers.apps import ask
from whinny.http import HttpResponseOK, get, hook, permission_required, user_required


class User:
    def __init__(self, *permissions: str) -> None:
        self.permissions = permissions

    def has_perm(self, name: str) -> bool:
        return name in self.permissions


class AsyncUser(User):
    async def has_perm(self, name: str) -> bool:  # type: ignore[override]
        return name in self.permissions


def root(user: Any, access: Any) -> type:
    def identify(ctx: Any, services: Any) -> None:
        ctx.user = user

    return type("Root", (), {"go": get("/")(hook(identify)(access(lambda self: HttpResponseOK("in"))))})


@pytest.mark.parametrize("access", [user_required(), permission_required("edit")])
async def test_without_a_user_there_is_401(access: Any) -> None:
    answer = await ask(root(None, access))
    assert (answer.status_code, answer.content, answer.headers["www-authenticate"]) == (401, b"", "")


@pytest.mark.parametrize("access", [user_required("/login"), permission_required("edit", redirect_to="/login")])
async def test_without_a_user_there_is_a_redirection_where_one_is_given(access: Any) -> None:
    answer = await ask(root(None, access))
    assert (answer.status_code, answer.headers["location"]) == (302, "/login")


@pytest.mark.parametrize("user", [User(), 0, ""])
async def test_any_user_will_do(user: Any) -> None:
    """One that is false too: no user is None."""
    assert (await ask(root(user, user_required()))).text == "in"


@pytest.mark.parametrize("cls", [User, AsyncUser])
async def test_a_permission_is_asked_for_by_its_name(cls: type[User]) -> None:
    access = permission_required("edit", redirect_to="/login")
    assert (await ask(root(cls("edit"), access))).text == "in"
    answer = await ask(root(cls("read"), access))
    assert (answer.status_code, answer.content) == (403, b"")


async def test_a_user_that_knows_no_permissions_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    assert (await ask(root("Ada", permission_required("edit")))).status_code == 500
    assert (
        "permission_required needs a user with a method has_perm(name): it is an object of the type str" in caplog.text
    )
    assert "Ada" not in caplog.text
