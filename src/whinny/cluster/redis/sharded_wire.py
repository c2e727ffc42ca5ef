"""What servers say to each other in the form of Node's `createShardedAdapter`: channels and messages.

A message is JSON, or msgpack where there are binary values in it; the first byte tells.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from whinny.cluster.adapter import Selection
from whinny.cluster.redis.classic_wire import (
    EVENT,
    Count,
    Options,
    Packet,
    Room,
    check_server_event,
    dates_as_text,
    flags,
    has_dates,
    options,
)
from whinny.cluster.redis.encoding import reads, to_json, to_msgpack
from whinny.errors import EncodeError
from whinny.protocol import plain

ID_LENGTH: Final = 20
"""Characters of a socket's id: a room whose name has so many is taken for one, and has no channel of its own."""


def looks_like_id(room: str) -> bool:
    """Whether a room is taken for a socket's id. Node's servers count an emoji, and its like, as two characters."""
    return len(room) == ID_LENGTH if room.isascii() else len(room.encode("utf-16-le", "surrogatepass")) == 2 * ID_LENGTH


class Kind(IntEnum):
    """What a message is about."""

    BROADCAST = 3
    SOCKETS_JOIN = 4
    SOCKETS_LEAVE = 5
    DISCONNECT_SOCKETS = 6
    FETCH_SOCKETS = 7
    FETCH_SOCKETS_RESPONSE = 8
    SERVER_SIDE_EMIT = 9
    SERVER_SIDE_EMIT_RESPONSE = 10
    BROADCAST_CLIENT_COUNT = 11
    BROADCAST_ACK = 12


class ShardedChannels:
    """The channels of one namespace; `prefix` is what all servers of the cluster have in common."""

    __slots__ = ("_prefix", "every_server")

    def __init__(self, prefix: str, namespace: str) -> None:
        self._prefix = f"{prefix}#{namespace}#"
        self.every_server = self._prefix.encode()

    def server(self, uid: str) -> bytes:
        """What concerns one server alone."""
        return f"{self._prefix}{uid}#".encode()

    def room(self, room: str) -> bytes:
        """Broadcasts to one room."""
        return f"{self._prefix}{room}#".encode(errors="surrogatepass")


class Data(Struct, rename={"request_id": "requestId", "client_count": "clientCount"}):
    """What is in a message; which of it depends on its kind."""

    opts: Options = field(default_factory=Options)
    packet: Any = None
    request_id: str | None = None
    rooms: list[Room] = field(default_factory=list)
    close: bool = False
    sockets: list[Any] = field(default_factory=list)
    client_count: Count = 0


class Message(Struct):
    """A message."""

    uid: str
    type: int
    nsp: str = "/"
    data: Data = field(default_factory=Data)


_json_decoder: Final = msgspec.json.Decoder(Message)
_msgpack_decoder: Final = msgspec.msgpack.Decoder(Message)


@reads
def decode(data: bytes) -> Message:
    """A message. Raises Foreign for what is none."""
    if data[:1] == b"{":
        return _json_decoder.decode(data)
    message = _msgpack_decoder.decode(data)
    if has_dates(data):
        message.data.packet = dates_as_text(message.data.packet)
    return message


@reads
def event_of(message: Message) -> list[Any]:
    """The name and the arguments of the event in a broadcast. Raises Foreign for what is none."""
    return msgspec.convert(message.data.packet, Packet).data


@reads
def server_event_of(message: Message) -> list[Any]:
    """The name and the arguments of a server-side event. Raises Foreign for what is none."""
    return check_server_event(msgspec.convert(message.data.packet, list[Any]))


_BROADCAST: Final = b'{"type":3,"data":{"packet":'


class Encoder:
    """Writes the messages of one server in one namespace."""

    __slots__ = ("_namespace", "_uid", "end")

    def __init__(self, uid: str, namespace: str) -> None:
        self._uid, self._namespace = uid, namespace
        self.end = to_json({"uid": uid, "nsp": namespace}).replace(b"{", b",", 1)
        """What all its messages that are JSON end with; they hold its id nowhere else outside of a text."""

    def broadcast(self, packet: bytes, selection: Selection, volatile: bool) -> bytes:
        """A broadcast of a packet from `encode_packet`."""
        opts = options(selection, flags(volatile))
        if packet[:1] == b"{":
            return b"".join((_BROADCAST, packet, b',"opts":', to_json(opts), b"}", self.end))
        return self.message(Kind.BROADCAST, {"packet": msgspec.Raw(packet), "opts": opts})

    def message(self, kind: Kind, data: dict[str, Any]) -> bytes:
        """A message. A packet in it may be one from `encode_packet`: then that one decides between JSON and msgpack."""
        message = {"type": kind.value, "data": data, "uid": self._uid, "nsp": self._namespace}
        packet = data.get("packet")
        is_json = bytes(packet)[:1] == b"{" if isinstance(packet, msgspec.Raw) else not has_binary(data)
        return to_json(message) if is_json else to_msgpack(message)


def encode_packet(data: list[Any]) -> bytes:
    """The packet of an event. Raises EncodeError."""
    try:
        values = plain(data)
        packet = {"type": EVENT, "data": values}
        is_json = values is data or not has_binary(values)  # what was plain before holds no binary values
        return to_json(packet) if is_json else to_msgpack(packet)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise EncodeError(f"the data cannot be sent to the other servers: {error}") from error


def has_binary(value: Any) -> bool:
    """Whether there are binary values in plain data."""
    if isinstance(value, dict):
        return any(has_binary(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(has_binary(item) for item in value)
    return isinstance(value, (bytes, bytearray, memoryview))


def whom(selection: Selection) -> dict[str, Any]:
    """Whom something concerns, as it stands in messages."""
    return options(selection, {})
