"""Engine.IO messages to packets, incrementally: a binary packet is complete with its last attachment."""

from __future__ import annotations

import re
from typing import Any, Final

from whinny.errors import ProtocolError
from whinny.protocol import json
from whinny.protocol.binary import insert
from whinny.protocol.packet import RESERVED_EVENTS, Ack, Connect, ConnectError, Disconnect, Event, Packet

# kind, number of attachments and a dash (binary kinds alone), namespace and a comma (unless it is "/"), id; then JSON
_HEADER: Final = re.compile(r"([0-6])(?:(?<=[56])([0-9]{1,9})-)?(?:(/[^,]*)(?:,|\Z))?([0-9]*)", re.ASCII)
_LONGEST_ID: Final = 16  # digits of Number.MAX_SAFE_INTEGER, 2**53 - 1


class Decoder:
    """The decoder of one connection.

    It holds at most one unfinished packet of at most `max_attachments` attachments; the size of each message is
    bounded where it is received. `max_depth` bounds how deeply the data may be nested.
    """

    __slots__ = ("_attachments", "_expected", "_pending", "max_attachments", "max_depth")

    def __init__(self, max_attachments: int = 10, max_depth: int = 256) -> None:
        self.max_attachments = max_attachments
        self.max_depth = max_depth
        self._pending: Event | Ack | None = None
        self._attachments: list[bytes] | None = None
        self._expected = 0

    def add(self, message: str | bytes) -> Packet | None:
        """The packet that this message completes, if any. Raises ProtocolError; the decoder is of no use after it."""
        if type(message) is str:
            if self._pending is not None:
                raise ProtocolError("text came where a binary attachment was due")
            return self._decode(message)
        if self._pending is None or self._attachments is None:
            raise ProtocolError("a binary attachment came without a packet")
        self._attachments.append(message)  # type: ignore[arg-type]
        if len(self._attachments) < self._expected:
            return None
        packet, attachments = self._pending, self._attachments
        self._pending = self._attachments = None
        try:
            packet.data = insert(packet.data, attachments)
        except RecursionError:  # where `max_depth` allows more than the interpreter
            raise ProtocolError("the data is nested too deeply") from None
        return packet

    def _decode(self, text: str) -> Packet | None:
        header = _HEADER.match(text)
        if header is None:
            raise ProtocolError("the packet has no known type")
        kind, count, namespace, digits = header.groups()
        namespace = namespace or "/"
        body = text[header.end() :]
        data = self._parse(body) if body else None
        ack_id = int(digits) if digits and len(digits) <= _LONGEST_ID else None
        if kind in "25":
            if digits and ack_id is None:
                raise ProtocolError("the acknowledgement id is too large")
            packet: Packet = Event(namespace, self._event_data(data), ack_id)
        elif kind in "36":
            if type(data) is not list:
                raise ProtocolError("an acknowledgement needs a list")
            packet = Ack(namespace, data, ack_id)
        else:
            return self._decode_control(kind, namespace, digits, body, data)
        if kind in "56":
            self._expect(packet, int(count) if count else 0)
            return None
        return packet

    def _decode_control(self, kind: str, namespace: str, digits: str, body: str, data: Any) -> Packet:
        if digits:
            raise ProtocolError("only events and acknowledgements have an id")
        if kind == "0" and (not body or type(data) is dict):
            return Connect(namespace, data)
        if kind == "1" and not body:
            return Disconnect(namespace)
        if kind == "4" and (type(data) is dict or type(data) is str):
            return ConnectError(namespace, data if type(data) is dict else {"message": data})
        raise ProtocolError("the packet's data is none of its kind")

    def _expect(self, packet: Packet, count: int) -> None:
        if not 1 <= count <= self.max_attachments:
            raise ProtocolError(f"a packet with {count} attachments is not allowed")
        assert isinstance(packet, (Event, Ack))
        self._pending, self._attachments, self._expected = packet, [], count

    def _parse(self, body: str) -> Any:
        # Data cannot be deeper than it has opening brackets; only where there are many is it worth a look.
        if body.count("[") + body.count("{") <= self.max_depth:
            return json.decode(body)
        data = json.decode(body)
        if _deeper_than(data, self.max_depth):
            raise ProtocolError("the data is nested too deeply")
        return data

    @staticmethod
    def _event_data(data: Any) -> list[Any]:
        if type(data) is not list or not data:
            raise ProtocolError("an event needs a list with its name")
        name = data[0]
        if type(name) is str:
            if name in RESERVED_EVENTS:
                raise ProtocolError("the event's name is reserved")
        elif type(name) is int or type(name) is float:
            data[0] = str(name)
        else:
            raise ProtocolError("the event's name is neither text nor number")
        return data


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
