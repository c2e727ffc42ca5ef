"""Sessions in HTTP requests: each case of the table, cookies, and protection from forged requests."""

from __future__ import annotations

from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sessions.apps import FailingStore, find_user
from whinny import ConfigurationError, ServiceManager, Settings
from whinny.http import (
    Context,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseInternalServerError,
    HttpResponseOK,
    create_app,
    get,
    post,
    use_sessions,
    user_required,
)
from whinny.sessions import CSRF_KEY, MemoryStore, Session, Sessions, Store

if TYPE_CHECKING:
    pass

pytestmark = pytest.mark.anyio

INVALID = {"code": "invalid_token", "description": "token invalid or expired"}


class Asked:
    """An app of one route, `/`, whose method does what the test says; a client; and the sessions."""

    def __init__(self, client: httpx.AsyncClient, services: ServiceManager) -> None:
        self.client = client
        self.services = services
        self.sessions = services.get(Sessions)
        self.store: Any = services.get(Store)

    async def session(self, user_id: int | str | None = None, **content: Any) -> Session:
        session = self.sessions.create()
        session.set_user(user_id)
        session.content.update(content)
        await session.commit()
        return session

    async def get(self, cookie: str | None = None, **headers: str) -> httpx.Response:
        return await self.send("GET", cookie, **headers)

    async def send(self, method: str, cookie: str | None = None, json: Any = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.client.cookies.clear()  # each request brings what the test says
        if cookie is not None:
            named["cookie"] = f"sessionID={cookie}"
        return await self.client.request(method, "/", headers=named, json=json)


@asynccontextmanager
async def asked(method: Any = None, store: Store | None = None, secure: bool = False, **options: Any) -> Any:
    """An app with `use_sessions` of these options; settings in capitals."""
    settings = {name.lower(): options.pop(name) for name in list(options) if name.isupper()}

    def answer(self: Any, ctx: Context) -> HttpResponse:
        return HttpResponseOK({"session": None if ctx.session is None else ctx.session.id, "user": ctx.user})

    handler = method or answer

    root = type("Root", (), {"ask": get("/")(use_sessions(**options)(_copy(handler)))})
    root.send = post("/")(use_sessions(**options)(_copy(handler)))  # type: ignore[attr-defined]
    services = ServiceManager(Settings(**{"session_store": "memory:", **settings}))
    if store is not None:
        services.set(Store, store)
    app = create_app(root, services)
    base = "https://testserver" if secure else "http://testserver"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base) as client:
        yield Asked(client, services)


def _copy(handler: Any) -> Any:
    """A function of its own for each route, since hooks hang on functions."""

    def method(self: Any, ctx: Context) -> Any:
        return handler(self, ctx)

    return method


def cookies_of(response: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for header in response.headers.get_list("set-cookie"):
        for name, morsel in SimpleCookie(header).items():
            found[name] = morsel
    return found


def removed(response: httpx.Response) -> set[str]:
    return {name for name, morsel in cookies_of(response).items() if morsel.value == "" and morsel["max-age"] == "0"}


# the table


async def test_a_bearer_token_is_required() -> None:
    async with asked(required=True) as ask:
        response = await ask.get()
        assert response.status_code == 400
        assert response.json() == {"code": "invalid_request", "description": "Authorization header not found."}
        assert "www-authenticate" not in response.headers


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "bearer x", "Basic x", "x", "Bearer a b"])
async def test_a_malformed_header(header: str, required: bool) -> None:
    async with asked(required=required) as ask:
        response = await ask.get(authorization=header)
        assert response.status_code == 400
        assert response.json() == {
            "code": "invalid_request",
            "description": "Expected a bearer token. Scheme is Authorization: Bearer <token>.",
        }


async def test_a_cookie_is_required() -> None:
    """Though the session could be created."""
    async with asked(cookie=True, required=True, create=True) as ask:
        response = await ask.get()
        assert response.status_code == 400
        assert response.json() == {"code": "invalid_request", "description": "Session cookie not found."}


@pytest.mark.parametrize("required", [True, False])
async def test_a_token_of_no_session(required: bool) -> None:
    async with asked(required=required) as ask:
        response = await ask.get(authorization="Bearer x")
        assert response.status_code == 401
        assert response.json() == INVALID
        expected = 'error="invalid_token", error_description="token invalid or expired"'
        assert response.headers["www-authenticate"] == expected
        assert "set-cookie" not in response.headers


async def test_a_cookie_of_no_session() -> None:
    """The browser is told to forget the cookies."""
    async with asked(cookie=True, user_cookie=lambda ctx, services: "Ada") as ask:
        response = await ask.get("x")
        assert (response.status_code, response.json()) == (401, INVALID)
        assert removed(response) == {"sessionID", "XSRF-TOKEN", "user"}


@pytest.mark.parametrize("method", ["POST"])
async def test_a_csrf_token(method: str) -> None:
    """Missing or wrong: 403. Right, in one of three places: let through. A GET needs none."""
    seen: list[Any] = []

    def take_down(self: Any, ctx: Context) -> HttpResponse:
        seen.append(ctx.session)
        return HttpResponseOK()

    async with asked(take_down, cookie=True, redirect_to="/log-in") as ask:
        session, other = await ask.session(), await ask.session()
        for wrong in ({}, {"x_csrf_token": "x"}, {"x_xsrf_token": other.csrf_token}, {"json": {"_csrf": "x"}}):
            response = await ask.send(method, session.token, **wrong)
            assert response.status_code == 403
            assert response.text == "CSRF token missing or incorrect."
        assert (await ask.send(method, session.token, json={"_csrf": 1})).status_code == 403
        assert seen == []
        csrf = session.csrf_token
        for right in ({"x_csrf_token": csrf}, {"x_xsrf_token": csrf}, {"json": {"_csrf": csrf}}):
            assert (await ask.send(method, session.token, **right)).status_code == 200
        assert (await ask.get(session.token)).status_code == 200
        assert len(seen) == 4
        assert (await ask.send(method)).status_code == 200, "without a session there is nothing to forge"


@pytest.mark.parametrize("off", [{"csrf": False}, {"CSRF": False}])
async def test_csrf_protection_that_is_turned_off(off: dict[str, Any]) -> None:
    async with asked(cookie=True, **off) as ask:
        session = await ask.session()
        response = await ask.send("POST", session.token)
        assert response.status_code == 200
        assert "XSRF-TOKEN" not in cookies_of(response)


async def test_a_bearer_token_needs_no_csrf_token() -> None:
    async with asked(CSRF=True) as ask:
        session = await ask.session()
        assert (await ask.send("POST", authorization=f"Bearer {session.token}")).status_code == 200


async def test_a_session_without_a_csrf_token(caplog: pytest.LogCaptureFixture) -> None:
    async with asked(cookie=True) as ask:
        session = await ask.session()
        del session.content[CSRF_KEY]
        await session.commit()
        assert (await ask.send("POST", session.token)).status_code == 500
        assert "has no 'csrf_token'" in caplog.text


async def test_a_user_id_of_the_wrong_type(caplog: pytest.LogCaptureFixture) -> None:
    async with asked(user=find_user, user_id_type=int) as ask:
        session = await ask.session("1")
        assert (await ask.get(authorization=f"Bearer {session.token}")).status_code == 500
        assert "Invalid user ID type: str" in caplog.text


async def test_a_user() -> None:
    """Found by its id, with or without the services; not asked for where the session has none."""
    for user in (find_user, lambda id: {1: "Ada"}.get(id)):  # noqa: A006
        async with asked(user=user) as ask:
            for user_id, name in ((1, "Ada"), (None, None)):
                session = await ask.session(user_id)
                response = await ask.get(authorization=f"Bearer {session.token}")
                assert response.json() == {"session": session.id, "user": name}


async def test_a_user_that_is_not_there() -> None:
    """401, and the session is destroyed."""
    for cookie in (True, False):
        async with asked(user=find_user, cookie=cookie) as ask:
            session = await ask.session(99)
            response = await (ask.get(session.token) if cookie else ask.get(authorization=f"Bearer {session.token}"))
            assert response.status_code == 401
            assert response.json() == {**INVALID, "description": "The token does not match any user."}
            assert "does not match any user" in response.headers["www-authenticate"]
            assert ("sessionID" in removed(response)) == cookie
            assert await ask.store.read(session.id) is None


async def test_redirections() -> None:
    """In place of 400 and 401, and cookies are removed all the same."""
    async with asked(required=True, redirect_to="/log-in") as ask:
        for headers in ({}, {"authorization": "x"}, {"authorization": "Bearer x"}):
            response = await ask.get(**headers)
            assert (response.status_code, response.headers["location"]) == (302, "/log-in")
    async with asked(cookie=True, required=True, redirect_to="/log-in", user=find_user) as ask:
        session = await ask.session(99)
        assert (await ask.get()).status_code == 302
        for token in ("x", session.token):
            response = await ask.get(token)
            assert (response.status_code, response.headers["location"]) == (302, "/log-in")
            assert "sessionID" in removed(response)


@pytest.mark.parametrize(
    ("options", "creates"),
    [({}, False), ({"create": True}, True), ({"cookie": True}, True), ({"cookie": True, "create": False}, False)],
)
async def test_without_a_token(options: dict[str, Any], creates: bool) -> None:
    """A session is begun by default with a cookie, and not without."""
    async with asked(**options) as ask:
        response = await ask.get()
        assert response.status_code == 200
        assert (response.json()["session"] is not None) == creates
        assert len(ask.store._kept) == creates
        assert ("sessionID" in cookies_of(response)) == (creates and "cookie" in options)


# cookies


async def test_the_cookies() -> None:
    """The session's cannot be read by scripts, the CSRF token's can; both end with the session."""
    async with asked(cookie=True, user_cookie=lambda ctx, services: "Ada") as ask:
        cookies = cookies_of(await ask.get())
        assert set(cookies) == {"sessionID", "XSRF-TOKEN", "user"}
        for name, morsel in cookies.items():
            assert bool(morsel["httponly"]) == (name == "sessionID")
            assert (morsel["path"], morsel["samesite"].lower(), morsel["secure"]) == ("/", "lax", "")
            assert morsel["expires"]
            assert not morsel["domain"]
        session = await ask.sessions.read(cookies["sessionID"].value)
        assert session.csrf_token == cookies["XSRF-TOKEN"].value
        assert cookies["user"].value == "Ada"


async def test_cookies_over_tls_and_of_the_settings() -> None:
    async with asked(cookie=True, secure=True) as ask:
        assert all(morsel["secure"] for morsel in cookies_of(await ask.get()).values())
    chosen = {
        "SESSION_COOKIE_NAME": "id",
        "SESSION_COOKIE_DOMAIN": "example.com",
        "SESSION_COOKIE_PATH": "/app",
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_SAME_SITE": "strict",
        "CSRF_COOKIE_NAME": "csrf",
    }
    async with asked(cookie=True, **chosen) as ask:
        cookies = cookies_of(await ask.get())
        assert set(cookies) == {"id", "csrf"}
        for morsel in cookies.values():
            assert (morsel["domain"], morsel["path"], morsel["samesite"].lower()) == ("example.com", "/app", "strict")
            assert morsel["secure"]


# the commit


async def test_each_request_extends_the_session() -> None:
    async with asked(cookie=True) as ask:
        session = await ask.session()
        ask.sessions.clock = lambda: session.expires_at - 1
        response = await ask.get(session.token)
        assert response.status_code == 200
        assert (await ask.store.read(session.id)).updated_at == session.expires_at - 1


async def test_what_a_method_does_to_the_session() -> None:
    """A session that it makes or regenerates is kept and sent, one that it destroys is removed."""

    async def log_in(self: Any, ctx: Context) -> HttpResponse:
        ctx.session.set_user(1)
        ctx.session.regenerate()
        return HttpResponseOK()

    async def log_out(self: Any, ctx: Context) -> HttpResponse:
        await ctx.session.destroy()
        return HttpResponseOK()

    async with asked(log_in, cookie=True) as ask:
        before = await ask.session()
        after = cookies_of(await ask.get(before.token))["sessionID"].value
        assert after != before.token
        assert await ask.sessions.read(before.token) is None
        assert (await ask.sessions.read(after)).user_id == 1
        assert (await ask.get("planted by somebody else")).status_code == 401, "no token is taken from outside"
    async with asked(log_out, cookie=True) as ask:
        session = await ask.session()
        assert "sessionID" in removed(await ask.get(session.token))
        assert ask.store._kept == {}


async def test_an_internal_error_commits_nothing() -> None:
    """Any other answer does, a refusal by the method too."""

    def fail(self: Any, ctx: Context) -> HttpResponse:
        ctx.session.set("a", 1)
        raise ValueError("an error of the test")

    def refuse(self: Any, ctx: Context) -> HttpResponse:
        ctx.session.set("a", 1)
        return HttpResponseBadRequest()

    def own(self: Any, ctx: Context) -> HttpResponse:
        ctx.session.set("a", 1)
        return HttpResponseInternalServerError()

    for method, kept in ((fail, False), (own, False), (refuse, True)):
        async with asked(method, cookie=True) as ask:
            session = await ask.session()
            response = await ask.get(session.token)
            assert ("a" in (await ask.store.read(session.id)).content) == kept
            assert ("sessionID" in cookies_of(response)) == kept


@pytest.mark.parametrize("operation", ["read", "touch", "replace", "save"])
async def test_a_store_that_fails(operation: str) -> None:
    """500 without cookies, nothing is lost, and it works again."""

    def change(self: Any, ctx: Context) -> HttpResponse:
        if operation == "replace":
            ctx.session.set("b", 2)
        return HttpResponseOK()

    store = FailingStore()
    async with asked(change, store, cookie=True) as ask:
        session = await ask.session(a=1)
        token = None if operation == "save" else session.token
        store.broken.add(operation)
        response = await ask.get(token)
        assert response.status_code == 500
        assert "set-cookie" not in response.headers
        store.broken.clear()
        assert (await ask.store.read(session.id)).content["a"] == 1
        assert (await ask.get(token)).status_code == 200


async def test_user_required_behind_it() -> None:
    async with asked(cookie=True, user=find_user) as ask:
        session = await ask.session(1)

        class Guarded:
            @get("/")
            @use_sessions(cookie=True, user=find_user)
            @user_required()
            def ask(self, ctx: Context) -> HttpResponse:
                return HttpResponseOK(ctx.user)

        transport = httpx.ASGITransport(create_app(Guarded, ask.services))
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            assert (await client.get("/")).status_code == 401
            response = await client.get("/", headers={"cookie": f"sessionID={session.token}"})
            assert response.text == "Ada"


# the setting up


def test_what_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigurationError, match="user_cookie only where"):
        use_sessions(user_cookie=lambda ctx, services: "x")
    with pytest.raises(ConfigurationError, match="must be a function"):
        use_sessions(user="Ada")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="absolute timeout"):
        ServiceManager(Settings(session_store="memory:", session_idle_timeout=10, session_absolute_timeout=5)).get(
            Sessions
        )


async def test_a_store_of_its_own() -> None:
    """A hook may have another store than the app's."""
    store = MemoryStore()
    async with asked(cookie=True) as ask:
        assert ask.services.get(Store) is not store

        class Own:
            @get("/")
            @use_sessions(store, cookie=True)
            def ask(self, ctx: Context) -> HttpResponse:
                return HttpResponseOK()

        transport = httpx.ASGITransport(create_app(Own, ask.services))
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            await client.get("/")
        assert len(store._kept) == 1
        assert ask.store._kept == {}
