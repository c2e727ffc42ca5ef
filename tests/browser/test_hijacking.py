"""A page of somebody else is after the session of whoever looks at it: in a real browser, which sends the cookie along.

The victim's app and the attacker's page have different origins of the same site, so `SameSite` holds nothing back. What
the attacker tries is what it would need: the official client, by either transport, with credentials.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from playwright.sync_api import sync_playwright

from support.browser import launch
from support.servers import ServerProcess, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

SECRET = {"connected": True, "answer": {"status": "ok", "data": "the secret of Ada"}}
NO_CSRF_TOKEN = {
    "connected": False,
    "message": "CSRF token missing or incorrect.",
    "data": {"code": "invalid_csrf_token"},
}

HOSTS = {
    "another port": ("127.0.0.1", "127.0.0.1"),
    "another host of the site": ("app.whinny.localhost", "evil.whinny.localhost"),
}
"""The victim's host and the attacker's, of one site each; browsers look for *.localhost on their own machine."""

both_transports = pytest.mark.parametrize("transport", ["polling", "websocket"])
both_hosts = pytest.mark.parametrize("hosts", HOSTS.values(), ids=HOSTS)


class Servers:
    """The attacker's server, and the victim's with the checks that a test asks for."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._victims: dict[tuple[bool, bool], ServerProcess] = {}
        self.attacker = stack.enter_context(serve("apps.hijacking:attacker"))

    def victim(self, allowed: bool, csrf: bool) -> ServerProcess:
        """One that allows the attacker's origins or does not, and asks for a CSRF token or does not."""
        if (allowed, csrf) not in self._victims:
            origins = " ".join(f"http://{host}:{self.attacker.port}" for _, host in HOSTS.values())
            env = {"ALLOWED_ORIGINS": origins if allowed else "", "WHINNY_CSRF": "1" if csrf else "0"}
            self._victims[allowed, csrf] = self._stack.enter_context(serve("apps.hijacking:victim", env=env))
        return self._victims[allowed, csrf]


@dataclass
class Scene:
    """A browser in which Ada is logged in to the victim's app, and looks at the attacker's page."""

    context: BrowserContext
    own: Page
    foreign: Page
    victim: str
    attacker: str

    def cookie(self, name: str) -> str:
        cookies: list[Any] = list(self.context.cookies(self.victim))
        (value,) = [each["value"] for each in cookies if each["name"] == name]
        return str(value)

    def connect(self, page: Page, transport: str, auth: dict[str, Any] | None = None) -> Any:
        """What comes of it when this page connects to the victim's app."""
        return page.evaluate("args => connect(...args)", [self.victim, transport, auth or {}])

    def arrived(self, transport: str) -> list[dict[str, Any]]:
        """What reached the victim's Socket.IO from the attacker's page, with Ada's session cookie."""
        return [
            each
            for each in httpx.get(f"http://127.0.0.1:{self.victim.rpartition(':')[2]}/witness").json()
            if each["transport"] == transport
            and each["origin"] == self.attacker
            and f"sessionID={self.cookie('sessionID')}" in each["cookie"]
        ]


class Scenes:
    """Sets them, each with a browser of its own."""

    def __init__(self, browser: Browser, servers: Servers, stack: ExitStack) -> None:
        self._browser = browser
        self._servers = servers
        self._stack = stack

    def set(self, hosts: tuple[str, str], *, allowed: bool = False, csrf: bool = True) -> Scene:
        context = self._stack.enter_context(self._browser.new_context())
        victim = f"http://{hosts[0]}:{self._servers.victim(allowed, csrf).port}"
        attacker = f"http://{hosts[1]}:{self._servers.attacker.port}"
        own, foreign = context.new_page(), context.new_page()
        own.goto(f"{victim}/log-in/Ada")
        own.goto(victim)
        foreign.goto(attacker)
        return Scene(context, own, foreign, victim, attacker)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield browser


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(stack)


@pytest.fixture
def scenes(browser: Browser, servers: Servers) -> Iterator[Scenes]:
    with ExitStack() as stack:
        yield Scenes(browser, servers, stack)


# with the checks


@both_hosts
@both_transports
def test_a_page_of_another_origin_is_refused(scenes: Scenes, hosts: tuple[str, str], transport: str) -> None:
    """Its handshake, which brings the cookie, ends with 403; the app's own page reads the secret before and after."""
    scene = scenes.set(hosts)
    auth = {"csrfToken": scene.cookie("XSRF-TOKEN")}
    assert scene.connect(scene.own, transport, auth) == SECRET

    assert scene.connect(scene.foreign, transport)["connected"] is False
    arrived = scene.arrived(transport)
    assert arrived != []
    assert {each["status"] for each in arrived} == {403}
    assert any(each["websocket"] for each in arrived) is (transport == "websocket")

    assert scene.connect(scene.own, transport, auth) == SECRET


@both_transports
def test_a_page_that_has_read_the_csrf_token_is_refused(scenes: Scenes, transport: str) -> None:
    """Cookies know no ports, so a page on another port of the host reads the token. It is refused for its origin."""
    scene = scenes.set(HOSTS["another port"])
    csrf = scene.cookie("XSRF-TOKEN")
    assert f"XSRF-TOKEN={csrf}" in scene.foreign.evaluate("document.cookie")
    assert "sessionID" not in scene.foreign.evaluate("document.cookie")

    assert scene.connect(scene.foreign, transport, {"csrfToken": csrf})["connected"] is False
    assert {each["status"] for each in scene.arrived(transport)} == {403}


@both_hosts
@both_transports
def test_a_page_of_an_allowed_origin_needs_the_csrf_token(
    scenes: Scenes, hosts: tuple[str, str], transport: str
) -> None:
    """Without it, and with one of another session, it comes as far as the namespace, and is refused there."""
    scene = scenes.set(hosts, allowed=True)
    with httpx.Client() as other:
        other.get(f"http://127.0.0.1:{scene.victim.rpartition(':')[2]}/log-in/Mallory")
        of_another = other.cookies["XSRF-TOKEN"]
    for auth in ({}, {"csrfToken": of_another}, {"csrfToken": ""}, {"csrfToken": None}):
        assert scene.connect(scene.foreign, transport, auth) == NO_CSRF_TOKEN
    # A poll that is on its way when the client leaves is answered with 400: so it is the handshakes that tell.
    handshakes = [each["status"] for each in scene.arrived(transport) if each["handshake"]]
    assert handshakes == [101 if transport == "websocket" else 200] * 4

    assert scene.connect(scene.foreign, transport, {"csrfToken": scene.cookie("XSRF-TOKEN")}) == SECRET


@both_transports
def test_the_origin_is_checked_where_no_csrf_token_is(scenes: Scenes, transport: str) -> None:
    """An app that has turned CSRF protection off is still closed to pages of other origins."""
    scene = scenes.set(HOSTS["another host of the site"], csrf=False)
    assert scene.connect(scene.foreign, transport)["connected"] is False
    assert {each["status"] for each in scene.arrived(transport)} == {403}
    assert scene.connect(scene.own, transport) == SECRET


# without them


@both_hosts
@both_transports
def test_without_the_checks_the_attack_succeeds(scenes: Scenes, hosts: tuple[str, str], transport: str) -> None:
    """Which shows that it is the checks that hold it off, and neither the browser nor the way it is tried here."""
    scene = scenes.set(hosts, allowed=True, csrf=False)
    assert scene.connect(scene.foreign, transport) == SECRET
    assert scene.arrived(transport) != []


# by a request


@pytest.mark.parametrize("csrf", [True, False], ids=["protected", "unprotected"])
@both_hosts
def test_a_forged_request(scenes: Scenes, hosts: tuple[str, str], csrf: bool) -> None:
    """A form of the attacker's page logs Ada out only where there is no CSRF protection."""
    scene = scenes.set(hosts, csrf=csrf)
    auth = {"csrfToken": scene.cookie("XSRF-TOKEN")} if csrf else {}
    scene.foreign.evaluate(
        "url => fetch(url, { method: 'POST', mode: 'no-cors', credentials: 'include',"
        " body: new URLSearchParams({ _csrf: 'guessed' }) })",
        f"{scene.victim}/log-out",
    )
    answer = scene.connect(scene.own, "websocket", auth)
    if csrf:
        assert answer == SECRET
    else:
        assert answer["answer"] == {"status": "error", "error": {"statusCode": 401, "statusMessage": "UNAUTHORIZED"}}
