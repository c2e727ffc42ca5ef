"""How the function that finds the user of a session is called: `user=` of the hooks and of forwarding."""

from __future__ import annotations

import re
from typing import Any

import pytest

from whinny import ConfigurationError, ServiceManager, Settings, use_websocket_sessions
from whinny.http import use_sessions
from whinny.sessions import MemoryStore, Session, Sessions, Timeouts, user_finder

pytestmark = pytest.mark.anyio

SERVICES = ServiceManager(Settings())
USERS = {"ada": "Ada"}


class Users:
    """Users in a service of the app."""

    def find(self, id: str) -> tuple[Any, ...]:  # noqa: A002
        return (id,)

    async def find_with(self, id: str, services: ServiceManager) -> tuple[Any, ...]:  # noqa: A002
        return id, services

    def __call__(self, id: str) -> tuple[Any, ...]:  # noqa: A002
        return (id,)


def session_of(user: str) -> Session:
    session = Sessions(MemoryStore(), Timeouts()).create()
    session.set_user(user)
    return session


def load(id: str, with_roles: bool = False) -> tuple[Any, ...]:  # noqa: A002
    return id, with_roles


def any_number(*args: Any) -> tuple[Any, ...]:
    return args


@pytest.mark.parametrize(
    ("user", "found"),
    [
        (Users().find, ("ada",)),
        (Users().find_with, ("ada", SERVICES)),
        (Users(), ("ada",)),
        (lambda id, services: (id, services), ("ada", SERVICES)),  # noqa: A006
        (load, ("ada", False)),
        (any_number, ("ada",)),
        (str, "ada"),
        (USERS.get, "Ada"),
        ({}.get, None),
        (USERS.__getitem__, "Ada"),
    ],
)
async def test_the_services_go_into_a_second_parameter_without_a_default(user: Any, found: Any) -> None:
    find = user_finder(user, "it")
    assert find is not None
    assert await find(session_of("ada"), SERVICES) == found


@pytest.mark.parametrize(
    "user",
    [Users.find, Users.find_with, lambda: None, lambda a, b, c: None, lambda *, id: None, 5, "Ada"],  # noqa: A006
)
@pytest.mark.parametrize("hook", [use_websocket_sessions, use_sessions])
def test_what_cannot_be_called_so_is_refused(user: Any, hook: Any) -> None:
    words = f"The user of {hook.__name__} must be a function of (id) or (id, services), not "
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        hook(user=user)


def test_a_method_without_its_object_is_named_with_what_it_takes() -> None:
    with pytest.raises(ConfigurationError, match=r"not <function Users\.find>, which takes \(self, id"):
        use_sessions(user=Users.find)
