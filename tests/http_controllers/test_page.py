"""The examples of the page "HTTP controllers": what they answer is what the page says."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from docs.sections import Sections
from http_controllers.apps import ask_app, client_of
from support.pages import exec_as_module
from whinny.testing import TestClient

PAGE = Sections("http.md")


def module(heading: str) -> ModuleType:
    return exec_as_module(PAGE.take(heading), f"http_page_{heading.lower().replace(' ', '_')}")


START = module("Requests and responses")
MOUNTED = module("In another app")
UPLOADS = module("The context")
RESPONSES = module("Responses")
HOOKS = module("Hooks")
ERRORS = module("Errors")
TESTING = module("Testing")
WITH_SESSIONS = module("With sessions")


async def test_requests_are_answered_and_clients_hear_of_them() -> None:
    async with TestClient(START.app) as socket, client_of(START.app) as http:
        assert (await http.get("/products/0")).status_code == 404
        answer = await http.post("/products", json={"name": "x", "price": 3})
        assert (answer.status_code, answer.json()) == (201, {"name": "x", "price": 3.0})
        assert (await socket.receive("refresh products")).payload == {"status": "ok"}
        assert (await http.get("/products")).json() == [(await http.get("/products/0")).json()]
        answer = await http.post("/products", json={"name": "x"})
        assert (answer.status_code, [each["keyword"] for each in answer.json()["body"]]) == (400, ["required"])


async def test_another_app_boots_and_closes_the_services() -> None:
    """Where it does not, they boot at the first request, and are left open."""
    async with client_of(MOUNTED.app) as client:
        assert not MOUNTED.services.booted
        assert (await client.get("/shop/products")).json() == ["saddle"]
        assert MOUNTED.services.booted
        await MOUNTED.services.close()
        async with MOUNTED.app.router.lifespan_context(MOUNTED.app):
            assert MOUNTED.services.booted
            assert (await client.get("/shop/products")).json() == ["saddle"]
        assert not MOUNTED.services.booted


async def test_uploads() -> None:
    """One file or two, and what is none."""
    one, two = ("files", ("a.txt", b"ab")), ("files", ("b.txt", b"b"))
    for files, sizes in (([one], {"a.txt": 2}), ([one, two], {"a.txt": 2, "b.txt": 1})):
        answer = await ask_app(UPLOADS.app, "POST", "/files", data={"title": "x"}, files=files)
        assert (answer.status_code, answer.json()) == (201, {"title": "x", "sizes": sizes})
    answer = await ask_app(UPLOADS.app, "POST", "/files", data={"title": "x", "files": "text"})
    assert answer.status_code == 400


async def test_responses() -> None:
    answer = await ask_app(RESPONSES.app, path="/page")
    assert (answer.text, answer.headers["content-type"]) == ("<h1>Hello</h1>", "text/html; charset=utf-8")
    assert answer.headers["set-cookie"] == "seen=yes; HttpOnly; Max-Age=3600; Path=/; SameSite=lax; Secure"
    assert (await ask_app(RESPONSES.app, path="/numbers")).text == "0\n1\n2\n"


async def test_hooks() -> None:
    app = HOOKS.app
    answer = await ask_app(app, path="/products")
    assert (answer.status_code, answer.headers["cache-control"]) == (401, "no-store")
    ada, admin = {"X-User": "Ada"}, {"X-User": "admin"}
    assert (await ask_app(app, path="/products", headers=ada)).json() == {"page": 1}
    assert (await ask_app(app, path="/products?page=3", headers=ada)).json() == {"page": 3}
    assert "query" in (await ask_app(app, path="/products?page=0", headers=ada)).json()
    assert (await ask_app(app, path="/admin")).headers["location"] == "/login"
    assert (await ask_app(app, path="/admin", headers=ada)).status_code == 403
    assert (await ask_app(app, path="/admin", headers=admin)).text == "welcome"


async def test_errors() -> None:
    answer = await ask_app(ERRORS.app, path="/secret")
    assert (answer.status_code, answer.text) == (403, "Permission is denied")


def test_the_unit_test_passes() -> None:
    TESTING.test_greeting()


def test_the_tests_with_sessions_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And leave no file."""
    monkeypatch.chdir(tmp_path)
    WITH_SESSIONS.test_a_method()
    WITH_SESSIONS.test_the_whole_way()
    assert not list(tmp_path.iterdir())


def test_every_example_is_tested() -> None:
    assert not PAGE.left()
