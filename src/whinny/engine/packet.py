"""Engine.IO v4 packets as they stand on the wire. No I/O.

A packet is a type digit with text behind it (`4hello`), or binary, which is always a message. A WebSocket frame carries
one packet; a polling body carries many, parted by 0x1e, with binary as `b` and base64.
"""

from __future__ import annotations

import binascii
from base64 import b64encode
from typing import Final

from whinny.errors import ProtocolError

SEPARATOR: Final = "\x1e"
PACKET_TYPES: Final = frozenset("0123456")


class Packet:
    """One packet on its way out, encoded once however many connections carry it.

    `wire` is the packet itself. `frame` is for a transport that writes bytes: what it has made of the packet.
    """

    __slots__ = ("_in_payload", "frame", "size", "wire")

    def __init__(self, wire: str | bytes) -> None:
        self.wire = wire
        self.frame: bytes | None = None
        self.size = len(wire) if type(wire) is not str or wire.isascii() else len(wire.encode())
        self._in_payload: str | None = None

    @property
    def in_payload(self) -> str:
        """The packet as polling carries it: text as it is, binary as `b` and base64."""
        if type(self.wire) is str:
            return self.wire
        if self._in_payload is None:
            self._in_payload = "b" + b64encode(self.wire).decode("ascii")  # type: ignore[arg-type]
        return self._in_payload

    def __repr__(self) -> str:
        return f"Packet({self.wire!r})"


def message_packets(messages: list[str | bytes]) -> list[Packet]:
    """The packets of messages, shared by all who receive them."""
    if len(messages) == 1:  # as nearly always, and then a comprehension costs as much as the packet
        data = messages[0]
        return [Packet("4" + data if type(data) is str else data)]
    return [Packet("4" + data if type(data) is str else data) for data in messages]


CLOSE: Final = Packet("1")
PING: Final = Packet("2")
PROBE_PONG: Final = Packet("3probe")
NOOP: Final = Packet("6")


def encode_payload(packets: list[Packet]) -> str:
    """The body of a polling response."""
    return SEPARATOR.join([packet.in_payload for packet in packets])


def decode_payload(body: bytes) -> list[str | bytes]:
    """The packets of a polling request, in order: text with its type digit, or binary.

    Raises ProtocolError when any of them is malformed; then none is delivered.
    """
    try:
        parts = body.decode().split(SEPARATOR)
    except UnicodeDecodeError as error:
        raise ProtocolError("the payload is not UTF-8") from error
    packets: list[str | bytes] = []
    for part in parts:
        if part[:1] == "b":
            try:
                packets.append(binascii.a2b_base64(part[1:].encode("ascii"), strict_mode=True))
            except ValueError as error:
                raise ProtocolError("a binary packet is not base64") from error
        elif part[:1] in PACKET_TYPES and part:
            packets.append(part)
        else:
            raise ProtocolError("a packet has no known type")
    return packets
