"""The connections of one server to Redis: one that publishes, one that listens. Both come back by themselves.

Publishing does not wait: what is published while the former batch is on its way goes with the next, in order, in one
write. Pub/sub keeps nothing: what others publish while this server is cut off never comes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import msgspec
from redis.exceptions import RedisError, ResponseError

from whinny.cluster.adapter import Health, MemoryAdapter, Peers
from whinny.logs import escape, log_error

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.connection import AbstractConnection

log = logging.getLogger("whinny.cluster")

MAX_BUFFER: Final = 16 * 1024 * 1024
"""Bytes that wait at most while Redis is away, unless an adapter is told otherwise."""

PATIENCE: Final = 5.0
"""Seconds that Redis may take to answer before the connection counts as lost."""

QUIET: Final = 5.0
"""Seconds without a message after which Redis is asked whether it is still there."""

START: Final = 2.0
"""Seconds that a server waits for Redis when it starts; it goes on without after that."""

FAREWELL: Final = 1.0
"""Seconds that a server which ends gives to what waits to be sent."""

PAUSES: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Seconds between attempts to connect; the last one again and again."""

_FAULTS: Final = (RedisError, OSError, asyncio.TimeoutError, EOFError)

Command = tuple[str | bytes, ...]


Listener = Callable[[bytes, bytes], None]
"""Called with the channel and the data of a message."""


class Link:
    """The way to Redis of all namespaces of one server.

    `max_buffer` is in bytes: what waits while Redis is away, or slow. More than that is not sent; it is counted,
    and logged.
    """

    def __init__(self, redis: Redis, max_buffer: int) -> None:
        self._redis = redis
        self._max_buffer = max_buffer
        self._queue: list[tuple[Command, asyncio.Future[Any] | None]] = []
        self._queued = 0  # bytes
        self._sending = 0  # messages
        self._lost = 0
        self._lost_told = 0
        self._wake: asyncio.Event | None = None
        self._subscriptions: dict[tuple[str, bytes], Listener] = {}  # by the command that makes them, and the channel
        self._listening: AbstractConnection | None = None
        self._changes: list[Command] = []
        self._changed: asyncio.Event | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._up: dict[str, bool] = {}
        self._ready: asyncio.Event | None = None
        self._told = ""  # the state that the log knows

    # its life

    async def start(self) -> None:
        """Connect, and wait for that a while. Does nothing when it was started."""
        if self._tasks:
            return
        self._wake, self._changed, self._ready = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._up = {"publishing": False, "listening": False}
        self._told = ""
        if self._queue:
            self._wake.set()
        self._tasks = [
            asyncio.create_task(self._stay_connected("publishing", self._publish)),
            asyncio.create_task(self._stay_connected("listening", self._listen)),
        ]
        with suppress(TimeoutError):
            async with asyncio.timeout(START):
                await self._ready.wait()
        if not self._ready.is_set():
            self._tell("degraded", "Redis has not answered yet")

    async def close(self) -> None:
        """Send what waits, if Redis takes it at once, and let go of the connections."""
        if not self._tasks:
            return
        if self._up["publishing"]:
            with suppress(TimeoutError, ConnectionError, RedisError):
                async with asyncio.timeout(FAREWELL):
                    await self.ask("PING")  # which is answered after everything that waits
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        left, self._queue, self._queued = self._queue, [], 0
        self._lose(left, "the server ends")

    def health(self) -> Health:
        """How it stands."""
        state = "ready" if self._up and all(self._up.values()) else "degraded"
        return Health("ready" if state == "ready" else "degraded", len(self._queue) + self._sending, self._lost)

    # out

    def publish(self, command: str, channel: bytes, data: bytes) -> None:
        """Publish, soon; in the server's loop."""
        self._put((command, channel, data), len(channel) + len(data), None)

    async def ask(self, *command: str | bytes) -> Any:
        """The answer to a command, given after all that was published before. Raises ConnectionError."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._put(command, 0, answer)
        return await answer

    def _put(self, command: Command, size: int, answer: asyncio.Future[Any] | None) -> None:
        if self._queued + size > self._max_buffer and self._queue:
            self._lose([(command, answer)], f"more than {self._max_buffer} bytes wait already")
            return
        self._queue.append((command, answer))
        self._queued += size
        if self._wake is not None:
            self._wake.set()

    async def _publish(self, connection: AbstractConnection) -> None:
        assert self._wake is not None
        self._is_up("publishing")
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._queue, self._queued = self._queue, [], 0
            self._sending = len(batch)
            answered = 0
            try:
                async with asyncio.timeout(PATIENCE):
                    await connection.send_packed_command(
                        connection.pack_commands([command for command, _ in batch]), check_health=False
                    )
                    for command, answer in batch:
                        try:
                            result = await connection.read_response(disable_decoding=True)
                        except ResponseError as error:
                            self._refused(command, answer, error)
                        else:
                            if answer is not None and not answer.done():
                                answer.set_result(result)
                        answered += 1
            finally:
                self._sending = 0
                if answered < len(batch):
                    self._lose(batch[answered:], "the connection to Redis was lost while they were sent")
            if self._lost != self._lost_told:
                self._tell_lost()

    def _refused(self, command: Command, answer: asyncio.Future[Any] | None, error: Exception) -> None:
        if answer is not None:
            if not answer.done():
                answer.set_exception(error)
            return
        if self._lost == self._lost_told:
            log.error("Redis refuses what is published for the other servers: %s", escape(str(error)))
        self._lost += 1

    def _lose(self, items: Iterable[tuple[Command, asyncio.Future[Any] | None]], why: str) -> None:
        """Count what the others may never see, and say so: at once, and then when it is over."""
        count = 0
        for _, answer in items:
            if answer is None:
                count += 1
            elif not answer.done():
                answer.set_exception(ConnectionError(f"Redis cannot be asked: {why}"))
        if not count:
            return
        if self._lost == self._lost_told:
            log.error("Messages to the other servers are lost: %s", why)
        self._lost += count

    # in

    def subscribe(self, command: str, channel: bytes, listener: Listener) -> None:
        """Hear what is published on a channel, or on those that match; `command` is SUBSCRIBE or one of its kin."""
        self._subscriptions[command, channel] = listener
        self._change((command, channel))

    def unsubscribe(self, command: str, channel: bytes) -> None:
        """Hear no more of it; `command` is the one that made the subscription."""
        if self._subscriptions.pop((command, channel), None) is not None:
            self._change((command.replace("SUB", "UNSUB"), channel))

    def _change(self, command: Command) -> None:
        if self._listening is not None and self._changed is not None:
            self._changes.append(command)
            self._changed.set()

    async def _listen(self, connection: AbstractConnection) -> None:
        assert self._changed is not None
        self._changes = list(self._subscriptions)
        self._changed.set()
        self._listening = connection
        changing = asyncio.create_task(self._send_changes(connection))
        try:
            waiting = set(self._subscriptions)
            asked = False
            if not waiting:
                self._is_up("listening")
            while True:
                try:
                    async with asyncio.timeout(PATIENCE if asked or waiting else QUIET):
                        message = await connection.read_response(
                            disable_decoding=True, disconnect_on_error=False, push_request=True
                        )
                except TimeoutError:
                    if asked or waiting:
                        raise
                    asked = True
                    self._changes.append(("PING",))
                    self._changed.set()
                    continue
                asked = False
                if not isinstance(message, list):
                    continue  # the answer to PING
                kind = message[0]
                if kind == b"pmessage":
                    self._hear("PSUBSCRIBE", message[1], message[2], message[3])
                elif kind == b"message":
                    self._hear("SUBSCRIBE", message[1], message[1], message[2])
                elif kind == b"smessage":
                    self._hear("SSUBSCRIBE", message[1], message[1], message[2])
                elif waiting:
                    waiting.discard((kind.decode().upper(), message[1]))
                    if not waiting:
                        self._is_up("listening")
                if changing.done():
                    await changing
        finally:
            self._listening = None
            changing.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await changing

    async def _send_changes(self, connection: AbstractConnection) -> None:
        assert self._changed is not None
        while True:
            await self._changed.wait()
            self._changed.clear()
            changes, self._changes = self._changes, []
            await connection.send_packed_command(connection.pack_commands(changes), check_health=False)

    def _hear(self, command: str, subscribed: bytes, channel: bytes, data: bytes) -> None:
        """Act on a message; one that nobody can read is logged and skipped."""
        listener = self._subscriptions.get((command, subscribed))
        if listener is None:
            return
        try:
            listener(channel, data)
        except (msgspec.MsgspecError, UnicodeError) as error:
            name, why = escape(channel.decode(errors="replace")), escape(str(error))
            log.warning("A message on the channel %s is none of a server's, and is skipped: %s", name, why)
        except Exception as error:
            log_error(
                log, "A message on the channel %s is skipped", escape(channel.decode(errors="replace")), error=error
            )

    # coming and going

    async def _stay_connected(self, name: str, work: Callable[[AbstractConnection], Coroutine[Any, Any, None]]) -> None:
        failures = 0
        while True:
            connection = self._connection()
            try:
                async with asyncio.timeout(PATIENCE):
                    await connection.connect()  # type: ignore[no-untyped-call]
                failures = 0
                await work(connection)
            except _FAULTS as error:
                self._is_down(name, error)
            finally:
                with suppress(*_FAULTS):
                    await _within(1.0, connection.disconnect(nowait=True))
            await asyncio.sleep(PAUSES[min(failures, len(PAUSES) - 1)])
            failures += 1

    def _connection(self) -> AbstractConnection:
        """One that is not the pool's, which would wait for its other users, and reads for as long as it takes."""
        pool = self._redis.connection_pool
        options = {**pool.connection_kwargs, "socket_timeout": None, "decode_responses": False, "retry": None}
        made: AbstractConnection = pool.connection_class(**options)
        return made

    def _is_up(self, name: str) -> None:
        self._up[name] = True
        if all(self._up.values()) and self._ready is not None:
            self._ready.set()
            self._tell("ready", "")

    def _is_down(self, name: str, error: BaseException) -> None:
        self._up[name] = False
        if self._ready is not None:
            self._ready.clear()
        self._tell("degraded", escape(str(error) or type(error).__name__))

    def _tell(self, state: str, why: str) -> None:
        if state == self._told:
            return
        was, self._told = self._told, state
        if state == "degraded":
            log.warning("degraded: this server is cut off from the others of its cluster, and goes on alone: %s", why)
            return
        if was:
            log.warning("ready: this server is back in its cluster; what the others sent meanwhile has not come here")
        else:
            log.info("ready: this server is in its cluster")

    def _tell_lost(self) -> None:
        log.error("%s messages to the other servers were lost", self._lost - self._lost_told)
        self._lost_told = self._lost


class RedisPeers(Peers):
    """The way of one server to the others; `make` makes the adapter of a namespace."""

    def __init__(self, link: Link, make: Callable[[], MemoryAdapter[Any]]) -> None:
        self._link = link
        self._make = make

    def adapter(self) -> MemoryAdapter[Any]:
        """The adapter of a new namespace."""
        return self._make()

    async def start(self) -> None:
        """Connect."""
        await self._link.start()

    async def close(self) -> None:
        """Send what waits, and let go of the connections."""
        await self._link.close()

    def health(self) -> Health:
        """How it stands."""
        return self._link.health()


async def _within(seconds: float, what: Awaitable[None]) -> None:
    async with asyncio.timeout(seconds):
        await what
