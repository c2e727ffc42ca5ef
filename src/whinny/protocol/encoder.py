"""Packets to Engine.IO messages: one text, and for binary data one message more for each attachment. Values to JSON."""

from __future__ import annotations

from typing import Any

from whinny.errors import EncodeError
from whinny.protocol import json
from whinny.protocol.binary import extract, inline
from whinny.protocol.packet import Ack, Connect, ConnectError, Disconnect, Event, Packet


def encode(packet: Packet, max_attachments: int = 10) -> list[str | bytes]:
    """The messages of a packet.

    Raises EncodeError when the data cannot be sent. More than `max_attachments` binary values count as that too: the
    official clients close the connection on a packet with more than 10.
    """
    if type(packet) is not Event and type(packet) is not Ack:
        return [_encode_control(packet)]
    data, attachments = extract(packet.data)
    if not attachments:
        kind = "2" if type(packet) is Event else "3"
    elif len(attachments) > max_attachments:
        raise EncodeError(
            f"the data holds {len(attachments)} binary values, and a client takes at most {max_attachments} in one "
            "event: join them, or send several events"
        )
    else:
        kind = f"{'5' if type(packet) is Event else '6'}{len(attachments)}-"
    namespace = "" if packet.namespace == "/" else packet.namespace + ","
    ack_id = "" if packet.id is None else packet.id
    return [f"{kind}{namespace}{ack_id}{json.encode(data)}", *attachments]


def encode_value(value: Any) -> str:
    """A value by itself as JSON: as in a packet, but with binary values as base64 text. Raises EncodeError."""
    return json.encode(inline(value))


def _encode_control(packet: Packet) -> str:
    prefix = packet.namespace + "," if packet.namespace != "/" else ""
    if isinstance(packet, Connect):
        return "0" + prefix + ("" if packet.data is None else json.encode(packet.data))
    if isinstance(packet, ConnectError):
        data, attachments = extract(packet.data)
        if attachments:
            raise EncodeError("the data of a refusal cannot hold binary values")
        return "4" + prefix + json.encode(data)
    assert isinstance(packet, Disconnect)
    return "1" + prefix
