"""Socket.IO v5 over the engine: server, clients, namespaces, sockets, acknowledgements."""

from whinny.server.broadcast import BroadcastOperator, room_names
from whinny.server.events import Job
from whinny.server.handshake import Handshake
from whinny.server.namespace import Namespace, NamespaceHandler, Pending, check_namespace
from whinny.server.options import ServerOptions
from whinny.server.server import Server
from whinny.server.server_events import RESERVED_SERVER_EVENTS, Listener
from whinny.server.socket import Socket

__all__ = [
    "RESERVED_SERVER_EVENTS",
    "BroadcastOperator",
    "Handshake",
    "Job",
    "Listener",
    "Namespace",
    "NamespaceHandler",
    "Pending",
    "Server",
    "ServerOptions",
    "Socket",
    "check_namespace",
    "room_names",
]
