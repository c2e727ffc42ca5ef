"""The app of the tests in which clients read slowly or never, send without end, or are there when the server ends.

`small` lets little wait for a client, and `app` what it lets by default.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from glob import glob
from typing import TYPE_CHECKING, Any

from whinny import (
    ServerOptions,
    ServiceManager,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    WsServer,
    dependency,
    event_name,
)

if TYPE_CHECKING:
    from whinny import DisconnectReason

MIB = 1024 * 1024


class PressureController(SocketIOController):
    options = ServerOptions(max_http_buffer_size=2 * MIB)
    ws_server = dependency(WsServer)

    def __init__(self) -> None:
        self.departures: Counter[str] = Counter()
        self.gate = asyncio.Event()
        self.arrived: list[int] = []

    def on_connection(self, ctx: WebsocketContext) -> None:
        ctx.socket.data["label"] = (ctx.socket.handshake.auth or {}).get("label", "")
        ctx.socket.join(ctx.socket.data["label"] or "nameless")

    def on_disconnect(self, ctx: WebsocketContext, reason: DisconnectReason) -> None:
        self.departures[f"{ctx.socket.data['label']}: {reason}"] += 1
        print(f"gone: {ctx.socket.data['label']}: {reason}")

    @event_name("echo")
    def echo(self, ctx: WebsocketContext, payload: Any) -> WebsocketResponse:
        return WebsocketResponse(payload)

    @event_name("echo more")
    def echo_more(self, ctx: WebsocketContext, payload: int, *more: str) -> WebsocketResponse:
        return WebsocketResponse(more[0])

    @event_name("echo binary")
    def echo_binary(self, ctx: WebsocketContext, payload: bytes) -> None:
        ctx.socket.emit("binary", payload)

    @event_name("leave")
    def leave(self, ctx: WebsocketContext) -> None:
        ctx.socket.disconnect(close=True)

    @event_name("news")
    def news(self, ctx: WebsocketContext, payload: Any) -> None:
        self.ws_server.io.emit("news", payload)

    @event_name("sockets")
    def sockets(self, ctx: WebsocketContext) -> WebsocketResponse:
        """How many sockets this process has for clients."""
        links = [os.readlink(path) for path in glob("/proc/self/fd/*") if os.path.islink(path)]
        return WebsocketResponse(sum(link.startswith("socket:") for link in links))

    @event_name("departures")
    def tell_departures(self) -> WebsocketResponse:
        return WebsocketResponse(dict(self.departures))

    @event_name("members")
    async def members(self, ctx: WebsocketContext, room: str) -> WebsocketResponse:
        return WebsocketResponse(len(await self.ws_server.io.in_(room).fetch_sockets()))

    @event_name("broadcast")
    async def broadcast(self, ctx: WebsocketContext, payload: dict[str, Any]) -> WebsocketResponse:
        """Numbered messages to everybody, four a millisecond; all readers are asked now and then to have kept up."""
        everybody = self.ws_server.io.except_("observer")
        for number in range(payload["count"]):
            (everybody.volatile if payload["volatile"] else everybody).emit("bulk", number, "x" * payload["size"])
            if number % 4 == 3:
                await asyncio.sleep(0.001)
            if number % 40 == 39:
                await self.ws_server.io.to("reader").timeout(10).emit_with_ack("settle")
        return WebsocketResponse()

    @event_name("series")
    async def series(self, ctx: WebsocketContext, payload: dict[str, int]) -> WebsocketResponse:
        """Numbered messages to the client alone; it is asked to have kept up after each so many."""
        for number in range(payload["count"]):
            ctx.socket.emit("bulk", number, "x" * payload["size"])
            if number % payload["block"] == payload["block"] - 1:
                await ctx.socket.emit_with_ack("settle", timeout=20)
        return WebsocketResponse()

    @event_name("large")
    def large(self, ctx: WebsocketContext, payload: int) -> None:
        ctx.socket.emit("large", b"x" * payload)
        print("a large message")

    @event_name("arrive")
    def arrive(self, ctx: WebsocketContext, payload: int, *more: Any) -> None:
        self.arrived.append(payload)

    @event_name("arrive at the gate")
    async def arrive_at_the_gate(self, ctx: WebsocketContext, payload: int, *more: Any) -> None:
        self.arrived.append(payload)
        await self.gate.wait()

    @event_name("open the gate")
    def open_the_gate(self, ctx: WebsocketContext) -> WebsocketResponse:
        self.gate.set()
        return WebsocketResponse()

    @event_name("arrived")
    def tell_arrived(self) -> WebsocketResponse:
        return WebsocketResponse({"count": len(self.arrived), "in order": self.arrived == sorted(self.arrived)})

    @event_name("work")
    async def work(self, ctx: WebsocketContext, payload: float) -> WebsocketResponse:
        """Takes so many seconds, unless it is stopped."""
        print("the work begins")
        try:
            await asyncio.sleep(payload)
        except asyncio.CancelledError:
            print("the work was stopped")
            raise
        print("the work is done")
        return WebsocketResponse()


class SmallController(PressureController):
    options = ServerOptions(max_http_buffer_size=2 * MIB, max_send_buffer=MIB)


app = ServiceManager().get(PressureController).attach()
small = ServiceManager().get(SmallController).attach()
