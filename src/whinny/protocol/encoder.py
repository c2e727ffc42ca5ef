"""Packets to Engine.IO messages: one text, and for binary data one message more for each attachment."""

from __future__ import annotations

from typing import Any

from whinny.errors import EncodeError
from whinny.protocol import json
from whinny.protocol.binary import extract
from whinny.protocol.packet import Ack, Connect, ConnectError, Disconnect, Event, Packet


def encode(packet: Packet, max_attachments: int = 10) -> list[str | bytes]:
    """The messages of a packet.

    Raises EncodeError when the data cannot be sent. More than `max_attachments` binary values count as that too: the
    official clients close the connection on a packet with more than 10.
    """
    if isinstance(packet, Event):
        return _encode_data("2", "5", packet.namespace, packet.id, packet.data, max_attachments)
    if isinstance(packet, Ack):
        return _encode_data("3", "6", packet.namespace, packet.id, packet.data, max_attachments)
    prefix = packet.namespace + "," if packet.namespace != "/" else ""
    if isinstance(packet, Connect):
        return ["0" + prefix + ("" if packet.data is None else json.encode(packet.data))]
    if isinstance(packet, ConnectError):
        data, attachments = extract(packet.data)
        if attachments:
            raise EncodeError("the data of a refusal cannot hold binary values")
        return ["4" + prefix + json.encode(data)]
    assert isinstance(packet, Disconnect)
    return ["1" + prefix]


def _encode_data(
    text_kind: str, binary_kind: str, namespace: str, ack_id: int | None, data: list[Any], max_attachments: int
) -> list[str | bytes]:
    data, attachments = extract(data)
    kind = text_kind
    if attachments:
        if len(attachments) > max_attachments:
            raise EncodeError(
                f"the data holds {len(attachments)} binary values, and a client takes at most {max_attachments} in one "
                "event: join them, or send several events"
            )
        kind = f"{binary_kind}{len(attachments)}-"
    if namespace != "/":
        kind += namespace + ","
    if ack_id is not None:
        kind += str(ack_id)
    text: str | bytes = kind + json.encode(data)
    return [text, *attachments]
