"""Two servers of one cluster in one process, a way to Redis that can be cut, and traffic whose messages are counted."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from whinny import RedisAdapter, ServiceManager, ShardedRedisAdapter, SocketIOController
from whinny.cluster.redis import link
from whinny.testing import TestClient
from whinny.websocket import WsServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from redis.asyncio import Redis

    from whinny.cluster import ClusterAdapter
    from whinny.serving import SocketIOApp

KINDS = ["classic", "sharded"]


async def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not come to that within {seconds} s"
        await asyncio.sleep(0.01)


def adapter_of(kind: str, redis: str | Redis, **options: Any) -> ClusterAdapter:
    return RedisAdapter(redis, **options) if kind == "classic" else ShardedRedisAdapter(redis, **options)


class One:
    """A server, and a client of it."""

    def __init__(self, adapter: ClusterAdapter) -> None:
        root = type("Root", (SocketIOController,), {"adapter": adapter})
        services = ServiceManager()
        self.app: SocketIOApp = services.get(root).attach()
        self.io = services.get(WsServer).io
        self.client = TestClient(self.app)

    @property
    def state(self) -> str:
        return self.io.health().state

    @property
    def is_ready(self) -> bool:
        return self.state == "ready"

    def got(self, event: str) -> list[Any]:
        """What the client has of an event, in the order in which it came."""
        return [each.payload for each in self.client.received if each.event == event]


@asynccontextmanager
async def serve(*servers: One) -> AsyncIterator[None]:
    """The servers run, each with its client."""
    if not servers:
        yield
        return
    first, *others = servers
    async with first.app.lifespan(), first.client, serve(*others):
        yield


@asynccontextmanager
async def pair(kind: str, ways: tuple[str | Redis, str | Redis], **options: Any) -> AsyncIterator[tuple[One, One]]:
    """Two servers that know of each other, by URLs or clients.

    They wait for Redis as long as it takes: a busy machine is no reason to go on without, and to say so in the log.
    """
    one, other = (One(adapter_of(kind, way, **options)) for way in ways)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(link, "START", 30.0)
        async with serve(one, other):
            await until(lambda: one.is_ready and other.is_ready)
            yield one, other


class Traffic:
    """Each of two servers emits numbers, to all clients, until the block ends."""

    def __init__(self, *servers: One, pause: float = 0.005) -> None:
        self._servers = servers
        self._pause = pause
        self.sent = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Traffic:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        while True:
            for index, server in enumerate(self._servers):
                server.io.emit(f"from {index}", self.sent)
            self.sent += 1
            await asyncio.sleep(self._pause)

    async def more(self, count: int = 20) -> None:
        """Go on until so many more were sent."""
        end = self.sent + count
        await until(lambda: self.sent >= end)


class Proxy:
    """A way to a port. New connections and those that there are can be cut, held up, or lead nowhere."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._refuses = False
        self._flows = asyncio.Event()
        self._flows.set()
        self._hole = 0
        """How many times the way has become a hole: what was open then stays in it."""
        self._is_hole = False
        self.accepted = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for _ in range(5):  # turns of the loop that a connection needs which is just taken
            await asyncio.sleep(0)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # in which the sockets are closed

    @property
    def open_connections(self) -> int:
        return len(self._writers) // 2

    def cut(self) -> None:
        """Break all connections."""
        for writer in list(self._writers):
            writer.transport.abort()

    def refuse(self) -> None:
        """Break all connections, and take no new ones."""
        self._refuses = True
        self.cut()

    def swallow(self) -> None:
        """Bytes go nowhere, and no end is told, for good for the connections that there are and come."""
        self._hole += 1
        self._is_hole = True

    def hold(self) -> None:
        """Bytes and ends wait until `flow`, as in a network that loses packets and sends them again."""
        self._flows.clear()

    def flow(self) -> None:
        """Take new connections, and bring what was held up."""
        self._refuses = self._is_hole = False
        self._flows.set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))  # asyncio's own one complains when it is cancelled
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.transport.abort())  # also when it never began

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self._refuses:
            return
        hole = -1 if self._is_hole else self._hole
        try:
            back_reader, back = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            return
        both = {writer, back}
        self._writers |= both
        try:
            await asyncio.gather(self._pump(reader, back, hole), self._pump(back_reader, writer, hole))
        finally:
            self._writers -= both
            for each in both:
                each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hole: int) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._flows.wait()
                if hole == self._hole:
                    writer.write(data)
                    await writer.drain()
        await self._flows.wait()
        if hole == self._hole:
            writer.close()
