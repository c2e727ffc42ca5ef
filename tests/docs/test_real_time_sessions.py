"""Sessions of sockets, as the page "Real-time communication" shows them: official clients in Node and in a browser.

Each row of the page's two tables of errors is in tests/sessions/test_socket_sessions.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from docs.programs import browser_page, line, post, program
from docs.sections import Sections
from support.servers import serve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from docs.clients import Node
    from support.servers import ServerProcess

    ServeCode = Callable[[str], ServerProcess]

PAGE = Sections("real-time.md")
EVENTS = PAGE.take("Using sessions")
COOKIE = PAGE.take("Forwarding HTTP sessions")
IN_A_BROWSER = PAGE.take("Forwarding HTTP sessions", "javascript")
BEARER = PAGE.take("Forwarding HTTP sessions", number=1)
BEARER_CLIENT = PAGE.take("Forwarding HTTP sessions", "javascript", 1)
BEARER_IN_AUTH = PAGE.take("Forwarding HTTP sessions", "javascript", 2)

ADA = {"name": "ada", "password": "engine"}
EVE = {"name": "ada", "password": "a guess"}
TRANSPORTS = ["polling", "websocket"]
UNAUTHORIZED = {"status": "error", "error": {"statusCode": 401, "statusMessage": "UNAUTHORIZED"}}


# In events


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_logging_in_by_an_event(transport: str, serve_code: ServeCode, node: Node) -> None:
    """The session is the socket's: who has not logged in there is refused, whatever others have done."""
    url = serve_code(EVENTS).url
    ada, eve = (node.open(url, transports=[transport]) for _ in range(2))
    for client in (ada, eve):
        assert client.ask("read products") == UNAUTHORIZED
    assert ada.ask("log in", ADA) == {"status": "ok"}
    assert eve.ask("log in", EVE) == {"status": "error", "error": "Who are you?"}
    for _ in range(2):
        assert ada.ask("read products") == {"status": "ok", "data": ["the lamp of ada"]}
    assert eve.ask("read products") == UNAUTHORIZED


def test_the_session_of_an_event_is_not_that_of_the_next_connection(serve_code: ServeCode, node: Node) -> None:
    """The client has no token: when it comes again it is nobody."""
    ada = node.open(serve_code(EVENTS).url)
    assert ada.ask("log in", ADA) == {"status": "ok"}
    ada.run("await new Promise(done => { socket.once('connect', done); socket.disconnect().connect(); })")
    assert ada.ask("read products") == UNAUTHORIZED


# Forwarding a cookie


def logged_in(url: str) -> dict[str, str]:
    """The cookies that a browser has after the login."""
    response = httpx.post(f"{url}/log-in", json=ADA)
    assert response.status_code == 204
    return dict(response.cookies)


def as_header(cookies: dict[str, str]) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("place", ["auth", "X-CSRF-Token", "X-XSRF-Token"])
def test_forwarding_a_cookie(place: str, transport: str, serve_code: ServeCode, node: Node) -> None:
    """The socket's events have the session of the page, if the CSRF token comes with it."""
    url = serve_code(COOKIE).url
    cookies = logged_in(url)
    token = cookies["XSRF-TOKEN"]
    headers, auth = as_header(cookies), {}
    if place == "auth":
        auth["csrfToken"] = token
    else:
        headers[place] = token
    ada = node.open(url, transports=[transport], extraHeaders=headers, auth=auth)
    assert ada.ask("who am I") == {"status": "ok", "data": "ada"}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_cookie_that_is_not_enough(transport: str, serve_code: ServeCode, node: Node) -> None:
    """Without the CSRF token, with a wrong one, and without the cookie."""
    url = serve_code(COOKIE).url
    cookies = logged_in(url)
    options: dict[str, Any] = {"transports": [transport], "extraHeaders": as_header(cookies)}
    refusal = ("CSRF token missing or incorrect.", {"code": "invalid_csrf_token"})
    assert node.refusal(url, **options) == refusal
    assert node.refusal(url, auth={"csrfToken": "a guess"}, **options) == refusal
    nobody = node.refusal(url, transports=[transport], auth={"csrfToken": cookies["XSRF-TOKEN"]})
    assert nobody == ("Session token not found.", {"code": "invalid_request"})


def test_a_cookie_that_comes_twice(serve_code: ServeCode, node: Node) -> None:
    """A socket has the session that requests of the same browser have."""
    url = serve_code(COOKIE).url
    cookies = logged_in(url)
    headers = {"Cookie": f"sessionID=another; sessionID={cookies['sessionID']}"}
    csrf = {"X-CSRF-Token": cookies["XSRF-TOKEN"]}
    assert (
        httpx.post(f"{url}/log-in", json=EVE, headers=headers | csrf).text == ""
    )  # the login's 401, not the session's
    ada = node.open(url, extraHeaders=headers, auth={"csrfToken": cookies["XSRF-TOKEN"]})
    assert ada.ask("who am I") == {"status": "ok", "data": "ada"}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_cookie_from_another_origin(transport: str, serve_code: ServeCode, node: Node) -> None:
    """Does not get as far as `on_connection`, even with the CSRF token."""
    url = serve_code(COOKIE).url
    cookies = logged_in(url)
    message, _ = node.refusal(
        url,
        transports=[transport],
        extraHeaders={**as_header(cookies), "Origin": "https://elsewhere.example"},
        auth={"csrfToken": cookies["XSRF-TOKEN"]},
    )
    assert message == {"polling": "xhr poll error", "websocket": "websocket error"}[transport]


def test_forwarding_in_a_browser(serve_code: ServeCode) -> None:
    """The page's code logs why it is refused; after the login it has the session, and a second login it survives."""
    url = serve_code(COOKIE).url
    with browser_page(url) as page:
        with page.expect_console_message(lambda message: "Session token" in message.text) as printed:
            page.evaluate(f"() => {{ {IN_A_BROWSER} window.socket = socket; window.csrfToken = csrfToken; }}")
        assert printed.value.text.startswith("Session token not found.")
        assert post(page, "/log-in", ADA) == 204
        assert page.evaluate("() => socket.connect().timeout(8000).emitWithAck('who am I')")["data"] == "ada"
        before = page.context.cookies()
        page.evaluate("() => { window.left = new Promise(done => socket.once('disconnect', done)); }")
        assert post(page, "/log-in", ADA) == 403
        assert post(page, "/log-in", ADA, {"X-XSRF-TOKEN": page.evaluate("() => csrfToken()")}) == 204
        assert page.evaluate("() => window.left") == "transport close"
        assert page.context.cookies() != before
        assert page.evaluate("() => socket.timeout(8000).emitWithAck('who am I')")["data"] == "ada"


def test_a_logout_ends_all_that_a_connection_has_joined(serve_code: ServeCode, node: Node) -> None:
    """The official client in two namespaces by one connection: both end as the server's doing."""
    url = serve_code("from sessions.apps import make_app\n\napp, _ = make_app()").url
    token = httpx.post(f"{url}/bearer/log-in/1").json()["token"]
    here = node.open(f"{url}/bearer", auth={"token": token})
    script = """
      const plain = socket.io.socket("/", {}).connect();
      await new Promise(done => plain.once("connect", done));
      const ended = Promise.all([socket, plain].map(each => new Promise(done => each.once("disconnect", done))));
      socket.emit("log out");
      return await ended;
    """
    assert here.run(script) == ["io server disconnect", "io server disconnect"]


def test_a_session_that_ends_in_another_process(node: Node, tmp_path: Path) -> None:
    """As docs/sessions.md has it: noticed with the next event, or when its time would have been over."""
    log_out = """
    @post("/log-out")
    @use_sessions(cookie=True)
    async def log_out(self, ctx: Context) -> HttpResponse:
        await ctx.session.destroy()
        return HttpResponseNoContent()


class WebsocketController("""
    (tmp_path / "app.py").write_text(COOKIE.replace("\n\nclass WebsocketController(", log_out))
    env = {
        "WHINNY_SESSION_STORE": f"sqlite:///{tmp_path / 'whinny.sqlite3'}",
        "WHINNY_SESSION_IDLE_TIMEOUT": "4",
    }
    args = ["--app-dir", str(tmp_path)]
    with serve("app:app", args=args, env=env) as here, serve("app:app", args=args, env=env) as there:
        cookies = logged_in(here.url)
        csrf = cookies["XSRF-TOKEN"]
        options: dict[str, Any] = {"extraHeaders": as_header(cookies), "auth": {"csrfToken": csrf}}
        near, asking, silent = node.open(here.url, **options), *(node.open(there.url, **options) for _ in range(2))
        response = httpx.post(f"{here.url}/log-out", headers=as_header(cookies) | {"X-CSRF-Token": csrf})
        assert response.status_code == 204
        near.left()
        assert asking.ask("who am I")["error"] == {
            "code": "invalid_token",
            "description": "token invalid or expired",
        }
        silent.left()


# Forwarding a bearer token


def test_the_client_in_node(serve_code: ServeCode, tmp_path: Path) -> None:
    """It logs in, sends the `Authorization` header, and is told who it is."""
    server = serve_code(BEARER)
    with program(BEARER_CLIENT.replace("localhost:3001", f"127.0.0.1:{server.port}"), tmp_path) as client:
        assert line(client) == "{ status: 'ok', data: 'ada' }"


def test_a_bearer_token_in_a_browser(serve_code: ServeCode) -> None:
    """In `auth`, since a WebSocket has no such header there."""
    url = serve_code(BEARER).url
    token = httpx.post(f"{url}/log-in", json=ADA).json()["token"]
    code = BEARER_IN_AUTH.replace("{ auth:", '{ transports: ["websocket"], auth:')
    with browser_page(url) as page:
        answer = page.evaluate(f"token => {{ {code} return socket.timeout(8000).emitWithAck('who am I'); }}", token)
    assert answer == {"status": "ok", "data": "ada"}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_bearer_tokens(transport: str, serve_code: ServeCode, node: Node) -> None:
    """The header comes before `auth`; and each way to be refused."""
    url = serve_code(BEARER).url
    assert httpx.post(f"{url}/log-in", json=EVE).status_code == 401
    token = httpx.post(f"{url}/log-in", json=ADA).json()["token"]

    def refusal(header: str | None = None, **auth: Any) -> tuple[str, Any]:
        headers = {} if header is None else {"Authorization": header}
        return node.refusal(url, transports=[transport], extraHeaders=headers, auth=auth)

    invalid = ("token invalid or expired", {"code": "invalid_token"})
    malformed = "Expected a bearer token. Scheme is Authorization: Bearer <token>."
    assert refusal() == ("Session token not found.", {"code": "invalid_request"})
    assert refusal(f"Basic {token}") == (malformed, {"code": "invalid_request"})
    assert refusal("Bearer guess", token=token) == invalid
    assert refusal(token="guess") == invalid
    for shown in ({"auth": {"token": token}}, {"extraHeaders": {"Authorization": f"Bearer {token}"}}):
        ada = node.open(url, transports=[transport], **shown)
        assert ada.ask("who am I") == {"status": "ok", "data": "ada"}
