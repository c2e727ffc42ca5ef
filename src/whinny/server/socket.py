"""One client in one namespace: what an app holds when it talks to a client."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, Literal

from whinny import protocol
from whinny.cluster import room_names
from whinny.engine import Connection, Packet, message_packets, new_sid
from whinny.errors import ProtocolError
from whinny.protocol import Ack, Connect, ConnectError, Disconnect, Event
from whinny.server.acks import AckListener, SingleAck
from whinny.server.broadcast import BroadcastOperator
from whinny.server.events import EventRunner, run_event
from whinny.server.handshake import Handshake
from whinny.server.operators import Broadcasting, SocketOperator
from whinny.types import DisconnectReason

if TYPE_CHECKING:
    from whinny.server.client import Client
    from whinny.server.namespace import Namespace

log = logging.getLogger("whinny.server")


class Socket(Broadcasting[BroadcastOperator]):
    """A client in a namespace.

    While `on_connection` runs the socket is not connected yet: what is emitted to it then is kept and follows the
    CONNECT packet, in order.
    """

    __slots__ = (
        "__weakref__",
        "_acks",
        "_auth",
        "_client",
        "_context",
        "_data",
        "_early",
        "_early_size",
        "_handshake",
        "_last_rooms",
        "_state",
        "id",
        "namespace",
        "runner",
    )

    def __init__(self, client: Client, namespace: Namespace, auth: dict[str, Any] | None) -> None:
        self.id = new_sid()
        self.namespace = namespace
        self._client = client
        self._auth = auth
        self._context = copy_context()
        self._state: Literal["connecting", "connected", "disconnected"] = "connecting"
        self._handshake: Handshake | None = None
        self._data: dict[str, Any] | None = None
        self._acks: dict[int, AckListener] | None = None
        self._early: list[Packet] | None = []
        self._early_size = 0
        self.runner: EventRunner | None = None  # made when an event needs a task
        self._last_rooms: frozenset[str] | None = None

    def __repr__(self) -> str:
        return f"<Socket {self.id} of {self.namespace.name!r}, {self._state}>"

    # what is known of the client

    @property
    def connected(self) -> bool:
        """Whether the client is in the namespace."""
        return self._state == "connected"

    @property
    def connecting(self) -> bool:
        """Whether `on_connection` runs."""
        return self._state == "connecting"

    @property
    def connection(self) -> Connection:
        """The engine's connection that carries this socket."""
        return self._client.connection

    @property
    def handshake(self) -> Handshake:
        """What the client showed when it came."""
        if self._handshake is None:
            self._handshake = Handshake(self.connection.request, self._auth or {})
        return self._handshake

    @property
    def data(self) -> dict[str, Any]:
        """What the app keeps about this client, for as long as it is connected."""
        if self._data is None:
            self._data = {}
        return self._data

    @data.setter
    def data(self, value: dict[str, Any]) -> None:
        self._data = value

    @property
    def rooms(self) -> frozenset[str]:
        """The rooms of this client, that of its own id among them; once it is gone, those that it was in last."""
        if self._last_rooms is not None:
            return self._last_rooms
        return self.namespace.adapter.rooms_of(self)

    def describe(self) -> dict[str, Any]:
        """What other servers may know: no cookie, no authorization, and of `data` what can be sent."""
        return {
            "id": self.id,
            "handshake": self.handshake.describe(),
            "rooms": sorted(self.rooms),
            "data": protocol.sendable(self.data),
        }

    def new_context(self) -> Context:
        """For `on_connection` and `on_disconnect`: context variables as they were when the client came."""
        return self._context.copy()

    # rooms

    def join(self, *rooms: str | Iterable[str]) -> None:
        """Enter rooms."""
        self.namespace.server.call(self._join, room_names(rooms))

    def _join(self, rooms: tuple[str, ...]) -> None:
        if self._state != "disconnected":
            self.namespace.adapter.join(self, rooms)

    def leave(self, *rooms: str | Iterable[str]) -> None:
        """Leave rooms. The room of its own id cannot be left."""
        self.namespace.server.call(self.namespace.adapter.leave, self, room_names(rooms))

    # to the others

    @property
    def broadcast(self) -> BroadcastOperator:
        """All clients but this one."""
        return BroadcastOperator(self.namespace, excluded=(self.id,))

    # to this client

    @property
    def volatile(self) -> SocketOperator:
        """Messages that are dropped when the client cannot take them right now."""
        return SocketOperator(self, volatile=True)

    def timeout(self, seconds: float) -> SocketOperator:
        """How long `emit_with_ack` waits."""
        return SocketOperator(self, timeout=seconds)

    def emit(self, event: str, *args: Any) -> None:
        """Send an event to this client. Returns without waiting; a client that is gone does not get it.

        Raises EncodeError at once when the arguments cannot be sent, ValueError for a reserved event name.
        """
        self.send_event(event, args)

    def send_event(self, event: str, args: Sequence[Any], volatile: bool = False) -> None:
        """`emit`, with the modifiers of an operator."""
        self.namespace.server.call(self.deliver, self.namespace.encode_event(event, args), volatile)

    async def emit_with_ack(self, event: str, *args: Any, timeout: float | None = None) -> Any:
        """Send an event to this client and wait for its acknowledgement: the first argument, or None.

        Without `timeout` (seconds) it waits as long as the client is there. Raises AckTimeout, ClientDisconnected,
        EncodeError.
        """
        ack_id = self.namespace.next_ack_id()
        packets = self.namespace.encode_event(event, args, ack_id)
        return await self.namespace.server.run(self._ask(packets, ack_id, timeout))

    async def _ask(self, packets: list[Packet], ack_id: int, timeout: float | None) -> Any:
        ack = SingleAck()
        if not self.expect_ack(ack_id, ack):
            ack.left()
        self.deliver(packets, False)
        try:
            return await ack.wait(timeout)
        finally:
            self.forget_ack(ack_id)

    def deliver(self, packets: Sequence[Packet], volatile: bool) -> None:
        """Send encoded packets; all of one event, or none."""
        if self._state == "connected":
            self._client.connection.send(packets, volatile)
        elif self._early is not None:
            size = sum(packet.size for packet in packets)
            if self._early and self._early_size + size > self.namespace.server.options.max_send_buffer:
                self._early = None  # keep nothing of what follows in this turn of the loop
                self.connection.overflow()
                return
            self._early.extend(packets)
            self._early_size += size

    def disconnect(self, close: bool = False) -> None:
        """Take the client out of this namespace; with `close`, out of all, and close its connection.

        A client that was disconnected so does not come back by itself.
        """
        self.namespace.server.call(self._client.disconnect if close else self.leave_namespace)

    def leave_namespace(self) -> None:
        """Send a DISCONNECT packet and forget the client."""
        if self._state != "disconnected":
            self._early = None
            self._client.send(protocol.encode(Disconnect(self.namespace.name)))
            self.on_close("server namespace disconnect")

    # what the protocol brings

    def accept(self) -> None:
        """`on_connection` is done: the client is in."""
        if self._state != "connecting":
            return
        self._state = "connected"
        early, self._early = self._early or [], None
        connect = message_packets(protocol.encode(Connect(self.namespace.name, {"sid": self.id})))
        self.connection.send([*connect, *early])
        self._client.joined(self)
        self.namespace.adapter.add(self)
        if log.isEnabledFor(logging.INFO):
            log.info("Client connected: %s", self.id, extra={"socket_id": self.id, "namespace": self.namespace.name})

    def refuse(self, error: dict[str, Any]) -> None:
        """`on_connection` refused: `error` is what the client reads; nothing of the socket stays."""
        if self._state == "connecting":
            self._client.send(protocol.encode(ConnectError(self.namespace.name, error)))
            self.on_close("server namespace disconnect")

    def on_packet(self, packet: Event | Ack) -> None:
        """An event or an acknowledgement from the client. Raises ProtocolError when it has not been let in yet."""
        if self._state != "connected":
            raise ProtocolError("a packet came before the namespace was joined")
        if type(packet) is Event:
            if self.runner is not None and self.runner.full:
                self.runner.keep(packet)
            else:
                run_event(self, packet)
        elif (
            self._acks is not None
            and packet.id is not None
            and (listener := self._acks.pop(packet.id, None)) is not None
        ):
            listener.answered(packet.data)
            self._client.regulate()

    def acknowledge(self, ack_id: int, *args: Any) -> None:
        """Answer an event of the client with plain values. Raises EncodeError when they cannot be sent."""
        if self._state == "connected":
            namespace = self.namespace
            ack = Ack(namespace.name, list(args), ack_id)
            messages = protocol.encode(ack, namespace.server.options.max_attachments)
            self._client.connection.send(message_packets(messages))

    def check_answer(self, *args: Any) -> None:
        """Raises EncodeError when `acknowledge` would; a client that is gone is sent nothing."""
        if self._state == "connected":
            protocol.encode(Ack("/", list(args), 0), self.namespace.server.options.max_attachments)

    @property
    def has_open_acks(self) -> bool:
        """Whether somebody waits for an acknowledgement from this socket."""
        return bool(self._acks)

    @property
    def waits_for_ack(self) -> bool:
        """Whether somebody waits for an acknowledgement of this client, in whichever namespace."""
        return self._client.waits_for_ack

    def expect_ack(self, ack_id: int, listener: AckListener) -> bool:
        """Tell `listener` of the acknowledgement with this id; False when the client is gone."""
        if self._state == "disconnected":
            return False
        if self._acks is None:
            self._acks = {}
        self._acks[ack_id] = listener
        self._client.regulate()
        return True

    def forget_ack(self, ack_id: int) -> None:
        """Nobody waits for it any more."""
        if self._acks is not None and self._acks.pop(ack_id, None) is not None:
            self._client.regulate()

    def on_close(self, reason: DisconnectReason) -> None:
        """The client is gone from this namespace."""
        if self._state == "disconnected":
            return
        was_connected = self._state == "connected"
        self._state = "disconnected"
        self._early = None
        acks, self._acks = self._acks, None
        for listener in (acks or {}).values():
            listener.left()
        self._last_rooms = self.namespace.adapter.rooms_of(self)
        self.namespace.adapter.remove(self)
        self._client.remove(self)
        if was_connected:
            self.namespace.left(self, reason)
