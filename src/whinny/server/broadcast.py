"""Choosing receivers and sending to them. Operators never change: each step gives a new one, which can be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from whinny.cluster import Selection
from whinny.server.acks import GroupAck

if TYPE_CHECKING:
    from whinny.engine import Packet
    from whinny.server.namespace import Namespace
    from whinny.server.socket import Socket

DEFAULT_ACK_TIMEOUT = 5.0
"""Seconds that a broadcast waits for acknowledgements unless it is told otherwise."""


def room_names(rooms: Iterable[str | Iterable[str]]) -> tuple[str, ...]:
    """Room names, given one by one or as collections of names."""
    return tuple(name for room in rooms for name in ((room,) if isinstance(room, str) else room))


class BroadcastOperator:
    """A choice of clients of one namespace, with what can be done to them."""

    __slots__ = ("_excluded", "_local", "_namespace", "_rooms", "_timeout", "_volatile")

    def __init__(
        self,
        namespace: Namespace,
        rooms: tuple[str, ...] = (),
        excluded: tuple[str, ...] = (),
        *,
        volatile: bool = False,
        local: bool = False,
        timeout: float | None = None,
    ) -> None:
        self._namespace = namespace
        self._rooms = rooms
        self._excluded = excluded
        self._volatile = volatile
        self._local = local
        self._timeout = timeout

    def _with(self, **changes: Any) -> BroadcastOperator:
        return BroadcastOperator(
            self._namespace,
            changes.get("rooms", self._rooms),
            changes.get("excluded", self._excluded),
            volatile=changes.get("volatile", self._volatile),
            local=changes.get("local", self._local),
            timeout=changes.get("timeout", self._timeout),
        )

    def to(self, *rooms: str | Iterable[str]) -> BroadcastOperator:
        """The clients in any of these rooms, and of those named before; one in several of them receives once."""
        return self._with(rooms=(*self._rooms, *room_names(rooms)))

    in_ = to

    def except_(self, *rooms: str | Iterable[str]) -> BroadcastOperator:
        """None of the clients in these rooms."""
        return self._with(excluded=(*self._excluded, *room_names(rooms)))

    @property
    def volatile(self) -> BroadcastOperator:
        """Messages that a client which cannot take them right now does not get at all."""
        return self._with(volatile=True)

    @property
    def local(self) -> BroadcastOperator:
        """The clients of this server only: all there are, as long as there is one server."""
        return self._with(local=True)

    def timeout(self, seconds: float) -> BroadcastOperator:
        """How long `emit_with_ack` waits."""
        return self._with(timeout=seconds)

    @property
    def _selection(self) -> Selection:
        return Selection(self._rooms, self._excluded)

    def emit(self, event: str, *args: Any) -> None:
        """Send an event. Raises EncodeError at once when the arguments cannot be sent; nobody receives it then.

        Returns without waiting. From another thread the event is handed to the server's loop.
        """
        packets = self._namespace.encode_event(event, args)
        self._namespace.server.call(self._namespace.adapter.broadcast, packets, self._selection, self._volatile)

    async def emit_with_ack(self, event: str, *args: Any, timeout: float | None = None) -> list[Any]:
        """Send an event and wait for the acknowledgement of every receiver: the first argument of each.

        Clients that leave meanwhile are not waited for. `timeout` in seconds; else that of `timeout()`, else 5.
        Raises AckTimeout, whose `responses` are the answers that came; EncodeError.
        """
        ack_id = self._namespace.next_ack_id()
        packets = self._namespace.encode_event(event, args, ack_id)
        seconds = next(value for value in (timeout, self._timeout, DEFAULT_ACK_TIMEOUT) if value is not None)
        return await self._namespace.server.run(self._ask(packets, ack_id, seconds))

    async def _ask(self, packets: list[Packet], ack_id: int, seconds: float) -> list[Any]:
        group = GroupAck()
        asked = [socket for socket in self._sockets() if socket.connected and socket.expect_ack(ack_id, group)]
        group.expect(len(asked))
        for socket in asked:
            socket.deliver(packets, False)
        try:
            return await group.wait(seconds)
        finally:
            for socket in asked:
                socket.forget_ack(ack_id)

    def _sockets(self) -> list[Socket]:
        return list(self._namespace.adapter.select(self._selection))

    async def fetch_sockets(self) -> list[Socket]:
        """The sockets that are meant."""

        async def fetch() -> list[Socket]:
            return [socket for socket in self._sockets() if socket.connected]

        return await self._namespace.server.run(fetch())

    def sockets_join(self, *rooms: str | Iterable[str]) -> None:
        """Let all who are meant enter these rooms."""
        names = room_names(rooms)
        self._namespace.server.call(self._each, lambda socket: socket.join(*names))

    def sockets_leave(self, *rooms: str | Iterable[str]) -> None:
        """Let all who are meant leave these rooms."""
        names = room_names(rooms)
        self._namespace.server.call(self._each, lambda socket: socket.leave(*names))

    def disconnect_sockets(self, close: bool = False) -> None:
        """Disconnect all who are meant; with `close` their connections too."""
        self._namespace.server.call(self._each, lambda socket: socket.disconnect(close))

    def _each(self, action: Callable[[Socket], None]) -> None:
        for socket in self._sockets():
            action(socket)
