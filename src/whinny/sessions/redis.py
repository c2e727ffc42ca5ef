"""Sessions in Redis, which forgets by itself those that are not used."""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

from whinny.errors import ConfigurationError, SessionAlreadyExists
from whinny.sessions.redis_announcements import Announcements
from whinny.sessions.store import SessionState, Store

CONNECTIONS: Final = 20
"""The most that a store opens; whoever finds all in use waits."""

LONGEST_IDLE: Final = 3.2e9
"""Seconds, about a century: what Redis is asked to keep at most."""

_AT_ONCE: Final = 500

# A session is a hash: `state` is its JSON; `version` and `used` (the time of the last use) stand beside it for the
# scripts. `write` names the last write: a client that lost the answer to its write, and writes again, has done it.

# KEYS: what is to be replaced, what is written (the same, unless the id changes).
# ARGV: the version that must be kept ('' for none), state, version, used, write, milliseconds to keep it, where and
# what to announce if the id changes.
_WRITE: Final = """
if redis.call('HGET', KEYS[2], 'write') == ARGV[5] then return 1 end
if (redis.call('HGET', KEYS[1], 'version') or '') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], 'state', ARGV[2], 'version', ARGV[3], 'used', ARGV[4], 'write', ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
if KEYS[1] ~= KEYS[2] then
  redis.call('DEL', KEYS[1])
  redis.call('PUBLISH', ARGV[7], ARGV[8])
end
return 1
"""  # HSET comes before DEL: it is what Redis refuses when its memory is full

# KEYS: the session. ARGV: used, milliseconds to keep it.
_TOUCH: Final = """
local used = redis.call('HGET', KEYS[1], 'used')
if not used then return 0 end
if tonumber(used) < tonumber(ARGV[1]) then redis.call('HSET', KEYS[1], 'used', ARGV[1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""

# KEYS: the session. ARGV: where and what to announce.
_DESTROY: Final = """
if redis.call('DEL', KEYS[1]) == 0 then return 0 end
redis.call('PUBLISH', ARGV[1], ARGV[2])
return 1
"""

_decode = msgspec.json.Decoder(SessionState).decode


class RedisStore(Store):
    """Sessions in Redis 6 or newer, under keys that begin with `prefix`, given as a URL or as a client.

    The client of a URL is closed by `close`; one that was given is not. Commands that find no Redis are tried again for
    about a second. Sessions expire in Redis, so `clean_up` has nothing to do, and nobody hears of those that expired.

    Those that are destroyed or regenerated are announced on the channel `<prefix>ended`, by their ids, to which every
    store that was booted listens: what a logout does to sockets it does on all servers, whoever has done it.

    It talks to one Redis, not to a Redis Cluster. Raises ConfigurationError for what is neither a client nor a URL.
    """

    announces = True

    def __init__(self, url_or_client: str | Redis, prefix: str = "sessions:") -> None:
        self._pool: _Pool | None = None
        if isinstance(url_or_client, str):
            self._pool = _pool(url_or_client)
            self._redis = Redis.from_pool(self._pool)
        elif isinstance(url_or_client, Redis):
            self._redis = url_or_client
        else:
            raise _needs_redis(url_or_client)
        self._prefix = prefix
        self._write = self._redis.register_script(_WRITE)
        self._touch = self._redis.register_script(_TOUCH)
        self._destroy = self._redis.register_script(_DESTROY)
        self._announcements = Announcements(self, self._redis, f"{prefix}ended")

    # what a store does

    async def save(self, state: SessionState, idle: float) -> None:
        """Keep a new session."""
        if not await self._put(state.id, "", state, idle):
            raise SessionAlreadyExists(f"There is a session {state.id} already.")

    async def read(self, id: str) -> SessionState | None:  # noqa: A002
        """The session."""
        encoded, used = await self._redis.hmget(self._key(id), ["state", "used"])
        if encoded is None or used is None:
            return None
        state = _decode(encoded)
        state.updated_at = float(used)
        return state

    async def update(self, state: SessionState, idle: float) -> bool:
        """Write a session."""
        return await self.replace(state.id, state, idle)

    async def touch(self, id: str, updated_at: float, idle: float) -> bool:  # noqa: A002
        """Write the time of the last use."""
        return bool(await self._touch(keys=[self._key(id)], args=[repr(float(updated_at)), _milliseconds(idle)]))

    async def replace(self, id: str, state: SessionState, idle: float) -> bool:  # noqa: A002
        """Keep a session in the place of another."""
        return await self._put(id, str(state.version - 1), state, idle)

    async def destroy(self, id: str) -> bool:  # noqa: A002
        """Forget a session."""
        announced = self._announcements
        return bool(await self._destroy(keys=[self._key(id)], args=[announced.channel, announced.ended(id)]))

    async def clear(self) -> None:
        """Forget all, without announcing any; keys that are no session's stay."""
        found = []
        async for key in self._keys():
            found.append(key)
            if len(found) == _AT_ONCE:
                await self._redis.unlink(*found)
                found = []
        if found:
            await self._redis.unlink(*found)

    async def clean_up(self, idle_since: float, created_before: float) -> Sequence[str]:
        """Nothing: Redis does it."""
        return []

    # its life

    async def boot(self) -> None:
        """Connect, so that an app whose Redis is not there does not start."""
        if self._pool is not None:
            self._pool.is_closed = False
        await self._redis.exists(self._key(""))
        self._announcements.listen()

    async def close(self) -> None:
        """Let go of all connections of a client that the store has made; of those in use, as soon as they are not."""
        await self._announcements.close()
        if self._pool is not None:
            self._pool.is_closed = True
            await self._pool.disconnect(inuse_connections=False)

    # its keys

    def _key(self, id_: str) -> str:
        return self._prefix + id_

    async def _put(self, id_: str, kept_version: str, state: SessionState, idle: float) -> bool:
        answer = await self._write(
            keys=[self._key(id_), self._key(state.id)],
            args=[
                kept_version,
                msgspec.json.encode(state),
                state.version,
                repr(float(state.updated_at)),
                secrets.token_hex(8),
                _milliseconds(idle),
                self._announcements.channel,
                self._announcements.moved(id_, state.id),
            ],
        )
        return bool(answer)

    async def _keys(self) -> AsyncIterator[Any]:
        is_session = re.compile(re.escape(self._prefix) + "[0-9a-f]{64}").fullmatch
        pattern = re.sub(r"([*?\[\]\\])", r"\\\1", self._prefix) + "*"
        async for key in self._redis.scan_iter(match=pattern, count=_AT_ONCE):
            if is_session(key if isinstance(key, str) else bytes(key).decode(errors="replace")):
                yield key


class _Pool(BlockingConnectionPool):
    """Once it was closed it keeps none: who was at work then, or comes later, leaves nothing open."""

    is_closed = False

    async def release(self, connection: AbstractConnection) -> None:
        """Take a connection back."""
        try:
            if self.is_closed:
                await connection.disconnect()
        finally:
            await super().release(connection)


def _pool(url: str) -> _Pool:
    scheme = re.match("[a-z]+://", url, re.IGNORECASE)
    if scheme is None:
        raise _needs_redis(url)
    try:
        pool = _Pool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=60,
            socket_timeout=5,
            socket_connect_timeout=5,
            retry=Retry(ExponentialWithJitterBackoff(base=0.1, cap=0.5), 3),
        )
        pool.connection_class(**pool.connection_kwargs)  # which knows the options, and does not connect
    except Exception:  # of many kinds; the text may show a part of a password
        raise ConfigurationError(
            f"Sessions cannot be kept at the URL {scheme[0]}…: give one like redis://:password@host:6379/0, with no "
            "options but those of redis-py."
        ) from None
    return pool


def _needs_redis(given: object) -> ConfigurationError:  # it may be a password: it is not shown
    return ConfigurationError(
        f"RedisStore needs a URL like redis://:password@host:6379/0, or a redis.asyncio.Redis, not {type(given)}."
    )


def _milliseconds(idle: float) -> int:
    return max(1, math.ceil(min(idle, LONGEST_IDLE) * 1000))
