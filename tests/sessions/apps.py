"""An app with a login over HTTP and sessions in its events; and a store that can be made to fail."""

from __future__ import annotations

import asyncio
from typing import Any

from whinny import (
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    dependency,
    event_name,
    ws_controller,
)
from whinny.http import (
    Context,
    HttpResponse,
    HttpResponseNoContent,
    HttpResponseOK,
    create_app,
    get,
    hook,
    post,
    use_sessions,
)
from whinny.serving import SocketIOApp
from whinny.sessions import MemoryStore, Sessions, SessionState, Store
from whinny.websocket import forward_http_session_to_websocket, use_websocket_sessions


class FailingStore(MemoryStore):
    """Raises on the operations that are named in `broken`, before it does anything."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: set[str] = set()

    def _check(self, name: str) -> None:
        if name in self.broken:
            raise OSError(f"the store is gone, said the test's {name}")

    async def save(self, state: SessionState, idle: float) -> None:
        self._check("save")
        await super().save(state, idle)

    async def read(self, id: str) -> SessionState | None:  # noqa: A002
        self._check("read")
        return await super().read(id)

    async def touch(self, id: str, updated_at: float, idle: float) -> bool:  # noqa: A002
        self._check("touch")
        return await super().touch(id, updated_at, idle)

    async def replace(self, id: str, state: SessionState, idle: float) -> bool:  # noqa: A002
        self._check("replace")
        return await super().replace(id, state, idle)


class Gate:
    """Where methods wait until the test lets them go on."""

    def __init__(self) -> None:
        self._reached = asyncio.Event()
        self._opened = asyncio.Event()

    async def wait(self) -> None:
        """What a method calls."""
        self._reached.set()
        await self._opened.wait()

    async def reached(self) -> None:
        """A method waits there."""
        await asyncio.wait_for(self._reached.wait(), 20)

    def open(self) -> None:
        """Nobody waits any longer."""
        self._opened.set()


USERS = {1: "Ada", 2: "Grace"}


async def find_user(id: int, services: ServiceManager) -> str | None:  # noqa: A002
    """A user's name."""
    await asyncio.sleep(0)
    return USERS.get(id)


class LoginController:
    """By cookie under /cookie, by bearer token under /bearer."""

    sessions = dependency(Sessions)

    @post("/cookie/log-in/{id:int}")
    @use_sessions(cookie=True)
    def log_in(self, ctx: Context) -> HttpResponse:
        ctx.session.set_user(ctx.path_params["id"])
        ctx.session.regenerate()
        return HttpResponseOK({"csrf": ctx.session.csrf_token})

    @post("/bearer/log-in/{id:int}")
    @use_sessions()
    async def log_in_with_token(self, ctx: Context) -> HttpResponse:
        ctx.session = self.sessions.create()
        ctx.session.set_user(ctx.path_params["id"])
        return HttpResponseOK({"token": ctx.session.token})

    @post("/cookie/log-out")
    @use_sessions(cookie=True)
    async def log_out(self, ctx: Context) -> HttpResponse:
        await ctx.session.destroy()
        return HttpResponseNoContent()

    @post("/cookie/regenerate")
    @use_sessions(cookie=True)
    def regenerate(self, ctx: Context) -> HttpResponse:
        ctx.session.regenerate()
        return HttpResponseNoContent()

    @post("/cookie/regenerate-slowly")
    @hook(lambda ctx, services: lambda response: services.get(Gate).wait())
    @use_sessions(cookie=True)
    def regenerate_slowly(self, ctx: Context) -> HttpResponse:
        ctx.session.regenerate()
        return HttpResponseNoContent()

    @post("/cookie/set/{key}/{value}")
    @use_sessions(cookie=True)
    async def set(self, ctx: Context) -> HttpResponse:
        await asyncio.sleep(0.01)
        ctx.session.set(ctx.path_params["key"], ctx.path_params["value"])
        return HttpResponseNoContent()

    @get("/cookie/me")
    @use_sessions(cookie=True, user=find_user)
    def me(self, ctx: Context) -> HttpResponse:
        return HttpResponseOK({"user": ctx.user, "content": _shown(ctx.session)})


def _shown(session: Any) -> dict[str, Any] | None:
    if session is None:
        return None
    return {key: value for key, value in session.content.items() if key != "csrf_token"}


class EventController:
    """Events with a session."""

    gate = dependency(Gate)

    @event_name("me")
    @use_websocket_sessions(user=find_user)
    def me(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse({"user": ctx.user, "user_id": ctx.session.user_id, "content": _shown(ctx.session)})

    @event_name("set")
    @use_websocket_sessions()
    async def set(self, ctx: WebsocketContext, payload: dict[str, Any]) -> WebsocketResponse:
        for key, value in payload.items():
            await asyncio.sleep(0.01)
            ctx.session.set(key, value)
        return WebsocketResponse(ctx.session.id)

    @event_name("log in")
    @use_websocket_sessions()
    def log_in(self, ctx: WebsocketContext, payload: int) -> WebsocketResponse:
        ctx.session.set_user(payload)
        return WebsocketResponse(ctx.session.token)

    @event_name("regenerate")
    @use_websocket_sessions()
    def regenerate(self, ctx: WebsocketContext) -> WebsocketResponse:
        ctx.session.regenerate()
        return WebsocketResponse(ctx.session.token)

    @event_name("slow")
    @use_websocket_sessions()
    async def slow(self, ctx: WebsocketContext) -> WebsocketResponse:
        await self.gate.wait()
        return WebsocketResponse(ctx.session.user_id)

    @event_name("log out slowly")
    @use_websocket_sessions()
    async def log_out_slowly(self, ctx: WebsocketContext) -> WebsocketResponse:
        await ctx.session.destroy()
        await asyncio.sleep(0.02)
        return WebsocketResponse("bye")

    @event_name("log out")
    @use_websocket_sessions()
    async def log_out(self, ctx: WebsocketContext) -> WebsocketResponse:
        await ctx.session.destroy()
        return WebsocketResponse()

    @event_name("fail")
    @use_websocket_sessions()
    def fail(self, ctx: WebsocketContext) -> WebsocketResponse:
        ctx.session.set("half", "done")
        raise ValueError("an error of the test")

    @event_name("without creating")
    @use_websocket_sessions(create=False)
    def without_creating(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(ctx.session is None)

    @event_name("required")
    @use_websocket_sessions(required=True)
    def required(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(ctx.session.user_id)


class Forwarding(SocketIOController):
    """Forwards the session of a cookie; that of a bearer token in its other namespace."""

    sub_controllers = (ws_controller("", EventController),)

    async def on_connection(self, ctx: WebsocketContext) -> None:
        await forward_http_session_to_websocket(ctx, cookie=True, user=find_user)
        ctx.socket.data["user"] = ctx.user


class ForwardingBearer(SocketIOController):
    """Forwards the session of a bearer token."""

    namespace = "/bearer"
    sub_controllers = (ws_controller("", EventController),)

    async def on_connection(self, ctx: WebsocketContext) -> None:
        await forward_http_session_to_websocket(ctx, user=find_user)


class RequiringBearer(ForwardingBearer):
    """Lets nobody in without one."""

    namespace = "/required"

    async def on_connection(self, ctx: WebsocketContext) -> None:
        await forward_http_session_to_websocket(ctx, required=True, user=find_user)


class RequiringCookie(ForwardingBearer):
    """Lets nobody in without one."""

    namespace = "/required-cookie"

    async def on_connection(self, ctx: WebsocketContext) -> None:
        await forward_http_session_to_websocket(ctx, cookie=True, required=True, user=find_user)


ROOTS = (Forwarding, ForwardingBearer, RequiringBearer, RequiringCookie)


def make_app(store: Store | None = None, **settings: Any) -> tuple[SocketIOApp, ServiceManager]:
    """The app over a store, one in memory unless another is given."""
    services = ServiceManager(Settings(**{"session_store": "memory:", **settings}))
    if store is not None:
        services.set(Store, store)
    for root in ROOTS[1:]:
        services.get(root).attach()
    return services.get(Forwarding).attach(create_app(LoginController, services)), services
