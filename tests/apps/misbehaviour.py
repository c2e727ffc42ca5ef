"""The scenario app with handlers that fail, hang, outlive their clients, or repeat what hostile clients say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, ClassVar

from apps.scenarios import ScenarioController
from apps.scenarios_http import inner_app
from whinny import (
    ServerOptions,
    ServiceManager,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    event_name,
    websocket_hook,
    ws_controller,
)
from whinny.framework import HookDecorator, SubController


async def hang() -> None:
    """Never ends by itself."""
    await asyncio.Event().wait()


def post(function: Callable[[], Any]) -> HookDecorator:
    """A hook whose post function this is."""
    return websocket_hook(lambda ctx, services: lambda response: function())


async def fail_later() -> None:
    """Fails after a moment."""
    await asyncio.sleep(0.05)
    raise LookupError("failed later")


class Misbehaving:
    """Each event does one thing that it should not."""

    @event_name("fail")
    def fail(self) -> None:
        raise LookupError("failed")

    @event_name("fail later")
    async def fail_after_a_wait(self) -> None:
        await fail_later()

    @event_name("fail in a hook")
    @websocket_hook(lambda ctx, services: fail_later())
    def fail_in_a_hook(self) -> None: ...

    @event_name("fail in a post function")
    @post(fail_later)
    def fail_in_a_post_function(self) -> WebsocketResponse:
        return WebsocketResponse()

    @event_name("cancel")
    async def cancel(self) -> None:
        raise asyncio.CancelledError

    @event_name("unsendable")
    async def unsendable(self) -> WebsocketResponse:
        return WebsocketResponse(object())

    @event_name("answer late")
    async def answer_late(self, ctx: WebsocketContext) -> WebsocketResponse:
        await asyncio.sleep(0.05)
        ctx.socket.emit("late", 1)
        ctx.socket.join("late")
        ctx.socket.broadcast.emit("late", 2)
        ctx.socket.disconnect()
        return WebsocketResponse("late")

    @event_name("ask")
    async def ask(self, ctx: WebsocketContext) -> None:
        try:
            await ctx.socket.emit_with_ack("question")
        finally:
            ctx.socket.broadcast.to("nobody").emit("over")

    @event_name("hang")
    async def hang_in_the_method(self) -> None:
        await hang()

    @event_name("hang in a hook")
    @websocket_hook(lambda ctx, services: hang())
    def hang_in_a_hook(self) -> None: ...

    @event_name("hang in a post function")
    @post(hang)
    def hang_in_a_post_function(self) -> None: ...


class Turns:
    """Numbered events of each kind, which note in which order they start and how many run at a time."""

    def __init__(self) -> None:
        self.started: list[int] = []
        self.running = 0
        self.most = 0
        self.gate = asyncio.Event()

    def begin(self, number: int) -> None:
        self.started.append(number)
        self.most = max(self.most, self.running + 1)

    @event_name("def")
    def plain(self, ctx: WebsocketContext, payload: int, *more: Any) -> None:
        self.begin(payload)

    @event_name("async")
    async def asynchronous(self, ctx: WebsocketContext, payload: int, *more: Any) -> None:
        self.begin(payload)
        self.running += 1
        await asyncio.sleep(0)
        self.running -= 1

    @event_name("async at the gate")
    async def at_the_gate(self, ctx: WebsocketContext, payload: int, *more: Any) -> None:
        self.begin(payload)
        self.running += 1
        await self.gate.wait()
        self.running -= 1

    @event_name("open the gate")
    def open_the_gate(self) -> WebsocketResponse:
        self.gate.set()
        return WebsocketResponse()

    @event_name("seen")
    def seen(self) -> WebsocketResponse:
        seen = {"started": self.started, "most": self.most, "running": self.running}
        return WebsocketResponse(json.loads(json.dumps(seen)))

    @event_name("reset")
    def reset(self) -> WebsocketResponse:
        self.started, self.running, self.most, self.gate = [], 0, 0, asyncio.Event()
        return WebsocketResponse()


class Careless:
    """Errors in the words of the client."""

    @event_name("value")
    def value(self, ctx: WebsocketContext) -> None:
        raise ValueError(ctx.payload)

    @event_name("key")
    async def key(self, ctx: WebsocketContext) -> None:
        await asyncio.sleep(0)
        {}[ctx.payload]

    @event_name("hook")
    @websocket_hook(lambda ctx, services: ctx.controller.value(ctx))
    def hook(self) -> None: ...


class Root(ScenarioController):
    """The root of all of them."""

    options = ServerOptions(max_concurrent_events=20)
    sub_controllers: ClassVar[tuple[SubController | type, ...]] = (  # type: ignore[assignment]
        *ScenarioController.sub_controllers,
        ws_controller("bad ", Misbehaving),
        ws_controller("turn ", Turns),
        ws_controller("say ", Careless),
    )

    async def on_connection(self, ctx: WebsocketContext) -> None:
        auth = ctx.socket.handshake.auth
        if auth.get("hang"):
            await hang()
        if "say" in auth:
            raise ValueError(auth["say"])
        await super().on_connection(ctx)

    async def on_disconnect(self, ctx: WebsocketContext, reason: str) -> None:  # type: ignore[override]
        super().on_disconnect(ctx, reason)
        if ctx.socket.handshake.auth.get("hang later"):
            await hang()


class Strict(SocketIOController):
    """Few events of a client at a time."""

    options = ServerOptions(max_concurrent_events=3)
    sub_controllers = (ws_controller("turn ", Turns),)


services = ServiceManager()
app = services.get(Root).attach(inner_app(services))
strict = ServiceManager().get(Strict).attach()
