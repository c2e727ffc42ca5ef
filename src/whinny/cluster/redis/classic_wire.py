"""What servers say to each other in the form of `@socket.io/redis-adapter` 8: channels, messages, requests, responses.

Broadcasts are msgpack: `[uid, packet, options]`. Requests and responses are JSON where nothing in them may be binary,
else msgpack; the first byte tells.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import IntEnum
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct, field

from whinny.cluster.adapter import Selection
from whinny.cluster.redis.encoding import Foreign, reads, to_json, to_msgpack
from whinny.errors import EncodeError
from whinny.protocol import check_event_name, plain

EVENT: Final = 2
"""The type of the only packets that servers send to each other; binary values stand in them as they are."""

LONGEST: Final = 86400.0
"""Seconds that a server waits for acknowledgements at most: a timer for each of them is kept so long."""

Count = Annotated[int, Meta(ge=0, le=2**31)]
"""How many clients were asked."""


Room = str | int | float
"""The name of a room: on Node's servers it may be a number, which is that number's text here."""

_NO_FLAGS: Final[dict[str, Any]] = {}
_VOLATILE: Final = {"volatile": True}

_DATES: Final = (b"\xd6\xff", b"\xd7\xff", b"\xc7\x0c\xff")
"""How msgpack begins a date."""


class Request(IntEnum):
    """What a request asks for; two are kinds of responses."""

    SOCKETS = 0
    ALL_ROOMS = 1
    JOIN = 2
    LEAVE = 3
    DISCONNECT = 4
    FETCH = 5
    SERVER_SIDE_EMIT = 6
    BROADCAST = 7
    BROADCAST_CLIENT_COUNT = 8
    BROADCAST_ACK = 9


class Channels:
    """The channels of one namespace; `key` is what all servers of the cluster have in common."""

    __slots__ = ("_key", "_namespace", "broadcasts", "every_broadcast", "own_responses", "requests", "responses")

    def __init__(self, key: str, namespace: str, uid: str) -> None:
        self._key, self._namespace = key, namespace
        self.broadcasts = f"{key}#{namespace}#".encode()
        self.every_broadcast = re.sub(rb"([*?\[\]\\])", rb"\\\1", self.broadcasts) + b"*"
        self.requests = f"{key}-request#{namespace}#".encode()
        self.responses = f"{key}-response#{namespace}#".encode()
        self.own_responses = self.responses_to(uid)

    def responses_to(self, uid: str) -> bytes:
        """Responses that concern one server alone."""
        return f"{self._key}-response#{self._namespace}#{uid}#".encode()

    def room(self, selection: Selection) -> bytes:
        """Where a broadcast goes: one to a single room has a channel of its own."""
        if len(selection.rooms) == 1:
            return self.broadcasts + selection.rooms[0].encode(errors="surrogatepass") + b"#"
        return self.broadcasts


class Packet(Struct):
    """An event."""

    type: int
    data: list[Any]
    nsp: str = "/"

    def __post_init__(self) -> None:
        """Raises ValueError for what is no event; clients would take it for a broken server, and go."""
        if not self.data or type(self.data[0]) not in (str, int):
            raise ValueError("it has no event name")
        check_event_name(self.data[0])


class Options(Struct, rename={"excluded": "except"}):
    """Whom something concerns, and how."""

    rooms: list[Room] = field(default_factory=list)
    excluded: list[Room] = field(default_factory=list)
    flags: dict[str, Any] = field(default_factory=dict)

    @property
    def selection(self) -> Selection:
        """Whom it concerns."""
        return Selection(tuple(map(str, self.rooms)), tuple(map(str, self.excluded)))

    def timeout(self, default: float) -> float:
        """Seconds that clients have to acknowledge."""
        milliseconds = self.flags.get("timeout")
        if not isinstance(milliseconds, (int, float)) or not milliseconds >= 0:  # NaN is not
            return default
        return min(milliseconds, LONGEST * 1000) / 1000


class Asked(Struct, rename={"request_id": "requestId"}):
    """A request. `sid` and `room` are of older servers, which ask for one socket."""

    type: int
    uid: str | None = None
    request_id: str | None = None
    opts: Options = field(default_factory=Options)
    rooms: list[Room] = field(default_factory=list)
    close: bool = False
    data: list[Any] = field(default_factory=list)
    packet: Packet | None = None
    sid: str | None = None
    room: Room | None = None


class Answered(Struct, rename={"request_id": "requestId", "client_count": "clientCount"}):
    """A response."""

    request_id: str
    type: int | None = None
    sockets: list[Any] = field(default_factory=list)
    data: Any = None
    client_count: Count = 0
    packet: Any = None


_broadcast: Final = msgspec.msgpack.Decoder(tuple[str, Packet, Options])
_asked_json: Final = msgspec.json.Decoder(Asked)
_asked_msgpack: Final = msgspec.msgpack.Decoder(Asked)
_answered_json: Final = msgspec.json.Decoder(Answered)
_answered_msgpack: Final = msgspec.msgpack.Decoder(Answered)


@reads
def decode_broadcast(data: bytes) -> tuple[str, Packet, Options]:
    """A broadcast: its sender, the event and whom it concerns. Raises Foreign for what is none."""
    uid, packet, opts = _broadcast.decode(data)
    if has_dates(data):
        packet.data = dates_as_text(packet.data)
    return uid, packet, opts


@reads
def decode_request(data: bytes) -> Asked:
    """A request. Raises Foreign for what is none."""
    if data[:1] == b"{":
        return _asked_json.decode(data)
    request = _asked_msgpack.decode(data)
    if request.packet is not None and has_dates(data):
        request.packet.data = dates_as_text(request.packet.data)
    return request


@reads
def decode_response(data: bytes) -> Answered:
    """A response. Raises Foreign for what is none."""
    return _answered_json.decode(data) if data[:1] == b"{" else _answered_msgpack.decode(data)


def encode_packet(data: list[Any], namespace: str) -> bytes:
    """The packet of an event, as it stands in broadcasts and in requests for acknowledgements. Raises EncodeError."""
    try:
        return to_msgpack({"type": EVENT, "data": plain(data), "nsp": namespace})
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise EncodeError(f"the data cannot be sent to the other servers: {error}") from error


def broadcast_head(uid: str) -> bytes:
    """What all broadcasts of one server begin with."""
    return b"\x93" + to_msgpack(uid)


def encode_broadcast(head: bytes, packet: bytes, selection: Selection, flags: dict[str, Any]) -> bytes:
    """A broadcast of a packet from `encode_packet`, with a head from `broadcast_head`."""
    return head + packet + to_msgpack(options(selection, flags))


def encode_ask(uid: str, request_id: str, packet: bytes, selection: Selection, timeout: float) -> bytes:
    """A request for acknowledgements of a packet from `encode_packet`; `timeout` in seconds."""
    return to_msgpack(
        {
            "uid": uid,
            "requestId": request_id,
            "type": Request.BROADCAST.value,
            "packet": msgspec.Raw(packet),
            "opts": options(selection, timeout_flags(timeout)),
        }
    )


def flags(volatile: bool) -> dict[str, Any]:
    """The flags of a broadcast."""
    return _VOLATILE if volatile else _NO_FLAGS


def timeout_flags(timeout: float) -> dict[str, Any]:
    """The flags of a request for acknowledgements; `timeout` in seconds."""
    return {"timeout": round(min(timeout, LONGEST) * 1000)}


def encode_json(message: dict[str, Any]) -> bytes:
    """A request or a response without binary values. Those are written as Node does: `{"type": "Buffer", …}`."""
    return to_json(_without_bytes(message))


def encode_msgpack(message: dict[str, Any]) -> bytes:
    """A response that may hold binary values."""
    return to_msgpack(message)


def options(selection: Selection, flags: dict[str, Any] | None = None) -> dict[str, Any]:
    """Whom something concerns, on the wire; without `flags`, as in requests."""
    made: dict[str, Any] = {"rooms": selection.rooms, "except": selection.excluded}
    if flags is not None:
        made["flags"] = flags
    return made


def has_dates(data: bytes) -> bool:
    """Whether there may be dates in msgpack."""
    return b"\xff" in data and any(mark in data for mark in _DATES)  # the byte alone is seldom there, and soon found


def dates_as_text(value: Any) -> Any:
    """Data of a msgpack message, with dates as clients of Node's servers get them."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03}Z"
    if isinstance(value, dict):
        return {key: dates_as_text(item) for key, item in value.items()}
    return [dates_as_text(item) for item in value] if isinstance(value, list) else value


def _without_bytes(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"type": "Buffer", "data": list(bytes(value))}
    if isinstance(value, dict):
        return {key: _without_bytes(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_bytes(item) for item in value]
    return value


@reads
def with_bytes(value: Any) -> Any:
    """Data of a JSON message, with the binary values that `encode_json`, or Node, has written so. Raises Foreign."""
    return _with_bytes(value)


def check_server_event(data: list[Any]) -> list[Any]:
    """The name and the arguments of a server-side event. Raises Foreign for what is none."""
    if not data or not isinstance(data[0], str):
        raise Foreign("it has no event name")
    return data


def _with_bytes(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"type", "data"} and value["type"] == "Buffer" and isinstance(value["data"], list):
            try:
                return bytes(value["data"])
            except (TypeError, ValueError):
                return value
        return {key: _with_bytes(item) for key, item in value.items()}
    return [_with_bytes(item) for item in value] if isinstance(value, list) else value
