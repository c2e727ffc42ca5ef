"""Sessions in Redis that end: told to the stores of other processes, and heard from them."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING, Final

import msgspec
from redis.exceptions import RedisError

from whinny.logs import Sparing, brief, escape, log_error

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.client import PubSub

    from whinny.sessions.store import Store

log = logging.getLogger("whinny.sessions")

QUIET: Final = 5.0
"""Seconds without a message after which Redis is asked whether it is still there."""

AGAIN: Final = 1.0
"""Seconds until Redis is tried again."""

_decode = msgspec.json.Decoder(tuple[str, str, list[str]]).decode


class Announcements:
    """What one store tells the others on `channel`, and hears there: ids, of which nobody can make a token."""

    def __init__(self, store: Store, redis: Redis, channel: str) -> None:
        self.channel = channel
        self._store = store
        self._redis = redis
        self._name = secrets.token_hex(8)
        self._task: asyncio.Task[None] | None = None
        self._lost = False  # as the log has it
        self._skipped = Sparing(log, f"messages on the channel {escape(channel)} were skipped")

    def ended(self, id_: str) -> bytes:
        """The announcement of a session that is destroyed."""
        return msgspec.json.encode((self._name, "ended", [id_]))

    def replaced(self, old: str, new: str) -> bytes:
        """The announcement of a session that goes on under another id."""
        return msgspec.json.encode((self._name, "replaced", [old, new]))

    def listen(self) -> None:
        """Hear the others from here on, in a task."""
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._lost = False
            self._skipped.close()
            self._task = loop.create_task(self._listen())

    async def close(self) -> None:
        """Hear nobody any more."""
        task, self._task = self._task, None
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            while not task.done():
                task.cancel()
                await asyncio.wait((task,), timeout=0.1)  # redis-py may keep it to itself
            self._skipped.close()

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
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
        for observer in list(self._store.observers):
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
        if kind == "replaced" and len(ids) == 2:
            self._store.note_move(*ids)
        for observer in list(self._store.observers):
            if kind == "ended":
                observer.sessions_ended(ids)
            elif kind == "replaced" and len(ids) == 2:
                observer.session_replaced(*ids)
