"""Socket.IO v5 over the engine: server, clients, namespaces, sockets, acknowledgements."""

from whinny.server.broadcast import BroadcastOperator
from whinny.server.events import Job
from whinny.server.handshake import Handshake
from whinny.server.namespace import Namespace, NamespaceHandler, Pending
from whinny.server.operators import Broadcasting
from whinny.server.options import ServerOptions
from whinny.server.remote import RemoteSocket
from whinny.server.server import Server
from whinny.server.server_events import Listener
from whinny.server.socket import Socket

__all__ = [
    "BroadcastOperator",
    "Broadcasting",
    "Handshake",
    "Job",
    "Listener",
    "Namespace",
    "NamespaceHandler",
    "Pending",
    "RemoteSocket",
    "Server",
    "ServerOptions",
    "Socket",
]
