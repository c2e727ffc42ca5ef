"""The recipes of docs/existing-apps.md, with official clients over both transports."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from docs.programs import line, program
from docs.sections import Sections
from support.pages import exec_as_module
from support.servers import ROOT
from whinny import ConnectionRefused
from whinny.testing import TestClient

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from docs.clients import Node
    from support.servers import ServerProcess

    ServeCode = Callable[[str], ServerProcess]

PAGE = Sections("existing-apps.md")
SIGNED = PAGE.take("Starlette's `SessionMiddleware`")
SIGNED_CLIENT = PAGE.take("Starlette's `SessionMiddleware`", "javascript")
DEPENDENCY = PAGE.take("A FastAPI dependency that gives the user")
JWT = PAGE.take("A JWT as bearer token")
JWT_CLIENT = PAGE.take("A JWT as bearer token", "javascript")

ADA = {"name": "ada", "password": "engine"}
TRANSPORTS = ["polling", "websocket"]
ENGINE_ERRORS = {"polling": "xhr poll error", "websocket": "websocket error"}

by_cookie = pytest.mark.parametrize("recipe", [SIGNED, DEPENDENCY], ids=["SessionMiddleware", "dependency"])
on_both = pytest.mark.parametrize("transport", TRANSPORTS)


def test_every_recipe_is_run() -> None:
    """Whoever adds an example to the page adds its test here."""
    assert PAGE.left() == []


def logged_in(url: str) -> tuple[dict[str, str], str]:
    """The `Cookie` header that a browser sends after the login, and the CSRF token."""
    response = httpx.post(f"{url}/log-in", json=ADA)
    assert response.status_code == 200
    cookies = "; ".join(f"{name}={value}" for name, value in response.cookies.items())
    return {"Cookie": cookies}, response.json()["csrf_token"]


# Cookies


@by_cookie
@on_both
def test_an_event_sees_the_user_of_a_cookie(recipe: str, transport: str, serve_code: ServeCode, node: Node) -> None:
    """The user who has logged in over HTTP."""
    url = serve_code(recipe).url
    headers, token = logged_in(url)
    ada = node.open(url, transports=[transport], extraHeaders=headers, auth={"csrfToken": token})
    assert ada.ask("who am I") == {"status": "ok", "data": "ada"}


@by_cookie
@on_both
def test_who_has_no_login_is_refused(recipe: str, transport: str, serve_code: ServeCode, node: Node) -> None:
    """No cookie, one that nobody has signed or given, and one that was tampered with."""
    url = serve_code(recipe).url
    headers, token = logged_in(url)
    for cookie in ("", "session=made-up; login=made-up", headers["Cookie"] + "x", headers["Cookie"].replace("=", "=x")):
        message, _ = node.refusal(
            url, transports=[transport], extraHeaders={"Cookie": cookie}, auth={"csrfToken": token}
        )
        assert message == "Log in first."


@by_cookie
@on_both
def test_a_cookie_is_not_enough(recipe: str, transport: str, serve_code: ServeCode, node: Node) -> None:
    """Without the token that other sites' pages cannot know, the client is refused, whatever it sends instead."""
    url = serve_code(recipe).url
    headers, token = logged_in(url)
    _, another = logged_in(url)
    for auth in ({}, {"csrfToken": ""}, {"csrfToken": None}, {"csrfToken": [token]}, {"csrfToken": another}):
        message, _ = node.refusal(url, transports=[transport], extraHeaders=headers, auth=auth)
        assert message == "CSRF token missing or incorrect."
    surrogate = 'socket.auth = { csrfToken: "\\ud800" }'
    message, _ = node.refusal(url, surrogate, transports=[transport], extraHeaders=headers)
    assert message == "CSRF token missing or incorrect."


@by_cookie
@on_both
def test_another_site_is_refused(recipe: str, transport: str, serve_code: ServeCode, node: Node) -> None:
    """Before anything else is looked at, and whatever it has."""
    url = serve_code(recipe).url
    headers, token = logged_in(url)
    headers["Origin"] = "https://elsewhere.example"
    message, _ = node.refusal(url, transports=[transport], extraHeaders=headers, auth={"csrfToken": token})
    assert message == ENGINE_ERRORS[transport]


@by_cookie
@on_both
def test_another_site_that_was_let_in(recipe: str, transport: str, serve_code: ServeCode, node: Node) -> None:
    """By an option that allows too much: it has the user's cookie, and still not the token."""
    option = '    options = ServerOptions(cors_allowed_origins="*")\n'
    code = re.sub(r"(class WebsocketController.*\n)", lambda found: found[1] + option, recipe)
    url = serve_code(f"from whinny import ServerOptions\n{code}").url
    headers, token = logged_in(url)
    options: dict[str, Any] = {
        "transports": [transport],
        "extraHeaders": {**headers, "Origin": "https://elsewhere.example"},
    }
    assert node.refusal(url, **options)[0] == "CSRF token missing or incorrect."
    node.open(url, auth={"csrfToken": token}, **options).settle()


@by_cookie
@on_both
def test_logging_out_disconnects(recipe: str, transport: str, serve_code: ServeCode, node: Node) -> None:
    """The user's sockets, and nobody else's."""
    url = serve_code(recipe.replace('{"ada": "engine"}', '{"ada": "engine", "eve": "engine"}')).url
    headers, token = logged_in(url)
    ada = node.open(url, transports=[transport], extraHeaders=headers, auth={"csrfToken": token})
    response = httpx.post(f"{url}/log-in", json={**ADA, "name": "eve"})
    cookies = "; ".join(f"{name}={value}" for name, value in response.cookies.items())
    eve = node.open(url, extraHeaders={"Cookie": cookies}, auth={"csrfToken": response.json()["csrf_token"]})
    assert httpx.post(f"{url}/log-out", headers=headers).status_code == 204
    ada.left()
    assert eve.ask("who am I") == {"status": "ok", "data": "eve"}


def test_the_client_of_a_signed_cookie(serve_code: ServeCode, tmp_path: Path) -> None:
    """The page's code, with what a browser would add."""
    url = serve_code(SIGNED).url
    headers, token = logged_in(url)
    code = SIGNED_CLIENT.replace("io({", f'io("{url}", {{ extraHeaders: {headers!r},')
    assert code != SIGNED_CLIENT
    client = f'import {{ io }} from "socket.io-client";\nconst csrfToken = "{token}";\n{code}'
    with program(client + 'console.log(await socket.emitWithAck("who am I"));', tmp_path) as running:
        assert line(running) == "{ status: 'ok', data: 'ada' }"


@pytest.mark.anyio
async def test_a_login_that_has_ended_is_noticed_with_the_next_event() -> None:
    """The dependency is asked for each event."""
    recipe: Any = exec_as_module(DEPENDENCY, "recipe_dependency")
    recipe.LOGINS["token"] = recipe.Login("ada", "csrf")
    options: dict[str, Any] = {"headers": {"cookie": "login=token"}, "auth": {"csrfToken": "csrf"}}
    async with TestClient(recipe.app, **options) as ada:
        assert (await ada.emit_with_ack("who am I"))["data"] == "ada"
        del recipe.LOGINS["token"]
        error = {"code": 401, "message": "Log in first."}
        assert await ada.emit_with_ack("who am I") == {"status": "error", "error": error}
    with pytest.raises(ConnectionRefused):
        async with TestClient(recipe.app, **options):
            pass


# Tokens


@on_both
def test_a_jwt(transport: str, serve_code: ServeCode, node: Node) -> None:
    """In `auth` or in the header; the same token serves the endpoints."""
    url = serve_code(JWT).url
    token = httpx.post(f"{url}/log-in", json=ADA).json()["token"]
    header = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{url}/me", headers=header).json() == {"name": "ada"}
    for shown in ({"auth": {"token": token}}, {"extraHeaders": header}):
        ada = node.open(url, transports=[transport], **shown)
        assert ada.ask("who am I") == {"status": "ok", "data": "ada"}


@on_both
def test_a_jwt_that_is_none(transport: str, serve_code: ServeCode, node: Node) -> None:
    """Missing, malformed, of no text, of another key, unsigned, or expired."""
    server = serve_code(JWT)
    tokens = exec_as_module("import jwt\nADA = {'sub': 'ada', 'exp': 4e9}", "recipe_tokens")
    key = re.findall('KEY = "(.*)"', JWT)[0]
    others = [
        tokens.jwt.encode(tokens.ADA, "x" * 32, algorithm="HS256"),
        tokens.jwt.encode(tokens.ADA, None, algorithm="none"),
        tokens.jwt.encode({"sub": "ada", "exp": 1}, key, algorithm="HS256"),
        tokens.jwt.encode({"sub": "ada"}, key, algorithm="HS256"),
    ]
    for auth in ({}, {"token": 3}, {"token": "a.b.c"}, *({"token": token} for token in others)):
        message, data = node.refusal(server.url, transports=[transport], auth=auth)
        assert (message, data["code"]) == ("Log in first.", "invalid_token")
    assert "Traceback" not in server.log


@on_both
def test_a_jwt_that_expires(transport: str, serve_code: ServeCode, tmp_path: Path) -> None:
    """The connection ends with it, and the page's code comes back with another one."""
    url = serve_code(JWT.replace("LIFETIME = 900", "LIFETIME = 8")).url
    code = JWT_CLIENT.replace("io({", f'io("{url}", {{ transports: ["{transport}"],')
    start = f"""
      import {{ io }} from "socket.io-client";
      async function currentToken() {{
        const headers = {{ "Content-Type": "application/json" }};
        const body = JSON.stringify({{ name: "ada", password: "engine" }});
        return (await (await fetch("{url}/log-in", {{ method: "POST", headers, body }})).json()).token;
      }}
    """
    watch = """
      socket.on("connect", async () => console.log((await socket.emitWithAck("who am I")).data));
      socket.on("disconnect", reason => console.log(reason));
      socket.on("connect_error", error => console.log(error.message));
    """
    with program(start + code + watch, tmp_path) as client:
        assert [line(client) for _ in range(3)] == ["ada", "io server disconnect", "ada"]


# CSRF middlewares

STRICT = """
class Strict:
    \"\"\"As CSRF middlewares are: no POST with a cookie and without a token.\"\"\"

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["method"] == "POST" and b"cookie" in dict(scope["headers"]):
            await Response(status_code=403)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

"""


@on_both
def test_a_csrf_middleware_inside_is_not_in_the_way(transport: str, serve_code: ServeCode, node: Node) -> None:
    """What `attach` stands around does not see Socket.IO; what stands around it does, and refuses polling."""
    inside = STRICT + SIGNED.replace("attach(http)", "attach(Strict(http))")
    url = serve_code("from starlette.responses import Response\n" + inside).url
    headers, token = logged_in(url)
    options: dict[str, Any] = {"transports": [transport], "extraHeaders": headers, "auth": {"csrfToken": token}}
    assert node.open(url, **options).ask("who am I") == {"status": "ok", "data": "ada"}
    assert httpx.post(f"{url}/log-out", headers=headers).status_code == 403
    outside = STRICT + SIGNED + "\napp = Strict(app)\n"
    url = serve_code("from starlette.responses import Response\n" + outside).url
    if transport == "polling":
        assert node.refusal(url, **options)[0] == "xhr post error"
    else:
        node.open(url, **options)


EXEMPTIONS = dict(re.findall(r"^- ([\w-]+) [\d.]+: `(.+?)`", (ROOT / "docs" / "existing-apps.md").read_text(), re.M))
"""What the page writes for each middleware, around the app that `attach` gave."""

AROUND = {
    "asgi-csrf": ("from asgi_csrf import asgi_csrf", "asgi_csrf(app, signing_secret)"),
    "starlette-csrf": (
        "import re\nfrom starlette_csrf import CSRFMiddleware",
        "CSRFMiddleware(app, secret)",
    ),
}
"""What it takes to write that, and the same without an exemption."""


def test_every_exemption_is_tried() -> None:
    assert set(EXEMPTIONS) == set(AROUND)


@pytest.mark.parametrize("package", list(AROUND))
@on_both
def test_a_csrf_middleware_around_everything(package: str, transport: str, serve_code: ServeCode, node: Node) -> None:
    """It refuses polling without the exemption that the page shows, and lets it through with that."""
    imports, without = AROUND[package]
    given = 'secret = signing_secret = "a secret of the test, and a long one"'
    options: dict[str, Any] = {"transports": [transport], "extraHeaders": {"Cookie": "a=b"}}
    for made, refused in ((without, True), (EXEMPTIONS[package], False)):
        url = serve_code(f"{imports}\n{SIGNED}\n{given}\napp = {made}\n").url
        if package == "starlette-csrf" and transport == "websocket":
            assert node.refusal(url, **options)[0] == ENGINE_ERRORS[transport], "put it inside"
        elif refused and transport == "polling":
            assert node.refusal(url, **options)[0] == "xhr post error"
        else:
            message, data = node.refusal(url, **options)
            assert (message, data["code"]) == ("Log in first.", "no_user"), "the app itself answers"
