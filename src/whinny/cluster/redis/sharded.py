"""Servers that reach each other by Redis' sharded pub/sub, in the form of Node's `createShardedAdapter`.

A room has a channel of its own, which a server hears while it has a member in it: what concerns none of its rooms does
not reach it.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from redis.asyncio import Redis

from whinny.cluster.adapter import AdapterHost, ClusterAdapter, MemoryAdapter, Peers, Selection
from whinny.cluster.redis.arguments import MAX_BUFFER, check_bytes, check_seconds, check_text, client_of
from whinny.cluster.redis.classic_wire import options, timeout_flags
from whinny.cluster.redis.encoding import Foreign
from whinny.cluster.redis.link import Link, RedisPeers
from whinny.cluster.redis.requests import Waiting
from whinny.cluster.redis.sharded_wire import (
    Encoder,
    Kind,
    Message,
    ShardedChannels,
    decode,
    encode_packet,
    event_of,
    looks_like_id,
    server_event_of,
    whom,
)
from whinny.errors import ConfigurationError

if TYPE_CHECKING:
    from whinny.cluster.adapter import RemoteAnswers

SubscriptionMode = Literal["static", "dynamic", "dynamic-private"]

MODES: Final = ("static", "dynamic", "dynamic-private")

LATELY: Final = 5.0
"""Seconds that other servers have to hear the channel of a room into which they were told to let members."""


class ShardedRedisAdapter(ClusterAdapter):
    """The servers that have the same Redis, 7 or newer, and the same `channel_prefix`, are one cluster.

    There can be no `#` in the names of its namespaces: "/#foo" would have the channel of the room "foo" of "/".

    `subscription_mode` says which rooms have channels of their own, and must be the same on all servers: "dynamic" all
    but those of sockets' ids (any name of 20 characters counts as one), "dynamic-private" all, "static" none.

    `request_timeout` is how many seconds the other servers have to answer requests such as `fetch_sockets`. At most
    `max_buffer` bytes wait to be sent while Redis is away; what is more is lost, counted and logged.

    A client that is given is used for its settings, and is not closed. Raises ConfigurationError for what is wrong.
    """

    def __init__(
        self,
        url_or_client: str | Redis,
        *,
        channel_prefix: str = "socket.io",
        subscription_mode: SubscriptionMode = "dynamic",
        request_timeout: float = 5.0,
        max_buffer: int = MAX_BUFFER,
    ) -> None:
        self._redis = client_of(url_or_client, Redis, "ShardedRedisAdapter")
        if subscription_mode not in MODES:
            raise ConfigurationError(
                f"ShardedRedisAdapter has the subscription modes {', '.join(MODES)}; not {subscription_mode!r}."
            )
        self.channel_prefix = check_text(channel_prefix, "ShardedRedisAdapter", "channel_prefix")
        self.subscription_mode: SubscriptionMode = subscription_mode
        self.request_timeout = check_seconds(request_timeout, "ShardedRedisAdapter", "request_timeout")
        self._max_buffer = check_bytes(max_buffer, "ShardedRedisAdapter", "max_buffer")

    def peers(self) -> Peers:
        """The way of one more server to the others."""
        link = Link(self._redis, self._max_buffer)
        return RedisPeers(link, lambda: ShardedAdapter(link, self))


class ShardedAdapter(MemoryAdapter[Any]):
    """One namespace of one server in the cluster."""

    __slots__ = ("_channels", "_encoder", "_host", "_lately", "_link", "_namespace", "_settings", "_waiting", "uid")

    def __init__(self, link: Link, settings: ShardedRedisAdapter) -> None:
        super().__init__()
        self.uid = secrets.token_hex(8)
        self._link = link
        self._settings = settings
        self._waiting = Waiting(link.check, self.server_count, settings.request_timeout)
        self._lately = _LatelyJoined(link)

    def bind(self, host: AdapterHost) -> None:
        """The adapter belongs to this namespace: listen to its channels. Raises ConfigurationError for its name."""
        if "#" in host.name:
            raise ConfigurationError(
                f"ShardedRedisAdapter cannot have the namespace {host.name!r}: there is a # in it."
            )
        self._host = host
        self._namespace = host.name
        self._encoder = Encoder(self.uid, host.name)
        self._channels = ShardedChannels(self._settings.channel_prefix, host.name)
        self._subscribe(self._channels.every_server)
        self._subscribe(self._channels.server(self.uid))

    # channels of rooms

    def add(self, member: Any) -> None:
        """A new member, whose own room has a channel where all rooms have."""
        super().add(member)
        if self._settings.subscription_mode == "dynamic-private":
            self._subscribe(self._channels.room(member.id))

    def remove(self, member: Any) -> None:
        """The member is gone, and its own room with it."""
        super().remove(member)
        if self._settings.subscription_mode == "dynamic-private":
            self.room_gone(member.id)

    def room_made(self, room: str) -> None:
        """A member of this server is in the room, the first one."""
        if self._has_channel(room):
            self._subscribe(self._channels.room(room))

    def room_gone(self, room: str) -> None:
        """No member of this server is in the room any more."""
        if self._has_channel(room) and not self.has_room(room):
            self._link.unsubscribe("SSUBSCRIBE", self._channels.room(room))

    def _has_channel(self, room: str) -> bool:
        mode = self._settings.subscription_mode
        return mode == "dynamic-private" or (mode == "dynamic" and not looks_like_id(room))

    def _subscribe(self, channel: bytes) -> None:
        self._link.subscribe("SSUBSCRIBE", channel, self._on_message)

    # to the others

    @property
    def has_peers(self) -> bool:
        """There may be others at any time."""
        return True

    def wire(self, data: list[Any]) -> bytes:
        """An event for the others. Raises EncodeError."""
        return encode_packet(data)

    def publish(self, wire: bytes, selection: Selection, volatile: bool) -> None:
        """The other servers send an event to their members."""
        message = self._encoder.broadcast(wire, selection, volatile)
        self._link.publish("SPUBLISH", self._channel(selection), message)

    def _channel(self, selection: Selection) -> bytes:
        if len(selection.rooms) == 1:
            (room,) = selection.rooms
            if self._has_channel(room) and not self._lately.has(room):
                return self._channels.room(room)
        return self._channels.every_server

    def ask(self, wire: bytes, selection: Selection, timeout: float, answers: RemoteAnswers) -> Callable[[], None]:
        """The other servers ask their members for acknowledgements."""
        opts = options(selection, timeout_flags(timeout))
        return self._waiting.ask(
            lambda id_: self._send_all(Kind.BROADCAST, packet=msgspec.Raw(wire), opts=opts, requestId=id_), answers
        )

    def publish_join(self, selection: Selection, rooms: Sequence[str]) -> None:
        """The other servers let their members enter rooms."""
        self._send_all(Kind.SOCKETS_JOIN, opts=whom(selection), rooms=rooms)
        self._lately.add(room for room in rooms if self._has_channel(room))

    def publish_leave(self, selection: Selection, rooms: Sequence[str]) -> None:
        """The other servers let their members leave rooms."""
        self._send_all(Kind.SOCKETS_LEAVE, opts=whom(selection), rooms=rooms)

    def publish_disconnect(self, selection: Selection, close: bool) -> None:
        """The other servers disconnect their members."""
        self._send_all(Kind.DISCONNECT_SOCKETS, opts=whom(selection), close=close)

    async def fetch_sockets(self, selection: Selection, timeout: float | None) -> list[Any]:
        """The members of the other servers. Raises ClusterTimeout."""
        return await self._waiting.sockets(
            lambda id_: self._send_all(Kind.FETCH_SOCKETS, opts=whom(selection), requestId=id_), timeout
        )

    def server_side_emit(self, data: list[Any]) -> None:
        """Tell the other servers."""
        self._send_all(Kind.SERVER_SIDE_EMIT, packet=data)

    async def server_side_emit_with_ack(self, data: list[Any], timeout: float | None) -> list[Any]:
        """Ask the other servers. Raises AckTimeout."""
        return await self._waiting.answers(
            lambda id_: self._send_all(Kind.SERVER_SIDE_EMIT, packet=data, requestId=id_), timeout
        )

    async def server_count(self) -> int:
        """How many servers listen. Raises ConnectionError."""
        return await self._link.count("PUBSUB", "SHARDNUMSUB", self._channels.every_server)

    def _send_all(self, kind: Kind, **data: Any) -> None:
        self._send(self._channels.every_server, kind, **data)

    def _send(self, channel: bytes, kind: Kind, **data: Any) -> None:
        self._link.publish("SPUBLISH", channel, self._encoder.message(kind, data))

    # from the others

    def _on_message(self, _: bytes, data: bytes) -> None:
        if data.endswith(self._encoder.end):
            return  # this server's own, which Redis brings back to it; one in msgpack is known when it is decoded
        message = decode(data)
        if message.uid == self.uid or message.nsp != self._namespace:
            return
        content, selection = message.data, message.data.opts.selection
        if message.type == Kind.BROADCAST:
            self._on_broadcast(message, selection)
        elif message.type == Kind.SOCKETS_JOIN:
            self._host.on_sockets_join(selection, list(map(str, content.rooms)))
        elif message.type == Kind.SOCKETS_LEAVE:
            self._host.on_sockets_leave(selection, list(map(str, content.rooms)))
        elif message.type == Kind.DISCONNECT_SOCKETS:
            self._host.on_disconnect_sockets(selection, content.close)
        elif message.type == Kind.SERVER_SIDE_EMIT:
            self._on_server_side_emit(message)
        elif content.request_id is None:
            raise Foreign(f"it is a message of type {message.type}, without an id of a request")
        elif message.type == Kind.FETCH_SOCKETS:
            self._respond(message, Kind.FETCH_SOCKETS_RESPONSE, sockets=self._host.describe_sockets(selection))
        elif message.type == Kind.FETCH_SOCKETS_RESPONSE:
            self._waiting.came(content.request_id, content.sockets, message.uid)
        elif message.type == Kind.SERVER_SIDE_EMIT_RESPONSE:
            self._waiting.came(content.request_id, content.packet, message.uid)
        else:
            self._on_answer(message, content.request_id)

    def _on_broadcast(self, message: Message, selection: Selection) -> None:
        data, opts = event_of(message), message.data.opts
        if message.data.request_id is None:
            self._host.on_broadcast(data, selection, bool(opts.flags.get("volatile")))
            return
        seconds = opts.timeout(self._settings.request_timeout)
        count = self._host.on_broadcast_with_ack(
            data,
            selection,
            seconds,
            lambda argument: self._respond(message, Kind.BROADCAST_ACK, packet=argument),
        )
        self._respond(message, Kind.BROADCAST_CLIENT_COUNT, clientCount=count)

    def _on_server_side_emit(self, message: Message) -> None:
        def answer(result: Any) -> None:
            self._respond(message, Kind.SERVER_SIDE_EMIT_RESPONSE, packet=result)

        self._host.on_server_side_emit(server_event_of(message), None if message.data.request_id is None else answer)

    def _on_answer(self, message: Message, request_id: str) -> None:
        if message.type == Kind.BROADCAST_CLIENT_COUNT:
            self._waiting.server_asked(request_id, message.data.client_count, message.uid)
        elif message.type == Kind.BROADCAST_ACK:
            self._waiting.answered(request_id, message.data.packet)
        else:
            raise Foreign(f"it is a message of the unknown type {message.type}")

    def _respond(self, request: Message, kind: Kind, **data: Any) -> None:
        self._send(self._channels.server(request.uid), kind, requestId=request.data.request_id, **data)


class _LatelyJoined:
    """Rooms into which the other servers were told to let members, and whose channels they may not hear yet.

    What is sent to such a room goes to all servers, until Redis has had the message for a while, which may be long
    after it was published.
    """

    __slots__ = ("_link", "_rooms")

    def __init__(self, link: Link) -> None:
        self._link = link
        self._rooms: dict[str, tuple[int, float]] = {}  # the number of the message, and until when if that is known

    def add(self, rooms: Iterable[str]) -> None:
        """A message was published that lets members into rooms."""
        for known in list(self._rooms):
            self.has(known)
        self._rooms.update(dict.fromkeys(rooms, (self._link.taken, math.inf)))

    def has(self, room: str) -> bool:
        """Whether the room is one of them; one that is not any more is forgotten."""
        if room not in self._rooms:
            return False
        number, end = self._rooms[room]
        if end == math.inf and self._link.settled >= number:
            self._rooms[room] = number, time.monotonic() + LATELY
        elif end <= time.monotonic():
            del self._rooms[room]
            return False
        return True
