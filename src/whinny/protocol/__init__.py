"""Socket.IO v5 packets and their codec. No I/O."""

from whinny.protocol.decoder import Decoder, EventDecoder
from whinny.protocol.encoder import encode, encode_value
from whinny.protocol.json import decode as decode_json
from whinny.protocol.packet import (
    RESERVED_EVENTS,
    Ack,
    Connect,
    ConnectError,
    Disconnect,
    Event,
    Packet,
    check_event_name,
)
from whinny.protocol.values import as_received, plain, sendable

__all__ = [
    "RESERVED_EVENTS",
    "Ack",
    "Connect",
    "ConnectError",
    "Decoder",
    "Disconnect",
    "Event",
    "EventDecoder",
    "Packet",
    "as_received",
    "check_event_name",
    "decode_json",
    "encode",
    "encode_value",
    "plain",
    "sendable",
]
