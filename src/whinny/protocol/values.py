"""Data as the other side has it once it has been sent."""

from __future__ import annotations

import sys
from typing import Any, Final

from whinny.errors import EncodeError, ProtocolError
from whinny.protocol.binary import is_plain
from whinny.protocol.decoder import Decoder
from whinny.protocol.encoder import encode
from whinny.protocol.packet import Ack

MAX_DEPTH: Final = 256
"""How deeply values may be nested that other servers are to get: as deeply as, by default, those of clients."""


def as_received(values: list[Any]) -> list[Any]:
    """The values as another server or client would receive them, out of reach of later changes.

    Raises EncodeError, also for values that are nested more than MAX_DEPTH deep.
    """
    decoder = Decoder(max_attachments=sys.maxsize, max_depth=MAX_DEPTH)
    packet = None
    try:
        for message in encode(Ack("/", values, None), max_attachments=sys.maxsize):
            packet = decoder.add(message)
    except ProtocolError as error:  # too deep
        raise EncodeError(f"the data cannot be sent: {error}") from None
    assert isinstance(packet, Ack)
    return packet.data


def plain(values: list[Any]) -> list[Any]:
    """The values themselves where they are of JSON's own types, else as they would be received. Raises EncodeError."""
    try:
        return values if is_plain(values) else as_received(values)
    except RecursionError as error:
        raise EncodeError("the data is nested too deeply, or contains itself") from error


def sendable(data: dict[str, Any]) -> dict[str, Any]:
    """That part of `data` that can be sent."""
    found: dict[str, Any] = {}
    for key, value in data.items():
        try:
            found[str(key)] = as_received([value])[0]
        except EncodeError:
            continue
    return found
