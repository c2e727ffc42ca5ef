"""Sockets of other servers, as `fetch_sockets` gives them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from whinny.cluster import room_names
from whinny.server.broadcast import BroadcastOperator

if TYPE_CHECKING:
    from whinny.cluster import RemoteHandshake, SocketDetails
    from whinny.server.namespace import Namespace


class RemoteSocket:
    """A client in a namespace that is connected to another server of the cluster.

    What is known of it is as it was when it was asked for; changes to `data` stay here. What is done to it is done
    there: a client that is gone by then does not get it.
    """

    __slots__ = ("_timeout", "data", "handshake", "id", "namespace", "rooms")

    def __init__(self, namespace: Namespace, details: SocketDetails) -> None:
        self.namespace = namespace
        self.id = details.id
        self.handshake: RemoteHandshake = details.handshake
        self.rooms = frozenset(map(str, details.rooms))
        self.data: dict[str, Any] = details.data if isinstance(details.data, dict) else {}
        self._timeout: float | None = None

    def __repr__(self) -> str:
        return f"<RemoteSocket {self.id} of {self.namespace.name!r}>"

    @property
    def _itself(self) -> BroadcastOperator:
        return BroadcastOperator(self.namespace, rooms=(self.id,), timeout=self._timeout)

    @property
    def volatile(self) -> BroadcastOperator:
        """Messages that are dropped when the client cannot take them right now."""
        return self._itself.volatile

    def timeout(self, seconds: float) -> RemoteSocket:
        """How long `emit_with_ack` waits."""
        other = RemoteSocket.__new__(RemoteSocket)
        for name in ("namespace", "id", "handshake", "rooms", "data"):
            setattr(other, name, getattr(self, name))
        other._timeout = seconds
        return other

    def emit(self, event: str, *args: Any) -> None:
        """Send an event to this client. Returns without waiting. Raises EncodeError, ValueError for a reserved name."""
        self._itself.emit(event, *args)

    async def emit_with_ack(self, event: str, *args: Any, timeout: float | None = None) -> Any:
        """Send an event to this client and wait for its acknowledgement: the first argument, or None.

        `timeout` in seconds; else that of `timeout()`, else 5. Raises AckTimeout, EncodeError.
        """
        answers = await self._itself.emit_with_ack(event, *args, timeout=timeout)
        return answers[0] if answers else None

    def join(self, *rooms: str | Iterable[str]) -> None:
        """Let it enter rooms."""
        self._itself.sockets_join(*room_names(rooms))

    def leave(self, *rooms: str | Iterable[str]) -> None:
        """Let it leave rooms."""
        self._itself.sockets_leave(*room_names(rooms))

    def disconnect(self, close: bool = False) -> None:
        """Take the client out of this namespace; with `close`, out of all, and close its connection."""
        self._itself.disconnect_sockets(close)
