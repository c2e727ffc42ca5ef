"""Socket.IO v5 packets and their codec. No I/O."""

from whinny.protocol.decoder import Decoder
from whinny.protocol.encoder import encode
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

__all__ = [
    "RESERVED_EVENTS",
    "Ack",
    "Connect",
    "ConnectError",
    "Decoder",
    "Disconnect",
    "Event",
    "Packet",
    "check_event_name",
    "encode",
]
