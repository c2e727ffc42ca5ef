"""What controllers and hooks may ask of a socket: Protocols, so that a stand-in fits wherever a socket does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from whinny.cluster import RemoteHandshake
    from whinny.server import BroadcastOperator, Handshake, Namespace, RemoteSocket, Socket


class OperatorLike(Protocol):
    """A choice of clients of one namespace, with what can be done to them. Each step gives a new one."""

    def to(self, *rooms: str | Iterable[str]) -> OperatorLike:
        """The clients in any of these rooms, and of those named before."""
        ...

    def in_(self, *rooms: str | Iterable[str]) -> OperatorLike:
        """The same as `to`."""
        ...

    def except_(self, *rooms: str | Iterable[str]) -> OperatorLike:
        """None of the clients in these rooms."""
        ...

    @property
    def volatile(self) -> OperatorLike:
        """Messages that a client which cannot take them right now does not get at all."""
        ...

    @property
    def local(self) -> OperatorLike:
        """The clients of this server only."""
        ...

    def timeout(self, seconds: float) -> OperatorLike:
        """How long `emit_with_ack` waits."""
        ...

    def emit(self, event: str, *args: Any) -> None:
        """Send an event. Raises EncodeError at once when the arguments cannot be sent."""
        ...

    async def emit_with_ack(self, event: str, *args: Any, timeout: float | None = None) -> list[Any]:
        """Send an event and wait for the acknowledgement of every receiver: the first argument of each."""
        ...

    async def fetch_sockets(self) -> Sequence[FetchedSocket]:
        """The sockets that are meant, on whichever server."""
        ...

    def sockets_join(self, *rooms: str | Iterable[str]) -> None:
        """Let all who are meant enter these rooms."""
        ...

    def sockets_leave(self, *rooms: str | Iterable[str]) -> None:
        """Let all who are meant leave these rooms."""
        ...

    def disconnect_sockets(self, close: bool = False) -> None:
        """Disconnect all who are meant; with `close` their connections too."""
        ...


class NamespaceLike(OperatorLike, Protocol):
    """A namespace: all its clients."""

    @property
    def name(self) -> str:
        """Its name, with the slash that it begins with."""
        ...


class SocketOperatorLike(Protocol):
    """A way to talk to one client, `socket.volatile` or `socket.timeout(5)`, and from there to the others."""

    @property
    def broadcast(self) -> OperatorLike:
        """All clients but this one."""
        ...

    def to(self, *rooms: str | Iterable[str]) -> OperatorLike:
        """The clients in any of these rooms, but not this one."""
        ...

    def in_(self, *rooms: str | Iterable[str]) -> OperatorLike:
        """The same as `to`."""
        ...

    def except_(self, *rooms: str | Iterable[str]) -> OperatorLike:
        """All clients but this one and those in these rooms."""
        ...

    @property
    def local(self) -> OperatorLike:
        """All clients of this server but this one."""
        ...

    @property
    def volatile(self) -> SocketOperatorLike:
        """Messages that are dropped when the client cannot take them right now."""
        ...

    def timeout(self, seconds: float) -> SocketOperatorLike:
        """How long `emit_with_ack` waits."""
        ...

    def emit(self, event: str, *args: Any) -> None:
        """Send an event to this client. Raises EncodeError at once when the arguments cannot be sent."""
        ...

    async def emit_with_ack(self, event: str, *args: Any, timeout: float | None = None) -> Any:
        """Send an event to this client and wait for its acknowledgement: the first argument, or None."""
        ...


class FetchedSocket(Protocol):
    """One client in one namespace, on this server or another: what `fetch_sockets` gives."""

    @property
    def id(self) -> str:
        """The socket's id, which is also the name of a room that it is always in."""
        ...

    @property
    def handshake(self) -> Handshake | RemoteHandshake:
        """What the client showed when it came; of another server's, nothing that is secret."""
        ...

    @property
    def data(self) -> dict[str, Any]:
        """What the app keeps about this client; of another server's, a copy."""
        ...

    @property
    def rooms(self) -> AbstractSet[str]:
        """The rooms of this client, that of its own id among them."""
        ...

    def emit(self, event: str, *args: Any) -> None:
        """Send an event to this client. Raises EncodeError at once when the arguments cannot be sent."""
        ...

    async def emit_with_ack(self, event: str, *args: Any, timeout: float | None = None) -> Any:
        """Send an event to this client and wait for its acknowledgement: the first argument, or None."""
        ...

    def join(self, *rooms: str | Iterable[str]) -> None:
        """Enter rooms."""
        ...

    def leave(self, *rooms: str | Iterable[str]) -> None:
        """Leave rooms."""
        ...

    def disconnect(self, close: bool = False) -> None:
        """Take the client out of this namespace; with `close`, out of all, and close its connection."""
        ...


class SocketLike(SocketOperatorLike, Protocol):
    """One client in one namespace."""

    @property
    def id(self) -> str:
        """The socket's id, which is also the name of a room that it is always in."""
        ...

    @property
    def namespace(self) -> NamespaceLike:
        """The namespace that the client is in."""
        ...

    @property
    def handshake(self) -> Handshake:
        """What the client showed when it came."""
        ...

    @property
    def data(self) -> dict[str, Any]:
        """What the app keeps about this client."""
        ...

    @property
    def rooms(self) -> AbstractSet[str]:
        """The rooms of this client, that of its own id among them."""
        ...

    @property
    def connected(self) -> bool:
        """Whether the client is in the namespace."""
        ...

    def join(self, *rooms: str | Iterable[str]) -> None:
        """Enter rooms."""
        ...

    def leave(self, *rooms: str | Iterable[str]) -> None:
        """Leave rooms."""
        ...

    def disconnect(self, close: bool = False) -> None:
        """Take the client out of this namespace; with `close`, out of all, and close its connection."""
        ...


if TYPE_CHECKING:

    def _real_ones_fit(
        socket: Socket, remote: RemoteSocket, operator: BroadcastOperator, namespace: Namespace
    ) -> tuple[SocketLike, FetchedSocket, SocketOperatorLike, OperatorLike, NamespaceLike]:
        return socket, remote, socket.volatile, operator, namespace  # type checkers read this; nothing calls it
