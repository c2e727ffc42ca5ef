"""A server of a cluster, for official clients: see tests/cluster/test_node.py."""

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
    event_name,
)

URL, KEY = os.environ["CLUSTER_REDIS"], os.environ["CLUSTER_KEY"]


class ClusterController(SocketIOController):
    if os.environ["CLUSTER_KIND"] == "sharded":
        adapter = ShardedRedisAdapter(URL, channel_prefix=KEY)
    else:
        adapter = RedisAdapter(URL, key=KEY)

    @event_name("join")
    async def join(self, ctx: WebsocketContext, payload: str) -> WebsocketResponse:
        ctx.socket.join(payload)
        return WebsocketResponse()

    @event_name("to all")
    async def to_all(self, ctx: WebsocketContext, payload: Any) -> WebsocketResponse:
        ctx.socket.namespace.emit("to all", payload)
        return WebsocketResponse()

    @event_name("to the others")
    async def to_the_others(self, ctx: WebsocketContext, payload: Any) -> WebsocketResponse:
        ctx.socket.to("r").emit("to the others", payload)
        return WebsocketResponse()

    @event_name("ask all")
    async def ask_all(self, ctx: WebsocketContext) -> WebsocketResponse:
        answers = await ctx.socket.namespace.emit_with_ack("question", timeout=5)
        return WebsocketResponse(sorted(answers))

    @event_name("who")
    async def who(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(sorted(each.id for each in await ctx.socket.namespace.fetch_sockets()))


class Chat(ClusterController):
    namespace = "/chat"


services = ServiceManager()
app = services.get(ClusterController).attach()
services.get(Chat).attach()
