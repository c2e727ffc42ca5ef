"""Uses that type checkers must refuse: mypy and pyright complain of an ignore that ignores nothing."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from whinny import (
    DisconnectReason,
    ServerOptions,
    ServiceManager,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    WsServer,
    dependency,
    event_name,
    merge_websocket_hooks,
    validate_payload,
    websocket_hook,
    ws_controller,
)
from whinny.testing import RecordingSocket, TestClient, create_controller


class User:
    name = "Ada"


def not_a_hook(ctx: WebsocketContext) -> None: ...


def wrong_result(ctx: WebsocketContext, services: ServiceManager) -> int:
    return 3


websocket_hook(not_a_hook)  # type: ignore[arg-type]
websocket_hook(wrong_result)  # type: ignore[arg-type]
merge_websocket_hooks(wrong_result)  # type: ignore[arg-type]
ws_controller("users ", User())  # type: ignore[arg-type]
event_name(3)  # type: ignore[arg-type]
validate_payload("string")  # type: ignore[arg-type]
validate_payload({}, coerce_types="yes")  # type: ignore[arg-type]
ServerOptions(conect_timeout=1)  # type: ignore[call-arg]
ServerOptions(connect_timeout="1")  # type: ignore[arg-type]
dependency("WsServer")  # type: ignore[arg-type]
ServiceManager().get("user")  # type: ignore[arg-type]


create_controller(User, ws_server=3).nothing()  # type: ignore[attr-defined]
RecordingSocket(auth="token")  # type: ignore[arg-type]
TestClient("app")  # type: ignore[arg-type]


class Controller(SocketIOController):
    ws_server = dependency(WsServer)

    @event_name("answers a number")  # type: ignore[type-var]
    def answers_a_number(self) -> int:
        return 3

    @event_name("typed")
    async def typed(self, ctx: WebsocketContext[User], payload: int) -> WebsocketResponse:
        print(ctx.user.name)  # type: ignore[union-attr]
        ctx.user = "Ada"  # type: ignore[assignment]
        ctx.socket.emit(3)  # type: ignore[arg-type]
        ctx.socket.join(3)  # type: ignore[arg-type]
        ctx.socket.broadcast.emmit("x")  # type: ignore[attr-defined]
        self.ws_server.emit("x")  # type: ignore[attr-defined]
        return WebsocketResponse()


class WrongOverrides(SocketIOController):
    namespace = 3  # type: ignore[assignment]

    def on_connection(self, ctx: WebsocketContext) -> int:  # type: ignore[override]
        return 3

    def on_disconnect(self, ctx: WebsocketContext, reason: DisconnectReason, more: int) -> None:  # type: ignore[override]
        ...

    async def handle_error(self, error: Exception, ctx: WebsocketContext) -> str:  # type: ignore[override]
        return "no"


async def misuse(controller: Controller, ctx: WebsocketContext[User]) -> None:
    await controller.typed(ctx, "3")  # type: ignore[arg-type]
    await controller.typed(ctx)  # type: ignore[call-arg]
