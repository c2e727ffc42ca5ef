"""Uses of the public names that type checkers must take, with the types that come out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, assert_type

from whinny import (
    AnyResponse,
    BroadcastOperator,
    ConnectionRefused,
    DisconnectReason,
    HookDecorator,
    OperatorLike,
    PostFunction,
    RemoteSocket,
    Server,
    ServerOptions,
    ServiceManager,
    Settings,
    Socket,
    SocketIOApp,
    SocketIOController,
    SocketLike,
    WebsocketContext,
    WebsocketErrorResponse,
    WebsocketResponse,
    WsServer,
    dependency,
    event_name,
    get_websocket_hook_function,
    merge_websocket_hooks,
    render_websocket_error,
    validate_payload,
    websocket_hook,
    ws_controller,
)
from whinny.testing import RecordingSocket, create_controller


@dataclass
class User:
    name: str


class Store(ABC):
    @abstractmethod
    async def read(self, key: str) -> str: ...


class Clock(Protocol):
    def now(self) -> float: ...


class MemoryStore(Store):
    async def read(self, key: str) -> str:
        return key


# services


class Service:
    store = dependency(Store)
    clock = dependency(Clock)
    ws_server = dependency(WsServer)

    def __init__(self) -> None:
        assert_type(self.store, Store)
        assert_type(self.clock, Clock)
        assert_type(self.ws_server.io, Server)


services = ServiceManager(Settings(debug=True)).set(Store, MemoryStore())
assert_type(services, ServiceManager)
assert_type(services.get(Store), Store)
assert_type(services.get(Service), Service)
assert_type(create_controller(Service, store=MemoryStore()), Service)


# hooks


def by_def(ctx: WebsocketContext, services: ServiceManager) -> WebsocketErrorResponse | None:
    return None if ctx.payload else WebsocketErrorResponse("empty")


async def by_async_def(ctx: WebsocketContext[User], services: ServiceManager) -> None:
    ctx.user = User("Ada")


def with_post_function(ctx: WebsocketContext, services: ServiceManager) -> Callable[[object], Awaitable[None]]:
    async def after(response: object) -> None: ...

    return after


def limit(times: int) -> HookDecorator:
    """A factory of hooks."""

    def check(ctx: WebsocketContext, services: ServiceManager) -> PostFunction | AnyResponse | None:
        return WebsocketErrorResponse("too often") if times > 3 else lambda response: None

    return websocket_hook(check)


both = merge_websocket_hooks(websocket_hook(by_def), websocket_hook(by_async_def), websocket_hook(with_post_function))
get_websocket_hook_function(both)(WebsocketContext("create", {"name": "x"}, RecordingSocket()), services)
get_websocket_hook_function(both)(WebsocketContext("create"), services)


# controllers: every decorator keeps the signature of what it decorates


@websocket_hook(by_def)
class UserController:
    @event_name("create")
    @both
    @validate_payload({"type": "object"}, coerce_types=True, use_defaults=True, remove_additional=True)
    async def create(self, ctx: WebsocketContext[User], payload: dict[str, int], *more: str) -> WebsocketResponse:
        assert_type(ctx.user, User | None)
        assert_type(ctx.state, dict[str, Any])
        return WebsocketResponse(payload)

    @event_name("delete")
    @limit(3)
    @websocket_hook(lambda ctx, services: WebsocketErrorResponse("never"))
    def delete(self, ctx: WebsocketContext) -> WebsocketResponse | WebsocketErrorResponse | None:
        assert_type(ctx.user, Any | None)
        return None

    @event_name("nothing")
    @validate_payload(lambda self: True)
    def nothing(self) -> None: ...

    @event_name("unannotated")
    def unannotated(self, ctx, payload):  # type: ignore[no-untyped-def]
        return WebsocketResponse()


async def call_it(controller: UserController, ctx: WebsocketContext[User]) -> None:
    assert_type(await controller.create(ctx, {"a": 1}, "b"), WebsocketResponse)
    assert_type(controller.delete(WebsocketContext("delete")), WebsocketResponse | WebsocketErrorResponse | None)
    made: UserController = UserController()
    await made.create(ctx, {})


class ByDef(SocketIOController):
    sub_controllers = (ws_controller("users ", UserController), UserController)
    options = ServerOptions(connect_timeout=60.0, cors_allowed_origins=["https://app.example"])
    namespace = "/admin"

    def on_connection(self, ctx: WebsocketContext) -> None:
        raise ConnectionRefused("no", {"code": 1})

    def on_disconnect(self, ctx: WebsocketContext, reason: DisconnectReason) -> None: ...

    def handle_error(self, error: Exception, ctx: WebsocketContext) -> WebsocketErrorResponse | None:
        return render_websocket_error(error, ctx)


class ByAsyncDef(SocketIOController):
    async def on_connection(self, ctx: WebsocketContext[User]) -> None: ...

    async def on_disconnect(self, ctx: WebsocketContext[User], reason: DisconnectReason) -> None: ...

    async def handle_error(self, error: Exception, ctx: WebsocketContext[User]) -> WebsocketResponse:
        return WebsocketResponse()


app = services.get(ByDef).attach()
assert_type(app, SocketIOApp)


# sockets and operators


def takes_any_socket(socket: SocketLike, operator: OperatorLike) -> None: ...


async def talk(ctx: WebsocketContext, socket: Socket, io: Server) -> None:
    takes_any_socket(socket, io)
    takes_any_socket(RecordingSocket(), RecordingSocket().broadcast)
    takes_any_socket(ctx.socket, ctx.socket.to("a", ["b", "c"]).except_("d").volatile.local)
    assert_type(socket.to("a"), BroadcastOperator)
    assert_type(socket.rooms, frozenset[str])
    assert_type(ctx.socket.data, dict[str, Any])
    answer: str = await ctx.socket.timeout(1.5).emit_with_ack("question", b"bytes", None)
    answers: list[Any] = await io.of("/admin").to("a").emit_with_ack("question", timeout=2)
    sockets = await io.fetch_sockets()
    assert_type(sockets, list[Socket | RemoteSocket])
    ctx.socket.emit("answers", answer, answers)
