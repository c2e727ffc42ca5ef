"""Choosing receivers and sending to them. Operators never change: each step gives a new one, which can be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from whinny.cluster import Selection, room_names, wire_args
from whinny.errors import ClusterTimeout
from whinny.server.acks import GroupAck

if TYPE_CHECKING:
    from whinny.engine import Packet
    from whinny.server.namespace import Namespace
    from whinny.server.remote import RemoteSocket
    from whinny.server.socket import Socket

T = TypeVar("T")

DEFAULT_ACK_TIMEOUT = 5.0
"""Seconds that a broadcast waits for acknowledgements unless it is told otherwise."""


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
        return BroadcastOperator(  # by itself, as nearly every broadcast begins so
            self._namespace,
            (*self._rooms, *room_names(rooms)),
            self._excluded,
            volatile=self._volatile,
            local=self._local,
            timeout=self._timeout,
        )

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
        """The clients of this server only."""
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
        namespace = self._namespace
        adapter, selection = namespace.adapter, self._selection
        data = [event, *wire_args(args)]
        packets = namespace.encode_data(data)
        wire = adapter.wire(data) if self._has_peers else None
        namespace.server.call(adapter.broadcast, packets, selection, self._volatile)
        if wire is not None:
            namespace.server.call(adapter.publish, wire, selection, self._volatile)

    @property
    def _has_peers(self) -> bool:
        return not self._local and self._namespace.adapter.has_peers

    async def emit_with_ack(self, event: str, *args: Any, timeout: float | None = None) -> list[Any]:
        """Send an event and wait for the acknowledgement of every receiver: the first argument of each.

        Clients of this server that leave meanwhile are not waited for. `timeout` in seconds; else that of `timeout()`,
        else 5. Raises AckTimeout, whose `responses` are the answers that came; EncodeError.
        """
        namespace = self._namespace
        ack_id = namespace.next_ack_id()
        data = [event, *wire_args(args)]
        packets = namespace.encode_data(data, ack_id)
        wire = namespace.adapter.wire(data) if self._has_peers else None
        seconds = next(value for value in (timeout, self._timeout, DEFAULT_ACK_TIMEOUT) if value is not None)
        return await namespace.server.run(self._ask(packets, wire, ack_id, seconds))

    async def _ask(self, packets: list[Packet], wire: bytes | None, ack_id: int, seconds: float) -> list[Any]:
        group = GroupAck()
        asked = self._namespace.ask(packets, self._selection, ack_id, group)
        done = None
        try:
            if wire is None:
                group.expect_servers(0)
            else:
                done = self._namespace.adapter.ask(wire, self._selection, seconds, group)
            return await group.wait(seconds)
        finally:
            if done is not None:
                done()
            for socket in asked:
                socket.forget_ack(ack_id)

    async def fetch_sockets(self) -> list[Socket | RemoteSocket]:
        """The sockets that are meant: those of this server, and what is known of those of the others.

        Raises ClusterTimeout when another server does not answer within `timeout()`, else the time that the adapter has
        for requests (5 seconds). Its `responses` are the sockets that came, all of this server's among them.
        """
        return await self._namespace.server.run(self._fetch())

    async def _fetch(self) -> list[Socket | RemoteSocket]:
        namespace = self._namespace
        found: list[Socket | RemoteSocket] = []
        found.extend(socket for socket in namespace.select(self._selection) if socket.connected)
        if self._has_peers:
            try:
                found.extend(await namespace.fetch_remote(self._selection, self._timeout))
            except ClusterTimeout as error:
                error.responses[:0] = found
                raise
        return found

    def sockets_join(self, *rooms: str | Iterable[str]) -> None:
        """Let all who are meant enter these rooms."""
        adapter, names = self._namespace.adapter, room_names(rooms)
        self._both(self._namespace.on_sockets_join, adapter.publish_join, names)

    def sockets_leave(self, *rooms: str | Iterable[str]) -> None:
        """Let all who are meant leave these rooms."""
        adapter, names = self._namespace.adapter, room_names(rooms)
        self._both(self._namespace.on_sockets_leave, adapter.publish_leave, names)

    def disconnect_sockets(self, close: bool = False) -> None:
        """Disconnect all who are meant; with `close` their connections too."""
        self._both(self._namespace.on_disconnect_sockets, self._namespace.adapter.publish_disconnect, close)

    def _both(self, here: Callable[[Selection, T], None], there: Callable[[Selection, T], None], what: T) -> None:
        call, selection = self._namespace.server.call, self._selection
        call(here, selection, what)
        if self._has_peers:
            call(there, selection, what)
