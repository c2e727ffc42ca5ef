"""Emitting from a process that serves no sockets: a worker, a script, a Django command."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterable
from copy import copy
from typing import Any, Final, Generic, Self, TypeVar

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from whinny.cluster.adapter import Selection
from whinny.cluster.emission import check_namespace, check_server_event, room_names, wire_args
from whinny.cluster.redis.arguments import check_text, client_of
from whinny.cluster.redis.classic_wire import (
    Channels,
    Request,
    broadcast_head,
    encode_broadcast,
    encode_json,
    encode_packet,
    flags,
    options,
)
from whinny.protocol import as_received, check_event_name

R = TypeVar("R")

EMITTER: Final = "emitter"
"""The sender of all that comes from emitters."""

PATIENCE: Final = 5.0
"""Seconds that a Redis may say nothing, where the client is made of a URL."""

_HEAD: Final = broadcast_head(EMITTER)


class _Emitting(ABC, Generic[R]):
    """A choice of clients of one namespace, with what can be done to them. Never changes: each step gives a new one."""

    __slots__ = ("_excluded", "_key", "_namespace", "_rooms", "_volatile")

    def __init__(self, key: str, namespace: str) -> None:
        self._key = check_text(key, type(self).__name__, "key")
        self._namespace = check_namespace(namespace)
        self._rooms: tuple[str, ...] = ()
        self._excluded: tuple[str, ...] = ()
        self._volatile = False

    @abstractmethod
    def _publish(self, channel: bytes, message: bytes) -> R:
        """Publish it."""

    def _with(self, **changes: Any) -> Self:
        other = copy(self)  # with the same connection
        for name, value in changes.items():
            setattr(other, name, value)
        return other

    # whom

    def of(self, namespace: str) -> Self:
        """All clients of another namespace. Raises ConfigurationError for what is no name of one."""
        return self._with(_namespace=check_namespace(namespace), _rooms=(), _excluded=())

    def to(self, *rooms: str | Iterable[str]) -> Self:
        """The clients in any of these rooms, and of those named before; one in several of them receives once."""
        return self._with(_rooms=(*self._rooms, *room_names(rooms)))

    in_ = to

    def except_(self, *rooms: str | Iterable[str]) -> Self:
        """None of the clients in these rooms."""
        return self._with(_excluded=(*self._excluded, *room_names(rooms)))

    @property
    def volatile(self) -> Self:
        """Messages that a client which cannot take them right now does not get at all."""
        return self._with(_volatile=True)

    # what

    def emit(self, event: str, *args: Any) -> R:
        """Send an event to all who are meant, on all servers.

        Raises EncodeError, ValueError for a reserved name, and what redis raises when it cannot be reached.
        """
        check_event_name(event)
        packet = encode_packet([event, *wire_args(args)], self._namespace)
        message = encode_broadcast(_HEAD, packet, self._selection, flags(self._volatile))
        return self._publish(self._channels.room(self._selection), message)

    def sockets_join(self, *rooms: str | Iterable[str]) -> R:
        """Let all who are meant enter these rooms."""
        return self._request(Request.JOIN, opts=options(self._selection), rooms=room_names(rooms))

    def sockets_leave(self, *rooms: str | Iterable[str]) -> R:
        """Let all who are meant leave these rooms."""
        return self._request(Request.LEAVE, opts=options(self._selection), rooms=room_names(rooms))

    def disconnect_sockets(self, close: bool = False) -> R:
        """Disconnect all who are meant; with `close` their connections too."""
        return self._request(Request.DISCONNECT, opts=options(self._selection), close=close)

    def server_side_emit(self, event: str, *args: Any) -> R:
        """Send an event to all servers, and to no client. Raises EncodeError, ValueError for a reserved name."""
        check_server_event(event)
        data = [event, *as_received(wire_args(args))]
        return self._request(Request.SERVER_SIDE_EMIT, uid=EMITTER, data=data)

    def _request(self, type_: Request, **rest: Any) -> R:
        return self._publish(self._channels.requests, encode_json({"type": type_.value, **rest}))

    @property
    def _channels(self) -> Channels:
        return Channels(self._key, self._namespace, EMITTER)

    @property
    def _selection(self) -> Selection:
        return Selection(self._rooms, self._excluded)


class RedisEmitter(_Emitting[None]):
    """Emits to the clients of a cluster with a `RedisAdapter`, from code that is not async.

    `RedisEmitter("redis://localhost:6379").to("news").emit("published", {"id": 1})`: each message is published when the
    method returns. Threads may share it. Of a URL it makes a client of its own, which `close` closes, of it or of a
    choice like `emitter.to("news")`: they have it together. One that is given, a redis.Redis, is not closed. `key` is
    that of the adapter. Raises ConfigurationError for what is wrong.
    """

    __slots__ = ("_owns", "_redis")

    def __init__(self, url_or_client: str | Redis, *, key: str = "socket.io", namespace: str = "/") -> None:
        super().__init__(key, namespace)
        self._owns = isinstance(url_or_client, str)
        self._redis: Redis = client_of(url_or_client, Redis, type(self).__name__, PATIENCE)

    def _publish(self, channel: bytes, message: bytes) -> None:
        self._redis.publish(channel, message)

    def close(self) -> None:
        """Let go of the connections, if they are its own."""
        if self._owns:
            self._redis.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncRedisEmitter(_Emitting[Coroutine[Any, Any, None]]):
    """Emits to the clients of a cluster with a `RedisAdapter`, from async code: `await emitter.emit("hello")`.

    Each message is published when it has been awaited, all in one event loop. Of a URL it makes a client of its own,
    which `close` closes, of it or of a choice like `emitter.to("news")`: they have it together. One that is given, a
    redis.asyncio.Redis, is not closed. `key` is that of the adapter. Raises ConfigurationError for what is wrong.
    """

    __slots__ = ("_owns", "_redis")

    def __init__(self, url_or_client: str | AsyncRedis, *, key: str = "socket.io", namespace: str = "/") -> None:
        super().__init__(key, namespace)
        self._owns = isinstance(url_or_client, str)
        self._redis: AsyncRedis = client_of(url_or_client, AsyncRedis, type(self).__name__, PATIENCE)

    async def _publish(self, channel: bytes, message: bytes) -> None:
        await self._redis.publish(channel, message)

    async def close(self) -> None:
        """Let go of the connections, if they are its own."""
        if self._owns:
            await self._redis.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
