"""Who is in which room, on which server; and the ways from a server to the others."""

from whinny.cluster.adapter import (
    AdapterFactory,
    AdapterHost,
    AdapterOption,
    ClusterAdapter,
    Health,
    Member,
    MemoryAdapter,
    Peers,
    RemoteAnswers,
    Selection,
)
from whinny.cluster.details import SECRET_HEADERS, RemoteHandshake, SocketDetails

__all__ = [
    "SECRET_HEADERS",
    "AdapterFactory",
    "AdapterHost",
    "AdapterOption",
    "ClusterAdapter",
    "Health",
    "Member",
    "MemoryAdapter",
    "Peers",
    "RemoteAnswers",
    "RemoteHandshake",
    "Selection",
    "SocketDetails",
]
