"""What stands between a socket and an emit: modifiers, and the choice of whom to send to besides the socket itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from whinny.server.broadcast import BroadcastOperator

if TYPE_CHECKING:
    from whinny.server.socket import Socket


class Choice(Protocol):
    """A choice of clients that can be narrowed down."""

    def to(self, *rooms: str | Iterable[str]) -> Self:
        """The clients in any of these rooms."""
        ...

    def except_(self, *rooms: str | Iterable[str]) -> Self:
        """None of the clients in these rooms."""
        ...

    @property
    def local(self) -> Self:
        """The clients of this server only."""
        ...


C = TypeVar("C", bound=Choice)


class Broadcasting(Generic[C]):
    """Whom a socket, or a stand-in for one, can send to besides itself."""

    __slots__ = ()

    @property
    def broadcast(self) -> C:
        """All clients but this one."""
        raise NotImplementedError

    def to(self, *rooms: str | Iterable[str]) -> C:
        """The clients in any of these rooms, but not this one."""
        return self.broadcast.to(*rooms)

    in_ = to

    def except_(self, *rooms: str | Iterable[str]) -> C:
        """All clients but this one and those in these rooms."""
        return self.broadcast.except_(*rooms)

    @property
    def local(self) -> C:
        """All clients of this server but this one."""
        return self.broadcast.local


class SocketOperator(Broadcasting[BroadcastOperator]):
    """A socket with modifiers: `socket.volatile.emit(…)`, `socket.timeout(5).emit_with_ack(…)`."""

    __slots__ = ("_socket", "_timeout", "_volatile")

    def __init__(self, socket: Socket, volatile: bool = False, timeout: float | None = None) -> None:
        self._socket = socket
        self._volatile = volatile
        self._timeout = timeout

    @property
    def volatile(self) -> SocketOperator:
        """Messages that are dropped when the client cannot take them right now."""
        return SocketOperator(self._socket, True, self._timeout)

    def timeout(self, seconds: float) -> SocketOperator:
        """How long `emit_with_ack` waits."""
        return SocketOperator(self._socket, self._volatile, seconds)

    @property
    def broadcast(self) -> BroadcastOperator:
        """All clients but this one."""
        socket = self._socket
        return BroadcastOperator(
            socket.namespace, excluded=(socket.id,), volatile=self._volatile, timeout=self._timeout
        )

    def emit(self, event: str, *args: Any) -> None:
        """Send an event to this client."""
        self._socket.send_event(event, args, volatile=self._volatile)

    async def emit_with_ack(self, event: str, *args: Any, timeout: float | None = None) -> Any:
        """Send an event to this client and wait for its acknowledgement."""
        return await self._socket.emit_with_ack(event, *args, timeout=self._timeout if timeout is None else timeout)
