"""Engine.IO messages to packets, incrementally: a binary packet is complete with its last attachment."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from whinny.errors import ProtocolError
from whinny.protocol import json
from whinny.protocol.binary import insert
from whinny.protocol.packet import RESERVED_EVENTS, Ack, Connect, ConnectError, Disconnect, Event, Packet

# kind, number of attachments and a dash (binary kinds alone), namespace and a comma (unless it is "/"), id; then JSON
_HEADER: Final = re.compile(r"([0-6])(?:(?<=[56])([0-9]{1,9})-)?(?:(/[^,]*)(?:,|\Z))?([0-9]*)", re.ASCII)
_LONGEST_ID: Final = 16  # digits of Number.MAX_SAFE_INTEGER, 2**53 - 1

EventDecoder = Callable[[str], list[Any] | None]
"""Gives an event's data, its name and what it likes for the arguments, from their JSON; None to have it decoded as
usual."""


class Decoder:
    """The decoder of one connection.

    It holds at most one unfinished packet of at most `max_attachments` attachments; the size of each message is
    bounded where it is received. `max_depth` bounds how deeply the data may be nested. `event_decoders` has, by
    namespace and name, what decodes the data of some events better than this decoder could.
    """

    __slots__ = ("_event_decoders", "_unfinished", "max_attachments", "max_depth")

    def __init__(
        self,
        max_attachments: int = 10,
        max_depth: int = 256,
        event_decoders: Mapping[str, Mapping[str, EventDecoder]] = MappingProxyType({}),
    ) -> None:
        self.max_attachments = max_attachments
        self.max_depth = max_depth
        self._event_decoders = event_decoders
        self._unfinished: _Unfinished | None = None

    def add(self, message: str | bytes) -> Packet | None:
        """The packet that this message completes, if any. Raises ProtocolError; the decoder is of no use after it."""
        if type(message) is not str:
            return self._attach(message)  # type: ignore[arg-type]
        if self._unfinished is not None:
            raise ProtocolError("text came where a binary attachment was due")
        kind, start = message[:1], message.find("[")
        digits = message[1:start] if start > 1 else ""
        if (kind == "2" or kind == "3") and (start == 1 or (digits.isdigit() and digits.isascii())):
            count, namespace = None, "/"  # by far the commonest: nothing before the JSON but an id
        else:
            kind, count, namespace, digits, start = _header(message)
        body = message[start:]
        data = self._decode_event(namespace, body) if kind == "2" and self._event_decoders else None
        if data is None and body:
            data = json.decode(body)
        if len(body) > self.max_depth:
            self._check_depth(body, data)
        ack_id = int(digits) if digits and len(digits) <= _LONGEST_ID else None
        packet: Event | Ack
        if kind == "2" or kind == "5":
            if digits and ack_id is None:
                raise ProtocolError("the acknowledgement id is too large")
            if type(data) is not list or not data:
                raise ProtocolError("an event needs a list with its name")
            if type(data[0]) is not str or data[0] in RESERVED_EVENTS:
                data[0] = _event_name(data[0])
            packet = Event(namespace, data, ack_id)
        elif kind == "3" or kind == "6":
            if type(data) is not list:
                raise ProtocolError("an acknowledgement needs a list")
            packet = Ack(namespace, data, ack_id)
        else:
            return _control_packet(kind, namespace, digits, body, data)
        if kind == "2" or kind == "3":
            return packet
        self._expect(packet, int(count) if count else 0)
        return None

    def _expect(self, packet: Event | Ack, count: int) -> None:
        if not 1 <= count <= self.max_attachments:
            raise ProtocolError(f"a packet with {count} attachments is not allowed")
        self._unfinished = _Unfinished(packet, count)

    def _attach(self, attachment: bytes) -> Packet | None:
        unfinished = self._unfinished
        if unfinished is None:
            raise ProtocolError("a binary attachment came without a packet")
        unfinished.attachments.append(attachment)
        if len(unfinished.attachments) < unfinished.expected:
            return None
        self._unfinished = None
        return unfinished.complete()

    def _decode_event(self, namespace: str, body: str) -> list[Any] | None:
        decoders = self._event_decoders.get(namespace)
        if decoders is None or not body.startswith('["'):
            return None
        decode = decoders.get(body[2 : body.find('"', 2)])
        return None if decode is None or self._may_be_deep(body) else decode(body)

    def _may_be_deep(self, body: str) -> bool:
        # Data cannot be deeper than it has opening brackets; only where there are many is it worth a look.
        return len(body) > self.max_depth and body.count("[") + body.count("{") > self.max_depth

    def _check_depth(self, body: str, data: Any) -> None:
        if self._may_be_deep(body) and _deeper_than(data, self.max_depth):
            raise ProtocolError("the data is nested too deeply")


class _Unfinished:
    """A packet that waits for its attachments."""

    __slots__ = ("attachments", "expected", "packet")

    def __init__(self, packet: Event | Ack, expected: int) -> None:
        self.packet = packet
        self.expected = expected
        self.attachments: list[bytes] = []

    def complete(self) -> Packet:
        """The packet with its attachments in their places."""
        try:
            self.packet.data = insert(self.packet.data, self.attachments)
        except RecursionError:  # where `max_depth` allows more than the interpreter
            raise ProtocolError("the data is nested too deeply") from None
        return self.packet


def _header(text: str) -> tuple[str, str | None, str, str, int]:
    """Kind, number of attachments, namespace and id, as they are written; and where the JSON begins."""
    header = _HEADER.match(text)
    if header is None:
        raise ProtocolError("the packet has no known type")
    kind, count, namespace, digits = header.groups()
    return kind, count, namespace or "/", digits, header.end()


def _control_packet(kind: str, namespace: str, digits: str, body: str, data: Any) -> Packet:
    if digits:
        raise ProtocolError("only events and acknowledgements have an id")
    if kind == "0" and (not body or type(data) is dict):
        return Connect(namespace, data)
    if kind == "1" and not body:
        return Disconnect(namespace)
    if kind == "4" and (type(data) is dict or type(data) is str):
        return ConnectError(namespace, data if type(data) is dict else {"message": data})
    raise ProtocolError("the packet's data is none of its kind")


def _event_name(name: Any) -> str:
    """A name that is not simply a text."""
    if type(name) is str:
        raise ProtocolError("the event's name is reserved")
    if type(name) is not int and type(name) is not float:
        raise ProtocolError("the event's name is neither text nor number")
    return str(name)


def _deeper_than(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth):
        inner: list[Any] = []
        for item in level:
            if type(item) is list:
                inner.extend(part for part in item if type(part) in (list, dict))
            elif type(item) is dict:
                inner.extend(part for part in item.values() if type(part) in (list, dict))
        if not inner:
            return False
        level = inner
    return True
