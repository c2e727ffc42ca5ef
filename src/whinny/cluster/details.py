"""What the servers of a cluster know of each other's sockets."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct, field
from msgspec.structs import force_setattr

SECRET_HEADERS: Final = frozenset(
    {"authorization", "cookie", "proxy-authorization", "set-cookie", "x-csrf-token", "x-xsrf-token"}
)
"""Headers that no other server sees: who reads what passes between servers could act as the client with them."""


class RemoteHandshake(Struct, frozen=True):
    """What a client showed to the server to which it is connected: `Handshake`, without what is secret.

    There are no cookies and no authorization headers in `headers`, and `auth` is always empty. `issued` is in seconds
    since 1970.
    """

    headers: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    auth: dict[str, Any] = field(default_factory=dict)
    address: str = ""
    secure: bool = False
    xdomain: bool = False
    url: str = ""
    time: str = ""
    issued_milliseconds: float = field(default=0.0, name="issued")

    def __post_init__(self) -> None:
        """Node's servers send everything."""
        shown = {name: value for name, value in self.headers.items() if name.lower() not in SECRET_HEADERS}
        force_setattr(self, "headers", shown)
        force_setattr(self, "auth", {})

    @property
    def issued(self) -> float:
        """The time of the CONNECT packet in seconds since 1970."""
        return self.issued_milliseconds / 1000


class SocketDetails(Struct, frozen=True):
    """A socket of another server, as it was when it was asked for."""

    id: str
    handshake: RemoteHandshake = field(default_factory=RemoteHandshake)
    rooms: list[str | int | float] = field(default_factory=list)
    data: Any = field(default_factory=dict)
