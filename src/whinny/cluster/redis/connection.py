"""One connection to Redis, as cheap as it can be: redis-py opens it, with TLS, login and all; hiredis reads it.

In a pipeline of redis-py's own, each of ten publishes took 18 µs, where this takes 5: see docs/benchmarks.md.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final, cast

import hiredis
from redis.exceptions import ResponseError

if TYPE_CHECKING:
    from redis.asyncio import Redis

Answer = Callable[[Any], None]
"""Called with what Redis says: an answer, an error among them, or a message."""

TICK: Final = 2.5
"""Seconds without a word from Redis after which it is asked whether it is still there; so long it may take for that."""

_MORE: Final = object()

_who: Final = re.compile(rb"id=(\d+) addr=(\S+)").search


pack: Final = cast("Callable[[tuple[str | bytes, ...]], bytes]", hiredis.pack_command)
"""A command as Redis reads it."""


class Connection(asyncio.Protocol):
    """An open connection. `closed` is done when it is lost, or was given up as Redis said nothing."""

    def __init__(self, answer: Answer, ping: Callable[[], None], writable: Callable[[], None]) -> None:
        """`ping` sends something that is answered; `writable` is called when Redis can take more again."""
        self._answer = answer
        self._ping = ping
        self._writable = writable
        self._reader = hiredis.Reader(notEnoughData=_MORE)
        self._transport: asyncio.Transport | None = None
        self._writer: object = None
        self.name: tuple[bytes, ...] = ()
        """What Redis calls it, if it says so."""
        self._heard = False
        self._asked = False
        self._timer: asyncio.TimerHandle | None = None
        self.can_write = True
        self._thread = get_ident()
        self.closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def open(self, redis: Redis, last: tuple[bytes, ...] = ()) -> None:
        """Connect as this client would. Raises RedisError, OSError.

        `last` is the name of the connection that this one replaces. Redis ends it, should it not have noticed that it
        is over: what it has of it would come after what this one sends, and it would count as another server.
        """
        pool = redis.connection_pool
        options = {**pool.connection_kwargs, "decode_responses": False, "retry": None}
        source: Any = pool.connection_class(**options)
        try:
            await source.connect()
            if last:
                await _ask(source, "CLIENT", "KILL", "ID", last[0], "ADDR", last[1])
            found = _who(await _ask(source, "CLIENT", "INFO"))
            self.name = found.groups() if found is not None else ()
            task = asyncio.current_task()
            if task is not None and task.cancelling():  # which redis-py may have kept to itself
                raise asyncio.CancelledError
        except BaseException:
            if source._writer is not None:
                source._writer.transport.abort()
                source._writer = source._reader = None
            raise
        self._writer = source._writer  # which would close the transport if nobody held it
        self._transport = cast("asyncio.Transport", source._writer.transport)
        source._writer = source._reader = None  # or it would say that it was not closed
        self._transport.set_protocol(self)
        self._tick()

    def write(self, data: bytes) -> None:
        """Send packed commands."""
        if self._transport is not None:
            self._transport.write(data)

    def write_from_anywhere(self, data: bytes) -> None:
        """Send packed commands, from whichever thread."""
        loop = self.closed.get_loop()
        if get_ident() == self._thread:
            self.write(data)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(self.write, data)

    async def wait(self, event: asyncio.Event, seconds: float | None = None) -> None:
        """Wait for an event, so long at most if a time is given. Raises ConnectionError when the connection is lost."""
        waiting = asyncio.ensure_future(event.wait())
        try:
            await asyncio.wait((waiting, self.closed), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self.closed.done():
            raise ConnectionError(self.closed.result())

    def abort(self, why: str) -> None:
        """Give it up."""
        if self._timer is not None:
            self._timer.cancel()
        if not self.closed.done():
            self.closed.set_result(why)
        if self._transport is not None:
            self._transport.abort()

    def _tick(self) -> None:
        if self._asked and not self._heard:
            self.abort(f"Redis has said nothing for {2 * TICK} s")
            return
        self._asked = not self._heard and self._timer is not None
        if self._asked:
            self._ping()
        self._heard = False
        self._timer = asyncio.get_running_loop().call_later(TICK, self._tick)

    # what the transport calls

    def data_received(self, data: bytes) -> None:
        """Redis says something."""
        self._heard = True
        self._asked = False
        reader, answer = self._reader, self._answer
        try:
            reader.feed(data)
            reply = reader.gets()
            while reply is not _MORE:
                answer(reply)
                reply = reader.gets()
        except hiredis.ProtocolError as error:
            self.abort(f"Redis cannot be understood: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self.abort(str(exc) if exc is not None else "Redis has closed the connection")

    def pause_writing(self) -> None:
        """Redis does not take what it is sent, for now."""
        self.can_write = False

    def resume_writing(self) -> None:
        """It does again."""
        self.can_write = True
        self._writable()


async def _ask(source: Any, *command: str | bytes) -> bytes:
    """What Redis answers in text; nothing where it refuses."""
    await source.send_command(*command)
    try:
        answer = await source.read_response()
    except ResponseError:
        return b""
    return answer if isinstance(answer, bytes) else b""
