"""Two hooks that give a request or an event its session: the outer one reads and commits, the inner one checks."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from whinny import (
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    event_name,
    use_websocket_sessions,
    websocket_hook,
)
from whinny.http import Context, HttpResponse, HttpResponseOK, create_app, get, hook, post, use_sessions
from whinny.sessions import MemoryStore, Sessions, SessionState, Store
from whinny.testing import TestClient
from whinny.websocket.socket_sessions import SocketSessions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

NO_COOKIE = {"code": "invalid_request", "description": "Session cookie not found."}
NO_HEADER = {"code": "invalid_request", "description": "Authorization header not found."}
NO_USER = {"code": "invalid_token", "description": "The token does not match any user."}
NO_TOKEN = {"code": "invalid_request", "description": "Session token not found."}


class CountingStore(MemoryStore):
    """Counts what is read and written."""

    def __init__(self) -> None:
        super().__init__()
        self.done: Counter[str] = Counter()

    async def save(self, state: SessionState, idle: float) -> None:
        self.done["written"] += 1
        await super().save(state, idle)

    async def read(self, id: str) -> SessionState | None:  # noqa: A002
        self.done["read"] += 1
        return await super().read(id)

    async def touch(self, id: str, updated_at: float, idle: float) -> bool:  # noqa: A002
        self.done.update(read=-1, written=1)  # it reads by itself
        return await super().touch(id, updated_at, idle)

    async def replace(self, id: str, state: SessionState, idle: float) -> bool:  # noqa: A002
        self.done.update(read=-1, written=1)
        return await super().replace(id, state, idle)


# requests


class World:
    """A client, and the sessions that it may show."""

    def __init__(self, client: httpx.AsyncClient, sessions: Sessions, store: CountingStore) -> None:
        self.client = client
        self.sessions = sessions
        self.store = store

    async def token(self, user: int | str | None = None) -> str:
        """That of a new session, which is not counted."""
        session = self.sessions.create()
        session.set_user(user)
        await session.commit()
        self.store.done.clear()
        return session.token

    async def ask(self, method: str = "GET", bearer: str = "", cookie: str = "", **headers: str) -> httpx.Response:
        if bearer:
            headers["authorization"] = f"Bearer {bearer}"
        if cookie:
            headers["cookie"] = f"sessionID={cookie}"
        self.client.cookies.clear()
        return await self.client.request(method, "/", headers=headers)


@asynccontextmanager
async def world(outer: Any, inner: Any, between: Any = None) -> AsyncIterator[World]:
    """An app with one of the hooks on its class, and the other on its methods."""

    def answer(self: Any, ctx: Context) -> HttpResponse:
        if ctx.session is not None:
            ctx.session.set("count", ctx.session.get("count", 0) + 1)
        return HttpResponseOK({"session": ctx.session is not None, "user": ctx.user})

    def send(self: Any, ctx: Context) -> HttpResponse:
        return answer(self, ctx)

    method = hook(between or (lambda ctx, services: None))
    root = type("Root", (), {"ask": get("/")(method(inner(answer))), "send": post("/")(method(inner(send)))})
    store = CountingStore()
    services = ServiceManager(Settings(session_store="memory:")).set(Store, store)
    transport = httpx.ASGITransport(create_app(outer(root), services))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield World(client, services.get(Sessions), store)


@pytest.mark.parametrize("options", [{}, {"create": True}, {"required": True}])
async def test_a_session_is_read_and_committed_once(options: dict[str, Any]) -> None:
    async with world(use_sessions(), use_sessions(**options)) as here:
        token = await here.token()
        assert (await here.ask(bearer=token)).json()["session"] is True
        assert here.store.done == {"read": 1, "written": 1}
        session = await here.sessions.read(token)
        assert session is not None
        assert session.get("count") == 1


async def test_a_method_may_require_what_its_class_creates() -> None:
    """A session that was only begun is none of the client's. It is kept all the same, as after any other refusal."""
    async with world(use_sessions(create=True), use_sessions(required=True)) as here:
        response = await here.ask()
        assert (response.status_code, response.json()) == (400, NO_HEADER)
        assert (await here.ask(bearer=await here.token())).status_code == 200
    async with world(use_sessions(cookie=True), use_sessions(cookie=True, required=True, redirect_to="/in")) as here:
        response = await here.ask()
        assert (response.status_code, response.headers["location"]) == (302, "/in")
        token = response.cookies["sessionID"]
        assert (await here.ask(cookie=token)).status_code == 200


async def test_a_class_may_require_what_its_method_would_create() -> None:
    async with world(use_sessions(cookie=True, required=True), use_sessions(cookie=True, create=True)) as here:
        response = await here.ask()
        assert (response.status_code, response.json()) == (400, NO_COOKIE)
        assert here.store.done == {}


@pytest.mark.parametrize(("outer", "inner"), [(True, False), (False, True), (True, True)])
async def test_either_begins_one_session(outer: bool, inner: bool) -> None:
    """That which was begun stays, and there is one cookie."""
    both = [use_sessions(cookie=True, create=create) for create in (outer, inner)]
    async with world(*both) as here:
        response = await here.ask()
        assert response.json()["session"] is True
        assert here.store.done == {"written": 1}
        cookies = response.headers.get_list("set-cookie")
        assert sorted(each.partition("=")[0] for each in cookies) == ["XSRF-TOKEN", "sessionID"]


async def test_the_inner_one_finds_the_user() -> None:
    """And refuses where there is none, as it does alone."""

    def find(id: int) -> str | None:  # noqa: A002
        return {1: "Ada"}.get(id)

    async with world(use_sessions(), use_sessions(user=find, user_id_type=int)) as here:
        assert (await here.ask(bearer=await here.token(1))).json()["user"] == "Ada"
        assert here.store.done == {"read": 1, "written": 1}
        token = await here.token(2)
        response = await here.ask(bearer=token)
        assert (response.status_code, response.json()) == (401, NO_USER)
        assert await here.sessions.read(token) is None
    async with world(use_sessions(user=find), use_sessions()) as here:
        assert (await here.ask(bearer=await here.token(1))).json()["user"] == "Ada"


async def test_an_id_of_the_wrong_type_is_an_error_of_the_inner_one(caplog: pytest.LogCaptureFixture) -> None:
    async with world(use_sessions(), use_sessions(user_id_type=int)) as here:
        assert (await here.ask(bearer=await here.token("1"))).status_code == 500
        assert "Invalid user ID type: str" in caplog.text
        assert here.store.done == {"read": 1}


async def test_the_inner_one_asks_for_the_csrf_token() -> None:
    """Also where the outer one does not; the page gets the cookie to take it from."""
    off, on = use_sessions(cookie=True, csrf=False), use_sessions(cookie=True, csrf=True)
    async with world(off, on) as here:
        token = await here.token()
        assert (await here.ask("POST", cookie=token)).status_code == 403
        given = (await here.ask(cookie=token)).cookies["XSRF-TOKEN"]
        response = await here.ask("POST", cookie=token, **{"x-xsrf-token": given})
        assert response.status_code == 200
    async with world(on, off) as here:
        assert (await here.ask("POST", cookie=await here.token())).status_code == 403


async def test_the_csrf_token_is_looked_at_once() -> None:
    """A hook in between may have made another one, by a regeneration."""
    both = use_sessions(cookie=True)
    async with world(both, both, lambda ctx, services: ctx.session.regenerate()) as here:
        token = await here.token()
        session = await here.sessions.read(token)
        assert session is not None
        response = await here.ask("POST", cookie=token, **{"x-xsrf-token": session.csrf_token})
        assert response.status_code == 200
        assert response.cookies["sessionID"] != token


async def test_the_inner_one_has_its_user_cookie_set() -> None:
    named = use_sessions(cookie=True, user_cookie=lambda ctx, services: "Ada")
    for both in ((use_sessions(cookie=True), named), (named, use_sessions(cookie=True))):
        async with world(*both) as here:
            assert (await here.ask()).cookies["user"] == "Ada"


async def test_a_hook_in_between_may_put_another_session_there() -> None:
    """The inner one takes it, and the outer one commits it, with what is changed after it."""
    made: list[str] = []

    def log_in(ctx: Context, services: ServiceManager) -> None:
        ctx.session = services.get(Sessions).create()
        made.append(ctx.session.token)

    async with world(use_sessions(), use_sessions(), log_in) as here:
        await here.ask(bearer=await here.token())
        session = await here.sessions.read(made[0])
        assert session is not None
        assert session.get("count") == 1


async def test_one_that_was_destroyed_in_between_is_not_there() -> None:
    async def log_out(ctx: Context, services: ServiceManager) -> None:
        await ctx.session.destroy()

    async with world(use_sessions(), use_sessions(required=True), log_out) as here:
        assert (await here.ask(bearer=await here.token())).status_code == 400


async def test_what_differs_in_its_store_or_its_cookie_reads_for_itself() -> None:
    other = MemoryStore()
    async with world(use_sessions(), use_sessions(other)) as here:
        assert (await here.ask(bearer=await here.token())).status_code == 401
    async with world(use_sessions(cookie=True), use_sessions(required=True)) as here:
        assert (await here.ask(cookie=await here.token())).json() == NO_HEADER
        assert (await here.ask(bearer=await here.token())).status_code == 200


# events


class Socket:
    """A client of an app with one event, and the store."""

    def __init__(self, client: TestClient, store: CountingStore, services: ServiceManager) -> None:
        self.client = client
        self.store = store
        self.sockets = services.get(SocketSessions)

    async def ask(self, payload: Any = None) -> dict[str, Any]:
        self.store.done.clear()
        answer: dict[str, Any] = await self.client.emit_with_ack("go", payload)
        return answer


@asynccontextmanager
async def connected(outer: Any, inner: Any, between: Any = None) -> AsyncIterator[Socket]:
    """One of the hooks is on the class, and the other on the event."""

    def answer(self: Any, ctx: WebsocketContext, payload: Any) -> WebsocketResponse:
        if payload is not None:
            ctx.session.set_user(payload)
        return WebsocketResponse({"session": ctx.session is not None, "user": ctx.user})

    def begin(self: Any, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(ctx.session.id)

    method = websocket_hook(between or (lambda ctx, services: None))
    events = {
        "go": event_name("go")(method(inner(answer))),
        "begin": event_name("begin")(use_websocket_sessions()(begin)),
    }
    store = CountingStore()
    services = ServiceManager(Settings(session_store="memory:")).set(Store, store)
    app = services.get(outer(type("Root", (SocketIOController,), events))).attach()
    async with app.lifespan(), TestClient(app) as client:
        yield Socket(client, store, services)


@pytest.mark.parametrize(("outer", "inner"), [(True, False), (False, True), (True, True)])
async def test_either_begins_the_session_of_a_socket(outer: bool, inner: bool) -> None:
    """It is one, committed once; later events read it once, and touch it once."""
    both = [use_websocket_sessions(create=create) for create in (outer, inner)]
    async with connected(*both) as here:
        assert (await here.ask())["data"]["session"] is True
        assert here.store.done == {"written": 1}
        assert not here.sockets._begun, "what was begun has been ended"
        assert (await here.ask())["data"]["session"] is True
        assert here.store.done == {"read": 1, "written": 1}


async def test_an_event_may_require_what_its_class_creates() -> None:
    """A session that was only begun is not there yet; it is when the socket has one."""
    async with connected(use_websocket_sessions(), use_websocket_sessions(required=True)) as here:
        assert (await here.ask())["error"] == NO_TOKEN
        assert not here.sockets._begun
        assert (await here.ask())["data"]["session"] is True, "the refusal has kept what the class began"
    required, creating = use_websocket_sessions(required=True), use_websocket_sessions()
    async with connected(required, creating) as here:
        assert (await here.ask())["error"] == NO_TOKEN
        assert here.store.done == {}


async def test_the_inner_one_finds_the_user_of_a_socket() -> None:
    def find(id: int) -> str | None:  # noqa: A002
        return {1: "Ada"}.get(id)

    async with connected(use_websocket_sessions(), use_websocket_sessions(user=find)) as here:
        await here.ask(1)
        assert (await here.ask())["data"]["user"] == "Ada"
        await here.ask(2)
        assert (await here.ask())["error"] == NO_USER


async def test_one_that_was_destroyed_in_between_is_not_required() -> None:
    async def log_out(ctx: WebsocketContext, services: ServiceManager) -> None:
        if not ctx.session.is_new:
            await ctx.session.destroy()

    async with connected(use_websocket_sessions(), use_websocket_sessions(required=True), log_out) as here:
        await here.ask()
        assert (await here.ask())["error"] == NO_TOKEN
