"""The connection of a server to Redis that publishes, and what waits to be sent.

Publishing does not wait: what is published in one turn of the loop goes in one write when it ends, in order.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import hiredis

from whinny.cluster.redis.connection import pack
from whinny.logs import brief

if TYPE_CHECKING:
    from whinny.cluster.redis.connection import Connection

log = logging.getLogger("whinny.cluster")

SLOW: Final = 16
"""How many times as much may wait while Redis is there: it reads, so all of that goes soon."""

CALM: Final = 10.0
"""Seconds without a refusal after which Redis is said to take messages again: it may take some and refuse others."""


Asker = asyncio.Future[Any] | None
"""Who waits for the answer to a command; nobody does for that to a message."""


class Publishing:
    """The connection that publishes.

    At most `max_buffer` bytes wait while Redis is away, and SLOW times that while it is there. What is more is not
    sent; it is counted, and logged.
    """

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
        self.taken = 0
        """Messages that were to be sent, or wait, since the start."""
        self.settled = 0
        """Those of them that Redis has, or that are lost; in order, so the first so many."""
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
        return self.taken - self.settled

    def publish(self, command: str, channel: bytes, data: bytes) -> None:
        """Publish, when the loop turns; in the server's loop."""
        self._put(pack((command, channel, data)), None)

    async def ask(self, *command: str | bytes) -> Any:
        """The answer to a command, given after all that was published before. Raises ConnectionError."""
        if not self.is_up:
            raise ConnectionError("Redis cannot be reached")
        asker: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._put(pack(command), asker)
        return await asker

    def _put(self, packed: bytes, asker: Asker) -> None:
        if (self._is_closed or self._size + len(packed) > self._max_buffer) and (why := self._why_not(len(packed))):
            self._lose((asker,), why)
            return
        if asker is None:
            self.taken += 1
        self._queue.append(packed)
        self._queued.append(asker)
        self._size += len(packed)
        if not self._is_scheduled and self._connection is not None:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self.flush)

    def _why_not(self, size: int) -> str:
        """Why so many bytes more cannot wait, if they cannot."""
        if self._is_closed:
            return "the server is closed"
        self.flush()  # much in one turn of the loop is no reason to lose any
        most = self._max_buffer * SLOW if self.is_up else self._max_buffer
        return f"more than {most} bytes wait already" if self._queue and self._size + size > most else ""

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

    async def begin(self, connection: Connection, hold: float) -> None:
        """There is a connection. Keep what waits for `hold` seconds more: other servers may have been cut off too."""
        self._connection = connection
        self._released = asyncio.Event()
        if hold:
            await connection.wait(self._released, hold)
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
        elif asker is not None:
            if not asker.done():
                asker.set_result(reply)
        else:
            self.settled += 1
            if self.refused and time.monotonic() - self._refused_at > CALM:
                self.refused = ""
                self._look()
        if self.lost != self._told and not self._sent and not self.refused:
            self._tell()

    def _refuse(self, why: str) -> None:
        began = not self.refused
        self.refused, self._refused_at = f"Redis refuses messages: {why}", time.monotonic()
        self.settled += self._lose((None,), self.refused)
        if began:
            self._look()

    def over(self) -> None:
        """The connection is gone, and with it what was not answered: that may have been published, or not.

        What waits to be sent stays, but for questions.
        """
        self._connection = self._released = None
        self.refused = ""
        sent, self._sent = self._sent, deque()
        self.settled += self._lose(sent, "the connection to Redis was lost when they had been sent")
        if any(self._queued):
            kept = [packed for packed, asker in zip(self._queue, self._queued, strict=True) if asker is None]
            self._lose(filter(None, self._queued), "the connection to Redis was lost")
            self._queue, self._queued = kept, [None] * len(kept)
            self._size = sum(map(len, kept))

    def open(self) -> None:
        """What comes from here on is sent, or waits."""
        self._is_closed = False

    def end(self) -> None:
        """Nothing will be sent any more, before it is opened again: it would be old news then."""
        self._is_closed = True
        left, self._queued = self._queued, []
        self._queue.clear()
        self._size = 0
        self.settled += self._lose(left, "the server ends, and Redis does not take them")
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
        self.settled += self._lose(left, "the event loop ended in which they were to be sent")

    def _lose(self, askers: Iterable[Asker], why: str) -> int:
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
        return count

    def _tell(self) -> None:
        log.error("%s messages to the other servers were lost", self.lost - self._told)
        self._told = self.lost
