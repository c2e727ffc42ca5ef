"""The connections of one server to Redis: one that publishes, one that listens. Both come back by themselves.

Publishing does not wait: what is published in one turn of the loop goes in one write when it ends, in order. Pub/sub
keeps nothing: what others publish while this server is cut off never comes.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import hiredis
import msgspec
from redis.exceptions import RedisError

from whinny.cluster.adapter import Health, MemoryAdapter, Peers
from whinny.cluster.redis.connection import Connection, pack
from whinny.errors import ConfigurationError, EncodeError
from whinny.logs import Sparing, brief, log_error

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger("whinny.cluster")

MAX_BUFFER: Final = 16 * 1024 * 1024
"""Bytes that wait at most while Redis is away, unless an adapter is told otherwise."""

SLOW: Final = 16
"""How many times as much may wait while Redis is there: it reads, so all of that goes soon."""

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

CALM: Final = 10.0
"""Seconds without a refusal after which Redis is said to take messages again: it may take some and refuse others."""

Listener = Callable[[bytes, bytes], None]
"""Called with the channel and the data of a message."""


class Foreign(ValueError):
    """A message that no server has sent: raised by a listener that cannot read it."""


FOREIGN: Final = (msgspec.MsgspecError, EncodeError, ValueError, RecursionError)
"""What listeners raise for a message that no server has sent, Foreign among them. All else is this server's error."""


Asker = asyncio.Future[Any] | None
"""Who waits for the answer to a command; nobody does for that to a message."""


class Link:
    """The way to Redis of all namespaces of one server.

    At most `max_buffer` bytes wait while Redis is away, and SLOW times that while it is there. More than that is not
    sent; it is counted, and logged.
    """

    def __init__(self, redis: Redis, max_buffer: int) -> None:
        """Raises ConfigurationError for what is no number of bytes."""
        if type(max_buffer) is not int or max_buffer < 1:
            raise ConfigurationError(f"An adapter needs a number of bytes as its max_buffer, not {max_buffer!r}.")
        self._redis = redis
        self._out = _Publishing(max_buffer, self._look)
        self._in = _Listening()
        self._tasks: list[asyncio.Task[None]] = []
        self._ready: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = ""  # the state that the log knows
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

    async def count(self, *command: str | bytes) -> int:
        """How many servers listen, by a command that says so; this one is among them. Raises ConnectionError."""
        if not self._in.is_up:
            raise ConnectionError("this server is cut off from the others")
        _, count = await self.ask(*command)
        if int(count) < 1:
            raise ConnectionError("Redis does not know of this server")
        return int(count)

    def health(self) -> Health:
        """How it stands."""
        is_ready = self._out.is_up and self._in.is_up and not self._out.refused
        return Health("ready" if is_ready else "degraded", self._out.waiting, self._out.lost)

    async def _stay_connected(self, line: _Publishing | _Listening) -> None:
        failures = 0
        gone: float | None = None  # since when
        last: tuple[bytes, ...] = ()
        while not self._ends:
            connection = Connection(line.answered, line.ping, line.flush)
            began = math.inf
            try:
                async with asyncio.timeout(PATIENCE):
                    await connection.open(self._redis, last)
                away = 0.0 if gone is None else time.monotonic() - gone
                await line.begin(connection, away)
                gone = None
                self._look()
                began = time.monotonic()
                why = await connection.closed
            except (RedisError, OSError, TimeoutError) as error:
                why = str(error) or type(error).__name__
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
        if state == self._told:
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


class _Publishing:
    """The connection that publishes."""

    def __init__(self, max_buffer: int, look: Callable[[], None]) -> None:
        """`look` is called when Redis begins to refuse messages, or takes them again."""
        self._max_buffer = max_buffer
        self._look = look
        self._connection: Connection | None = None
        self._queue: list[bytes] = []
        self._queued: list[Asker] = []  # of each in the queue
        self._size = 0
        self._sent: deque[Asker] = deque()  # what is not answered yet
        self._is_scheduled = False
        self._is_closed = False
        self._released: asyncio.Event | None = None  # while what waits is kept
        self.lost = 0
        self._told = 0
        self.refused = ""
        """What Redis says when it takes no messages."""
        self._refused_at = 0.0

    @property
    def is_up(self) -> bool:
        """Whether messages are sent."""
        return self._connection is not None and self._released is None

    @property
    def is_connected(self) -> bool:
        """Whether Redis can be reached."""
        return self._connection is not None

    @property
    def waiting(self) -> int:
        """Messages of which Redis has not said that it has them."""
        return len(self._queue) + len(self._sent)

    def publish(self, command: str, channel: bytes, data: bytes) -> None:
        """Publish, when the loop turns; in the server's loop."""
        self._put(pack((command, channel, data)), None)

    async def ask(self, *command: str | bytes) -> Any:
        """The answer to a command, given after all that was published before. Raises ConnectionError."""
        asker: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._put(pack(command), asker)
        return await asker

    def _put(self, packed: bytes, asker: Asker) -> None:
        if self._size + len(packed) > self._max_buffer and self._queue:
            self.flush()  # much in one turn of the loop is no reason to lose any
        if self._is_closed:
            self._lose((asker,), "the server is closed")
            return
        most = self._max_buffer * SLOW if self.is_up else self._max_buffer
        if self._size + len(packed) > most and self._queue:
            self._lose((asker,), f"more than {most} bytes wait already")
            return
        self._queue.append(packed)
        self._queued.append(asker)
        self._size += len(packed)
        if not self._is_scheduled and self._connection is not None:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Send what waits, if Redis takes it."""
        self._is_scheduled = False
        connection = self._connection
        if connection is not None and connection.can_write and self._queue and self._released is None:
            self._sent.extend(self._queued)
            connection.write(b"".join(self._queue))
            self._queue.clear()
            self._queued.clear()
            self._size = 0

    async def begin(self, connection: Connection, away: float) -> None:
        """There is a connection, after so many seconds. Wait a while: other servers may have been cut off too."""
        self._connection = connection
        self._released = asyncio.Event()
        if away:
            await _wait(self._released, connection, min(2 * away + 0.5, SETTLE))
        self.release()

    def release(self) -> None:
        """Send what waits, whoever hears it."""
        if self._released is not None:
            self._released.set()
            self._released = None
            self.flush()

    def ping(self) -> None:
        """Have Redis say something."""
        if self._connection is not None:
            self._sent.append(asyncio.get_running_loop().create_future())
            self._connection.write(pack(("PING",)))

    def answered(self, reply: Any) -> None:
        """What Redis says to the command that was sent first."""
        if not self._sent or isinstance(reply, hiredis.PushNotification):
            return
        asker = self._sent.popleft()
        if isinstance(reply, hiredis.HiredisError):
            if asker is None:
                self._refuse(str(reply))
            elif not asker.done():
                asker.set_exception(ConnectionError(str(reply)))
                asker.exception()  # nobody needs to wait for it
        elif asker is not None and not asker.done():
            asker.set_result(reply)
        elif self.refused and asker is None and time.monotonic() - self._refused_at > CALM:
            self.refused = ""
            self._look()
        if self.lost != self._told and not self._sent and not self.refused:
            self._tell()

    def _refuse(self, why: str) -> None:
        began = not self.refused
        self.refused, self._refused_at = f"Redis refuses messages: {why}", time.monotonic()
        self._lose((None,), self.refused)
        if began:
            self._look()

    def over(self) -> None:
        """The connection is gone, and with it what was not answered: that may have been published, or not."""
        self._connection = self._released = None
        self.refused = ""
        sent, self._sent = self._sent, deque()
        self._lose(sent, "the connection to Redis was lost when they had been sent")

    def open(self) -> None:
        """What comes from here on is sent, or waits."""
        self._is_closed = False

    def end(self) -> None:
        """Nothing will be sent any more, before it is opened again: it would be old news then."""
        self._is_closed = True
        left, self._queued = self._queued, []
        self._queue.clear()
        self._size = 0
        self._lose(left, "the server ends, and Redis does not take them")
        if self.lost != self._told:
            self._tell()

    def leave_loop(self) -> None:
        """The loop is over in which all this was to be sent."""
        left = [None for each in (*self._sent, *self._queued) if each is None]
        self._connection = self._released = None
        self._sent.clear()
        self._queued = []
        self._queue.clear()
        self._size = 0
        self._lose(left, "the event loop ended in which they were to be sent")

    def _lose(self, askers: Iterable[Asker], why: str) -> None:
        """Count what the others may never see; say so at once, and how many they are when it is over."""
        count = 0
        for asker in askers:
            if asker is None:
                count += 1
            elif not asker.done():
                asker.set_exception(ConnectionError(f"Redis cannot be asked: {why}"))
                asker.exception()  # nobody needs to wait for it
        if count and self.lost == self._told:
            log.error("Messages to the other servers are lost: %s", brief(why))
        self.lost += count

    def _tell(self) -> None:
        log.error("%s messages to the other servers were lost", self.lost - self._told)
        self._told = self.lost


class _Listening:
    """The connection that listens."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._subscriptions: dict[tuple[str, bytes], Listener] = {}  # by the command that makes them, and the channel
        self._unconfirmed: set[tuple[str, bytes]] = set()
        self._confirmed: asyncio.Event | None = None
        self._foreign = Sparing(log, "messages from the cluster that are none of a server's were skipped")
        self._failed = Sparing(log, "messages from the cluster failed")
        self.is_up = False

    def subscribe(self, command: str, channel: bytes, listener: Listener) -> None:
        """Hear what is published on a channel, or on those that match; `command` is SUBSCRIBE or one of its kin.

        Any thread may call this: namespaces are made in all of them.
        """
        self._subscriptions[command, channel] = listener
        connection = self._connection  # which the loop's thread may take away meanwhile
        if connection is not None:
            connection.write_from_anywhere(pack((command, channel)))

    def unsubscribe(self, command: str, channel: bytes) -> None:
        """Hear no more of it; `command` is the one that made the subscription."""
        if self._subscriptions.pop((command, channel), None) is not None and self._connection is not None:
            self._connection.write(pack((command.replace("SUB", "UNSUB"), channel)))

    async def begin(self, connection: Connection, away: float) -> None:
        """There is a connection: subscribe to everything, and wait until Redis has confirmed that."""
        self._connection = connection
        known = tuple(self._subscriptions)  # others may come meanwhile
        self._unconfirmed = set(known)
        self._confirmed = asyncio.Event()
        if self._unconfirmed:
            connection.write(b"".join(pack(each) for each in known))
            async with asyncio.timeout(PATIENCE):
                await _wait(self._confirmed, connection, None)
        self.is_up = True

    def over(self) -> None:
        """The connection is gone."""
        self._connection = None
        self.is_up = False

    def end(self) -> None:
        """Nothing will be heard any more."""
        self._foreign.close()
        self._failed.close()

    def ping(self) -> None:
        """Have Redis say something."""
        if self._connection is not None:
            self._connection.write(pack(("PING",)))

    def flush(self) -> None:
        """Everything was written at once."""

    def answered(self, reply: Any) -> None:
        """What Redis says: messages, and answers to commands."""
        if isinstance(reply, list):
            kind = reply[0]
            if kind == b"pmessage":
                self._hear("PSUBSCRIBE", reply[1], reply[2], reply[3])
            elif kind == b"message":
                self._hear("SUBSCRIBE", reply[1], reply[1], reply[2])
            elif kind == b"smessage":
                self._hear("SSUBSCRIBE", reply[1], reply[1], reply[2])
            elif self._unconfirmed and len(reply) == 3:
                self._unconfirmed.discard((kind.decode().upper(), reply[1]))
                if not self._unconfirmed and self._confirmed is not None:
                    self._confirmed.set()
        elif isinstance(reply, hiredis.HiredisError) and self._connection is not None:
            self._connection.abort(f"Redis refuses a subscription: {reply}")

    def _hear(self, command: str, subscribed: bytes, channel: bytes, data: bytes) -> None:
        """Act on a message; one that nobody can read is logged and skipped."""
        listener = self._subscriptions.get((command, subscribed))
        if listener is None:
            return
        try:
            listener(channel, data)
        except FOREIGN as error:
            if self._foreign.may_log():
                why = brief(str(error))
                log.warning(
                    "A message on the channel %s is none of a server's, and is skipped: %s", _name(channel), why
                )
        except (Exception, asyncio.CancelledError) as error:
            if self._failed.may_log():
                log_error(log, "A message on the channel %s is skipped", _name(channel), error=error)


async def _wait(event: asyncio.Event, connection: Connection, seconds: float | None) -> None:
    """Wait for an event, so long at most if a time is given. Raises ConnectionError when the connection is lost."""
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait((waiting, connection.closed), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    if connection.closed.done():
        raise ConnectionError(connection.closed.result())


def _name(channel: bytes) -> str:
    return brief(channel[:1000].decode(errors="replace"))


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
