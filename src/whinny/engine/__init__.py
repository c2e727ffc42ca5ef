"""Engine.IO v4: one client is one ordered stream of text and binary messages."""

from whinny.engine.connection import Connection, ConnectionHandler
from whinny.engine.cookie import CookieOptions
from whinny.engine.engine import FORBIDDEN, Engine, Rejection, new_sid
from whinny.engine.gate import Gate
from whinny.engine.options import EngineOptions, TransportName
from whinny.engine.packet import Packet, decode_payload, encode_payload, message_packets
from whinny.engine.polling import AT_ONCE, Overlap, PollingTransport
from whinny.engine.request import TOKEN, EngineRequest
from whinny.engine.transport import Peer, Transport
from whinny.engine.upgrade import Upgrade

__all__ = [
    "AT_ONCE",
    "FORBIDDEN",
    "TOKEN",
    "Connection",
    "ConnectionHandler",
    "CookieOptions",
    "Engine",
    "EngineOptions",
    "EngineRequest",
    "Gate",
    "Overlap",
    "Packet",
    "Peer",
    "PollingTransport",
    "Rejection",
    "Transport",
    "TransportName",
    "Upgrade",
    "decode_payload",
    "encode_payload",
    "message_packets",
    "new_sid",
]
