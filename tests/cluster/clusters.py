"""Clusters of each kind, and how a test knows that everything has arrived."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Protocol

from redis.asyncio import Redis

from cluster.members import (
    NAMESPACES,
    PATIENCE,
    SILENT,
    Client,
    ClusterServer,
    NodeServer,
    Whom,
    node_server,
    whinny_server,
)
from whinny import RedisAdapter, ShardedRedisAdapter

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from cluster.node import Node
    from whinny.cluster import ClusterAdapter


def looks_like_an_id(room: str) -> bool:
    """Whether it has the length of a socket's id, as JavaScript counts: such a room has no channel of its own."""
    return len(room.encode("utf-16-le")) == 2 * 20


class Sender(Protocol):
    """A server, or an emitter."""

    async def emit(self, *args: Any, whom: Whom) -> None: ...


@dataclass(frozen=True)
class Kind:
    """What a cluster is made of. Operations begin at its first server."""

    name: str
    adapter: str = ""
    servers: tuple[str, ...] = ("a", "b", "c")
    options: dict[str, Any] = field(default_factory=dict)
    node_options: dict[str, Any] = field(default_factory=dict)

    @property
    def has_node(self) -> bool:
        return "node" in self.servers

    @property
    def is_sharded(self) -> bool:
        return self.adapter == "sharded"


MEMORY: Final = Kind("memory")
CLASSIC: Final = Kind("classic", "classic")
SHARDED: Final = Kind("sharded", "sharded")
TO_NODE: Final = ("a", "b", "node")
FROM_NODE: Final = ("node", "a", "b")
ON_WHINNY: Final = (MEMORY, CLASSIC, SHARDED)
WITH_NODE: Final = (
    Kind("classic to Node", "classic", TO_NODE),
    Kind("classic from Node", "classic", FROM_NODE),
    Kind("sharded to Node", "sharded", TO_NODE),
    Kind("sharded from Node", "sharded", FROM_NODE),
)


class Cluster:
    """Servers that know each other. In the cluster of one, all names are of the same server."""

    def __init__(self, kind: Kind, redis_url: str, node: Node | None, key: str = "") -> None:
        self.kind = kind
        self.key = key or f"test-{secrets.token_hex(6)}"
        self.redis_url = redis_url
        self.node = node
        self.stack = AsyncExitStack()
        self.servers: list[ClusterServer] = []
        self.clients: list[Client] = []
        self._fences = count(1)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self.redis = await stack.enter_async_context(Redis.from_url(self.redis_url))
            for name in self.kind.servers:
                self.servers.append(await self._server(name, stack))
            await self.has_servers(self.size)
            self.stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stack.aclose()

    async def _server(self, name: str, stack: AsyncExitStack) -> ClusterServer:
        if not self.kind.adapter:
            return self.servers[0] if self.servers else await whinny_server(name, None, stack)
        if name != "node":
            return await whinny_server(name, self.adapter(), stack)
        assert self.node is not None
        prefix = "channelPrefix" if self.kind.is_sharded else "key"
        options = {prefix: self.key, **self.kind.node_options}
        sharded, url = self.kind.is_sharded, self.redis_url
        return await node_server(self.node, stack, sharded=sharded, redis=url, options=options)

    def adapter(self) -> ClusterAdapter:
        """What makes a server one of this cluster."""
        if self.kind.is_sharded:
            return ShardedRedisAdapter(self.redis_url, channel_prefix=self.key, **self.kind.options)
        return RedisAdapter(self.redis_url, key=self.key, **self.kind.options)

    @property
    def size(self) -> int:
        """How many servers there are."""
        return len({id(each) for each in self.servers})

    @property
    def whinny(self) -> list[Any]:
        """The servers on Whinny."""
        return [each for each in self.servers if not isinstance(each, NodeServer)]

    async def open(self, server: ClusterServer, *rooms: str, namespace: str = "/", **about: Any) -> Client:
        """A new client, in these rooms."""
        about = {"answer": SILENT, "headers": {}, "auth": {}, **about}
        client = await server.open(namespace=namespace, **about)
        self.clients.append(client)
        if rooms:
            await server.join(*rooms, whom=Whom((client.id,), namespace=namespace, flags=("local",)))
            await self.rooms_are_heard()
        return client

    async def one_each(self, *rooms: str, **about: Any) -> list[Client]:
        """A new client of each server; its answer is the server's name and what is no ASCII."""
        return [
            await self.open(server, *rooms, **{"answer": {"of": f"{name} ünï", "b": b"\x00\xff"}, **about})
            for name, server in zip(self.kind.servers, self.servers, strict=True)
        ]

    # waiting

    async def heard(self, *senders: Sender) -> list[list[list[Any]]]:
        """What each client was sent, in the order of their coming, of all that these servers or emitters have done.

        Without senders, those are all servers. A sender's messages keep their order, so everything has arrived when
        one arrives that is sent after it.
        """
        heard: list[list[list[Any]]] = [[] for _ in self.clients]
        for sender in senders or self.servers:
            fence = next(self._fences)
            for namespace in NAMESPACES:
                await sender.emit("fence", fence, whom=Whom(namespace=namespace))
            for messages, client in zip(heard, self.clients, strict=True):
                if not client.is_gone:
                    messages += await client.heard(fence)
        return heard

    async def settle(self) -> None:
        """Everything that was begun is done on all servers, and every server hears its rooms."""
        await self.heard()
        await self.rooms_are_heard()

    async def rooms_are_heard(self) -> None:
        """Wait until the servers hear the channels of their rooms: with rooms of their own, that takes a moment.

        What is sent to a room in that moment does not reach a server whose first member has just come into it. That is
        so with Node's servers as well; nothing but this moment is without guarantee.
        """
        if not self.kind.is_sharded:
            return
        mode = self.kind.options.get("subscription_mode", "dynamic")
        for namespace in NAMESPACES:
            expected: dict[str, int] = {}
            for server in self.servers:
                for room in await server.rooms(namespace):
                    if mode == "dynamic-private" or (mode == "dynamic" and not looks_like_an_id(room)):
                        channel = f"{self.key}#{namespace}#{room}#"
                        expected[channel] = expected.get(channel, 0) + 1
            await self.subscribed("SHARDNUMSUB", expected)

    async def has_servers(self, number: int) -> None:
        """Wait until Redis knows of so many servers in every namespace."""
        if self.kind.is_sharded:
            await self.subscribed("SHARDNUMSUB", {f"{self.key}#{each}#": number for each in NAMESPACES})
        elif self.kind.adapter:
            await self.subscribed("NUMSUB", {f"{self.key}-request#{each}#": number for each in NAMESPACES})

    async def subscribed(self, command: str, expected: dict[str, int]) -> None:
        """Wait until these channels have so many subscribers."""
        end = time.monotonic() + PATIENCE
        while expected:
            found = await self.redis.execute_command("PUBSUB", command, *expected)
            if dict(zip(found[::2], found[1::2], strict=True)) == {k.encode(): n for k, n in expected.items()}:
                return
            assert time.monotonic() < end, f"waited {PATIENCE} s for subscriptions: {found}, not {expected}"
            await asyncio.sleep(0.002)
