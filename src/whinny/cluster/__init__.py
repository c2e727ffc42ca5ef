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
    check_adapter,
)
from whinny.cluster.details import SECRET_HEADERS, RemoteHandshake, SocketDetails
from whinny.cluster.emission import check_namespace, check_server_event, room_names, wire_args

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
    "check_adapter",
    "check_namespace",
    "check_server_event",
    "room_names",
    "wire_args",
]
