"""Socket.IO v5 packets: one small class per kind. No I/O.

https://socket.io/docs/v4/socket-io-protocol/ names the kinds and their fields.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

RESERVED_EVENTS: Final = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
"""Event names that neither side may send."""


def check_event_name(name: str) -> None:
    """Raises ValueError for a name that is not to be emitted."""
    if name in RESERVED_EVENTS:
        raise ValueError(f"{name!r} is a reserved event name")


class Packet(Struct):
    """What all kinds share: the namespace."""

    namespace: str


class Connect(Packet):
    """A client asks to join a namespace with its `auth`; the server grants it with `{"sid": …}`."""

    data: dict[str, Any] | None = None


class Disconnect(Packet):
    """Leaves a namespace."""


class Event(Packet):
    """An event: `data` is its name and its arguments; with an `id` the other side shall acknowledge."""

    data: list[Any]
    id: int | None = None


class Ack(Packet):
    """The acknowledgement of the event with this `id`. One without is tolerated, as by the reference server."""

    data: list[Any]
    id: int | None


class ConnectError(Packet):
    """The server refuses a namespace: `data` is `{"message": …, "data": …}`."""

    data: dict[str, Any]
