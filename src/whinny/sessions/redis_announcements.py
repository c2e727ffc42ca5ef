"""Sessions in Redis that end: told to the stores of other processes, and heard from them."""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec
from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import RedisError

from whinny.logs import Sparing, brief, escape, log_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio.client import PubSub

    from whinny.sessions.store import SessionObserver, Store

log = logging.getLogger("whinny.sessions")

QUIET: Final = 5.0
"""Seconds without a message after which Redis is asked whether it is still there."""

PATIENCE: Final = 5.0
"""Seconds that Redis may take to connect and to answer, where the client that was given sets no limit."""

MOVED_WITHIN: Final = 6.0
"""Seconds after which the sockets of a regenerated session's old token go, if nobody has said that they may before."""

AGAIN: Final = 1.0
"""Seconds until Redis is tried again."""

FAREWELL: Final = 1.0
"""Seconds that a store which closes gives to what it still has to say."""


def _of_its_own(redis: Redis) -> Redis:
    """A client with one connection, made as those of this one are: its pool may have none to spare for good."""
    pool = redis.connection_pool
    options = dict(pool.connection_kwargs)
    for limit in ("socket_connect_timeout", "socket_timeout"):
        options[limit] = options.get(limit) or PATIENCE  # without one, a Redis that is cut off is awaited for ever
    return Redis.from_pool(ConnectionPool(pool.connection_class, 1, **options))


async def _end(tasks: set[asyncio.Task[None]]) -> None:
    """Cancel tasks, and wait until they are over; redis-py may keep a cancellation to itself."""
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=0.1)


_decode = msgspec.json.Decoder(tuple[str, str, list[str]]).decode


class Announcements:
    """What one store tells the others on `channel`, and hears there: ids, of which nobody can make a token."""

    def __init__(self, store: Store, redis: Redis, channel: str) -> None:
        self.channel = channel
        self._store = store
        self._redis = redis
        self._name = secrets.token_hex(8)
        self._task: asyncio.Task[None] | None = None
        self._own: Redis | None = None  # what the task listens by
        self._publishing: set[asyncio.Task[None]] = set()
        self._moving: set[asyncio.TimerHandle] = set()
        store.observers.add(self)
        self._lost = False  # as the log has it
        self._skipped = Sparing(log, f"messages on the channel {escape(channel)} were skipped")

    def ended(self, id_: str) -> bytes:
        """The announcement of a session that is destroyed."""
        return msgspec.json.encode((self._name, "ended", [id_]))

    def moved(self, old: str, new: str) -> bytes:
        """The announcement of a session that goes on under another id, of which the client has not heard yet."""
        return msgspec.json.encode((self._name, "moved", [old, new]))

    # as an observer of its store

    def sessions_ended(self, ids: Sequence[str]) -> None:
        """Announced already, in the step that has ended them."""

    def sessions_unsure(self) -> None:
        """Nothing to announce."""

    def session_replaced(self, old: str, new: str) -> None:
        """The client has heard of its new token: now the sockets of the old one may go."""
        message = msgspec.json.encode((self._name, "replaced", [old, new]))
        task = asyncio.get_running_loop().create_task(self._publish(message))
        self._publishing.add(task)
        task.add_done_callback(self._publishing.discard)

    async def _publish(self, message: bytes) -> None:
        with suppress(RedisError, OSError):  # the others act without it, after MOVED_WITHIN
            await self._redis.publish(self.channel, message)

    # hearing the others

    def listen(self) -> None:
        """Hear the others from here on, in a task."""
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._lost = False
            self._skipped.close()
            self._own = _of_its_own(self._redis)
            self._task = loop.create_task(self._listen(self._own))

    async def close(self) -> None:
        """Say what is to be said, and hear nobody any more."""
        loop = asyncio.get_running_loop()
        saying = {each for each in self._publishing if each.get_loop() is loop}
        if saying:
            _, saying = await asyncio.wait(saying, timeout=FAREWELL)
        await _end(saying)
        task, self._task = self._task, None
        own, self._own = self._own, None
        if task is not None and own is not None and task.get_loop() is loop:
            await _end({task})
            await own.aclose()  # the task may have been cancelled in the middle of that
            self._skipped.close()
        while self._moving:
            self._moving.pop().cancel()

    async def _listen(self, redis: Redis) -> None:
        while True:
            try:
                async with redis.pubsub() as pubsub:
                    await pubsub.subscribe(self.channel)
                    await self._read(pubsub)
            except (RedisError, OSError, TimeoutError) as error:
                if not self._lost:
                    why = brief(str(error))
                    log.warning("Sessions that end in other processes are not heard of, for now: %s", why)
            except Exception as error:
                if not self._lost:
                    log_error(log, "Sessions that end in other processes are not heard of, for now", error=error)
            self._lost = True
            await asyncio.sleep(AGAIN)

    async def _read(self, pubsub: PubSub) -> None:
        quiet = subscribed = False
        while True:
            message = await pubsub.get_message(timeout=QUIET)
            if message is None:
                if quiet:
                    raise TimeoutError(f"Redis has said nothing for {2 * QUIET} s")
                quiet = True
                await pubsub.ping()
                continue
            quiet = False
            if message["type"] == "message":
                self._hear(message["data"])
            elif message["type"] == "subscribe":
                if self._lost or subscribed:  # the client may have lost Redis and found it again by itself
                    self._back()
                subscribed = True

    def _back(self) -> None:
        self._lost = False
        log.warning("Sessions that end in other processes are heard of again; some may have ended meanwhile")
        for observer in self._others():
            observer.sessions_unsure()

    def _hear(self, data: str | bytes) -> None:
        try:
            name, kind, ids = _decode(data)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            if self._skipped.may_log():
                log.warning("A message on the channel %s is skipped: %s", escape(self.channel), brief(str(error)))
            return
        if name == self._name:
            return  # the observers know
        try:
            self._tell(kind, ids)
        except Exception as error:
            log_error(log, "A session that has ended in another process could not be ended here", error=error)

    def _tell(self, kind: str, ids: list[str]) -> None:
        if kind == "ended":
            for observer in self._others():
                observer.sessions_ended(ids)
        elif len(ids) == 2 and kind in ("moved", "replaced"):
            old, new = ids
            self._store.note_move(old, new)
            if kind == "replaced":
                self._replace(old, new)
            else:
                self._replace_later(old, new)

    def _replace_later(self, old: str, new: str) -> None:
        def replace() -> None:
            self._moving.discard(timer)
            self._replace(old, new)

        timer = asyncio.get_running_loop().call_later(MOVED_WITHIN, replace)
        self._moving.add(timer)

    def _replace(self, old: str, new: str) -> None:
        for observer in self._others():
            observer.session_replaced(old, new)

    def _others(self) -> list[SessionObserver]:
        return [each for each in self._store.observers if each is not self]
