"""The benchmark's events for Whinny, with the whole framework in their way: a hook, a JSON Schema, responses."""

from __future__ import annotations

import os
from typing import Any

from whinny import (
    RedisAdapter,
    ServiceManager,
    ShardedRedisAdapter,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    WsServer,
    dependency,
    event_name,
    validate_payload,
    websocket_hook,
)

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
}


ADAPTERS = {"classic": RedisAdapter, "sharded": ShardedRedisAdapter}


def adapter() -> RedisAdapter | ShardedRedisAdapter | None:
    """The way to the other servers, if there are any."""
    kind = os.environ.get("CLUSTER")
    return ADAPTERS[kind](os.environ["REDIS"]) if kind else None


def read_message_id(ctx: WebsocketContext, services: ServiceManager) -> None:
    """What hooks that log or trace do to every event: it makes the id."""
    _ = ctx.message_id


@websocket_hook(read_message_id)
class BenchmarkController(SocketIOController):
    """Answers what the load generator asks."""

    ws_server = dependency(WsServer)
    adapter = adapter()

    @event_name("echo")
    @validate_payload(SCHEMA)
    def echo(self, ctx: WebsocketContext, payload: dict[str, str]) -> WebsocketResponse:
        """Answer with what came."""
        return WebsocketResponse(payload)

    @event_name("echo async")
    @validate_payload(SCHEMA)
    async def echo_async(self, ctx: WebsocketContext, payload: dict[str, str]) -> WebsocketResponse:
        """The same as a coroutine."""
        return WebsocketResponse(payload)

    @event_name("echo plain")
    def echo_plain(self, ctx: WebsocketContext, payload: Any) -> WebsocketResponse:
        """The same for any payload."""
        return WebsocketResponse(payload)

    @event_name("publish")
    def publish(self, ctx: WebsocketContext, payload: Any) -> WebsocketResponse:
        """Send to every client."""
        self.ws_server.io.emit("msg", payload)
        return WebsocketResponse()

    @event_name("join")
    def join(self, ctx: WebsocketContext, payload: dict[str, int]) -> WebsocketResponse:
        """Enter a number of rooms."""
        numbers = range(payload["first"], payload["first"] + payload["count"])
        ctx.socket.join([f"room {number}" for number in numbers])
        return WebsocketResponse()

    @event_name("publish room")
    def publish_room(self, ctx: WebsocketContext, payload: Any) -> WebsocketResponse:
        """Send to the first room."""
        self.ws_server.io.to("room 0").emit("msg", payload)
        return WebsocketResponse()

    @event_name("disconnect all")
    def disconnect_all(self, ctx: WebsocketContext) -> None:
        """Disconnect every client and close its connection."""
        self.ws_server.io.disconnect_sockets(close=True)


app = ServiceManager().get(BenchmarkController).attach()
