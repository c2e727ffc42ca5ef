"""The way of one server to Redis: a connection that publishes, one that listens. Both come back by themselves."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import RedisError

from whinny.cluster.adapter import Health, MemoryAdapter, Peers
from whinny.cluster.redis.connection import Connection
from whinny.cluster.redis.listening import Listening
from whinny.cluster.redis.publishing import Publishing
from whinny.logs import brief, log_error

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger("whinny.cluster")

PATIENCE: Final = 3.0
"""Seconds that it may take to connect."""

START: Final = 2.0
"""Seconds that a server waits for Redis when it starts; it goes on without after that."""

FAREWELL: Final = 1.0
"""Seconds that a server which ends gives to what waits to be sent."""

PAUSES: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Seconds between attempts to connect; the last one again and again."""

SETTLE: Final = PATIENCE + PAUSES[-1] + 0.5
"""Seconds that a server which was cut off keeps what it has to send, at most: so long those that were cut off with it
may need to come back, and nobody sends it again to whoever comes too late. They need less where it was not long."""

STEADY: Final = 5.0
"""Seconds that a connection must have lasted for the pauses to begin anew."""


class Link:
    """The way to Redis of all namespaces of one server; `max_buffer` as Publishing has it."""

    def __init__(self, redis: Redis, max_buffer: int) -> None:
        self._redis = redis
        self._out = Publishing(max_buffer, self._look)
        self._in = Listening()
        self._tasks: list[asyncio.Task[None]] = []
        self._ready: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = ""  # the state that the log knows
        self._is_explained = True  # and whether it knows why
        self._ends = False
        self.returned: Callable[[], None] | None = None
        """Called when the link was degraded and is ready."""
        self.publish = self._out.publish
        self.ask = self._out.ask
        self.subscribe = self._in.subscribe
        self.unsubscribe = self._in.unsubscribe

    async def start(self) -> None:
        """Connect, and wait for that a while. Does nothing when it was started."""
        loop = asyncio.get_running_loop()
        if self._tasks and self._loop is loop:
            return
        if self._loop is not None and self._loop is not loop:  # which is over, with all that was in it
            self._out.leave_loop()
            self._in.over()
            self._in.end()
        self._loop = loop
        self._out.open()
        self._ready = asyncio.Event()
        self._told = ""
        self._ends = False
        self._tasks = [asyncio.create_task(self._stay_connected(each)) for each in (self._out, self._in)]
        with suppress(TimeoutError):
            async with asyncio.timeout(START):
                await self._ready.wait()
        if not self._ready.is_set():
            self._tell("degraded", "Redis has not answered yet")
            self._is_explained = False

    async def close(self) -> None:
        """Send what waits, if Redis takes it at once, and let go of the connections."""
        if not self._tasks:
            return
        if self._out.is_connected:
            self._out.release()
            with suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(FAREWELL):
                    await self.ask("PING")  # which is answered after everything that waits
        tasks, self._tasks = self._tasks, []
        self._ends = True  # a task that connects may keep its cancellation to itself
        while tasks:
            for task in tasks:
                task.cancel()
            _, pending = await asyncio.wait(tasks, timeout=0.1)
            tasks = list(pending)
        self._out.end()
        self._in.end()

    def check(self) -> None:
        """Raises ConnectionError while the others cannot be asked."""
        if not (self._in.is_up and self._out.is_up):
            raise ConnectionError("this server is cut off from the others")

    @property
    def taken(self) -> int:
        """How many messages were to be sent, or wait."""
        return self._out.taken

    @property
    def settled(self) -> int:
        """How many of these, the first ones, Redis has, unless they are lost."""
        return self._out.settled

    async def count(self, *command: str | bytes) -> int:
        """How many servers listen, by a command that says so; this one is among them. Raises ConnectionError."""
        self.check()
        _, count = await self.ask(*command)
        if int(count) < 1:
            raise ConnectionError("Redis does not know of this server")
        return int(count)

    def health(self) -> Health:
        """How it stands."""
        is_ready = self._out.is_up and self._in.is_up and not self._out.refused
        return Health("ready" if is_ready else "degraded", self._out.waiting, self._out.lost)

    async def _stay_connected(self, line: Publishing | Listening) -> None:
        failures = 0
        gone: float | None = None  # since when
        last: tuple[bytes, ...] = ()
        while not self._ends:
            connection = Connection(line.answered, line.ping, line.flush)
            began = math.inf
            try:
                async with asyncio.timeout(PATIENCE):
                    await connection.open(self._redis, last)
                await line.begin(connection, 0.0 if gone is None else min(2 * (time.monotonic() - gone) + 0.5, SETTLE))
                gone = None
                self._look()
                began = time.monotonic()
                why = await connection.closed
            except (RedisError, OSError, TimeoutError) as error:
                said = (
                    f"Redis did not answer within {PATIENCE} s" if type(error) is TimeoutError else type(error).__name__
                )
                why = str(error) or said
            except Exception as error:
                if self._told != "degraded":
                    log_error(log, "The connection to Redis failed in a way that is not known", error=error)
                why = type(error).__name__
            finally:
                gone = time.monotonic() if gone is None else gone
                last = connection.name or last
                connection.abort("")
                line.over()
            self._tell("degraded", brief(why))
            if time.monotonic() - began > STEADY:
                failures = 0
            await asyncio.sleep(PAUSES[min(failures, len(PAUSES) - 1)])
            failures += 1

    def _look(self) -> None:
        if self._out.is_up and self._in.is_up:
            if self._ready is not None:
                self._ready.set()
            if self._out.refused:
                self._tell("degraded", brief(self._out.refused))
            else:
                self._tell("ready", "")

    def _tell(self, state: str, why: str) -> None:
        is_explained, self._is_explained = self._is_explained, True
        if state == self._told:
            if not is_explained:
                log.warning("This server is still cut off from the others of its cluster: %s", why)
            return
        was, self._told = self._told, state
        if state == "degraded":
            log.warning("degraded: this server is cut off from the others of its cluster, and goes on alone: %s", why)
        elif was:
            log.warning("ready: this server is back in its cluster; what the others sent meanwhile has not come here")
            if self.returned is not None:
                self.returned()
        else:
            log.info("ready: this server is in its cluster")


class RedisPeers(Peers):
    """The way of one server to the others; `make` makes the adapter of a namespace."""

    def __init__(self, link: Link, make: Callable[[], MemoryAdapter[Any]]) -> None:
        self._link = link
        self._make = make
        link.returned = self._returned

    def adapter(self) -> MemoryAdapter[Any]:
        """The adapter of a new namespace."""
        return self._make()

    def _returned(self) -> None:
        if self.returned is not None:
            self.returned()

    async def start(self) -> None:
        """Connect."""
        await self._link.start()

    async def close(self) -> None:
        """Send what waits, and let go of the connections."""
        await self._link.close()

    def health(self) -> Health:
        """How it stands."""
        return self._link.health()
