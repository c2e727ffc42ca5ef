"""The app of tests/wire: events that show what came in, and time for a busy machine.

`app` is for clients without a foreign page, and `sharing` lets the pages of one other origin in. Both wait a minute for
anything, which no test lasts. `timed` is for the tests that are about time: at the path of PINGS it pings often and has
to be answered, and at the path of JOINS its clients have to join and to upgrade, in the time that a machine may be held
up and a little more.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from whinny import (
    ConnectionRefused,
    ServerOptions,
    ServiceManager,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    event_name,
)

MINUTE = 60.0

PATIENT = ServerOptions(
    ping_interval=MINUTE,
    ping_timeout=MINUTE,
    upgrade_timeout=MINUTE,
    connect_timeout=MINUTE,
    max_http_buffer_size=1_000_000,
)
PINGS = replace(PATIENT, path="/pings", ping_interval=0.3, ping_timeout=4.0)
JOINS = replace(PATIENT, path="/joins", connect_timeout=4.0, upgrade_timeout=4.0)


class Departures:
    """Why sockets went, by their ids."""

    def __init__(self) -> None:
        self._reasons: dict[str, asyncio.Future[str]] = {}

    def of(self, socket_id: str) -> asyncio.Future[str]:
        return self._reasons.setdefault(socket_id, asyncio.get_running_loop().create_future())


departures = Departures()


class WireController(SocketIOController):
    options = PATIENT

    async def on_connection(self, ctx: WebsocketContext) -> None:
        auth = ctx.socket.handshake.auth or {}
        if auth.get("refuse") == "plainly":
            raise ConnectionRefused("no entry")
        if auth.get("refuse"):
            raise ConnectionRefused("no entry", {"code": 7})
        if auth.get("crash"):
            raise ValueError("a secret of the house")
        if auth.get("hang"):
            await asyncio.Event().wait()

    def on_disconnect(self, ctx: WebsocketContext, reason: str) -> None:
        departures.of(ctx.socket.id).set_result(reason)

    @event_name("echo")
    def echo(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(list(ctx.args))

    @event_name("back")
    def back(self, ctx: WebsocketContext) -> None:
        ctx.socket.emit("back", *ctx.args)

    @event_name("ask")
    async def ask(self, ctx: WebsocketContext, question: Any) -> None:
        ctx.socket.emit("answered", await ctx.socket.emit_with_ack("question", question, timeout=3))

    @event_name("auth")
    def auth(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(ctx.socket.handshake.auth)

    @event_name("id")
    def id(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(ctx.socket.id)

    @event_name("leave")
    def leave(self, ctx: WebsocketContext, close: Any) -> None:
        ctx.socket.disconnect(close=close)

    @event_name("reason")
    async def reason(self, ctx: WebsocketContext, socket_id: str) -> WebsocketResponse:
        return WebsocketResponse(await departures.of(socket_id))


class CustomController(WireController):
    namespace = "/custom"


class SharingController(WireController):
    options = replace(PATIENT, cors_allowed_origins=["https://app.example"], cors_credentials=True)


class PingsController(WireController):
    options = PINGS


class JoinsController(WireController):
    options = JOINS


services = ServiceManager()
services.get(WireController).attach()
app = services.get(CustomController).attach()
sharing = ServiceManager().get(SharingController).attach()
timed = ServiceManager().get(JoinsController).attach(ServiceManager().get(PingsController).attach())
