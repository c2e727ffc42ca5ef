"""What a connection and the thing that carries its packets know of each other.

A transport pulls: packets wait with the peer until the transport can write, so none is lost when one transport
replaces another. Everything here is synchronous and runs on the event loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from whinny.types import DisconnectReason

if TYPE_CHECKING:
    from whinny.engine.options import TransportName
    from whinny.engine.packet import Packet


class Peer(Protocol):
    """Whose packets a transport carries: a connection, or an upgrade that is not finished."""

    def receive(self, wire: str | bytes) -> None:
        """One packet came in."""

    def take(self) -> list[Packet]:
        """Hand over all packets that wait, in order; they are the transport's from here."""
        ...

    def sent(self, left: int = 0) -> None:
        """What was taken has gone out, but for so many bytes."""

    def lost(self, transport: Transport, reason: DisconnectReason, description: str = "") -> None:
        """The transport is gone, and not because it was told to close."""


class Transport(Protocol):
    """Carries the packets of one peer."""

    name: ClassVar[TransportName]
    peer: Peer

    @property
    def ready(self) -> bool:
        """Whether a packet given now would go out now; volatile ones are dropped otherwise."""
        ...

    def wake(self) -> None:
        """Packets wait at the peer: take and write them as soon as that is possible."""

    def try_write(self) -> None:
        """Write what waits now rather than soon, and tell the peer, where that takes no waiting."""

    def close(self, code: int = 1000) -> None:
        """Close once what was taken has gone out. `code` is the WebSocket close code. Never calls `Peer.lost`."""

    def pause(self) -> None:
        """Read no further packet until `resume`."""

    def resume(self) -> None:
        """Read on."""
