"""A namespace: its sockets, its rooms and the app that handles its events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from whinny import protocol
from whinny.cluster import SocketDetails, wire_args
from whinny.engine import Packet, message_packets
from whinny.errors import ClusterTimeout, ConnectionRefused, EncodeError
from whinny.logs import brief, escape, log_error
from whinny.protocol import Event
from whinny.server.acks import AckListener, Relay
from whinny.server.events import Job
from whinny.server.remote import RemoteSocket
from whinny.server.server_events import Listeners, ServerEvents
from whinny.server.socket import Socket
from whinny.types import DisconnectReason

if TYPE_CHECKING:
    from whinny.cluster import Selection
    from whinny.server.client import Client
    from whinny.server.server import Server

log = logging.getLogger("whinny.server")


class Pending(Awaitable[None], Protocol):
    """Something to await; closed, should nobody get to it any more."""

    def close(self) -> None:
        """Nobody will await it. After it was awaited, this does nothing."""


class NamespaceHandler(Protocol):
    """What an app does with the clients of a namespace."""

    def on_connect(self, socket: Socket) -> Pending | None:
        """A client wants in. Raises ConnectionRefused to refuse it; what it returns is awaited first."""

    def on_event(self, socket: Socket, data: list[Any], ack_id: int | None) -> Job | None:
        """An event came: `data` is its name and its arguments.

        The job answers by `socket.acknowledge` if there is an `ack_id`; no Exception leaves it.
        """

    def on_disconnect(self, socket: Socket, reason: DisconnectReason) -> Coroutine[Any, Any, None] | None:
        """A client that was connected is gone; what it returns is run as a task."""


class GroupListener(AckListener, Protocol):
    """Who waits for the acknowledgements of several clients."""

    def expect(self, count: int) -> None:
        """So many clients are asked."""


def _forget(sockets: list[Socket], ack_id: int) -> None:
    for socket in sockets:
        socket.forget_ack(ack_id)


class Namespace(ServerEvents):
    """One namespace of a server, and at the same time the choice of all its clients."""

    __slots__ = ("_ack_ids", "adapter", "handler", "listeners", "name", "server")

    def __init__(self, server: Server, name: str) -> None:
        super().__init__(self)
        self.server = server
        self.name = name
        self.adapter = server.make_adapter()
        self.adapter.bind(self)
        self.handler: NamespaceHandler | None = None
        self.listeners = Listeners()
        self._ack_ids = count()  # which threads may share

    def __repr__(self) -> str:
        return f"<Namespace {self.name!r}, {len(self.adapter.members)} sockets>"

    @property
    def sockets(self) -> dict[str, Socket]:
        """The sockets of this server in the namespace by their ids."""
        return dict(self.adapter.members)

    # encoding

    def next_ack_id(self) -> int:
        """The id of the next acknowledgement that is asked for; one counter for all sockets of the namespace."""
        return next(self._ack_ids)

    def encode_event(self, event: str, args: Sequence[Any], ack_id: int | None = None) -> list[Packet]:
        """The packets of an event. Raises EncodeError, and ValueError for a reserved name."""
        return self.encode_data([event, *wire_args(args)], ack_id)

    def encode_data(self, data: list[Any], ack_id: int | None = None) -> list[Packet]:
        """The packets of an event, given as its name and its arguments. Raises as `encode_event` does."""
        protocol.check_event_name(data[0])
        packet = Event(self.name, data, ack_id)
        return message_packets(protocol.encode(packet, self.server.options.max_attachments))

    # those who are meant, on this server

    def select(self, selection: Selection) -> list[Socket]:
        """The sockets of this server that are meant."""
        return list(self.adapter.select(selection))

    def ask(self, packets: list[Packet], selection: Selection, ack_id: int, group: GroupListener) -> list[Socket]:
        """Send packets that ask for acknowledgements, of which `group` is told; to whom they were sent."""
        asked = [each for each in self.select(selection) if each.connected and each.expect_ack(ack_id, group)]
        group.expect(len(asked))
        for socket in asked:
            socket.deliver(packets, False)
        return asked

    async def fetch_remote(self, selection: Selection, timeout: float | None) -> list[RemoteSocket]:
        """The sockets of the other servers that are meant. Raises ClusterTimeout with those that came."""
        try:
            found = await self.adapter.fetch_sockets(selection, timeout)
        except ClusterTimeout as error:
            error.responses = self._remote(error.responses)
            raise
        return self._remote(found)

    def _remote(self, found: Sequence[dict[str, Any]]) -> list[RemoteSocket]:
        sockets, wrong = [], []
        for each in found:
            try:
                sockets.append(RemoteSocket(self, msgspec.convert(each, SocketDetails)))
            except msgspec.ValidationError as error:
                wrong.append(str(error))
        if wrong:
            why = brief(wrong[0])
            log.warning("What other servers say of %s sockets cannot be read, as here: %s", len(wrong), why)
        return sockets

    # what the other servers bring

    def on_broadcast(self, data: list[Any], selection: Selection, volatile: bool) -> None:
        """Another server sends an event: see AdapterHost."""
        self.adapter.broadcast(self.encode_data(data), selection, volatile)

    def on_broadcast_with_ack(
        self, data: list[Any], selection: Selection, timeout: float, answer: Callable[[Any], None]
    ) -> int:
        """Another server asks: see AdapterHost."""
        ack_id = self.next_ack_id()
        relay = Relay(answer)
        asked = self.ask(self.encode_data(data, ack_id), selection, ack_id, relay)
        relay.end_after(timeout, partial(_forget, asked, ack_id))
        return len(asked)

    def on_sockets_join(self, selection: Selection, rooms: Sequence[str]) -> None:
        """Let those of this server who are meant enter rooms."""
        for socket in self.select(selection):
            socket.join(*rooms)

    def on_sockets_leave(self, selection: Selection, rooms: Sequence[str]) -> None:
        """Let those of this server who are meant leave rooms."""
        for socket in self.select(selection):
            socket.leave(*rooms)

    def on_disconnect_sockets(self, selection: Selection, close: bool) -> None:
        """Disconnect those of this server who are meant."""
        for socket in self.select(selection):
            socket.disconnect(close)

    def describe_sockets(self, selection: Selection) -> list[dict[str, Any]]:
        """What other servers may know of those who are meant."""
        return [each.describe() for each in self.select(selection) if each.connected]

    def on_server_side_emit(self, data: list[Any], answer: Callable[[Any], None] | None = None) -> None:
        """Another server has emitted: `data` is the event's name and its arguments. See ServerEvents.on."""
        self.listeners.run(self.server.tasks, data, answer)

    # what the protocol brings

    def connect(self, client: Client, auth: dict[str, Any] | None) -> None:
        """A client asks to join: run the app's `on_connect`, then let it in or refuse it."""
        socket = Socket(client, self, auth)
        client.add(socket)
        try:
            # In a context of its own, so that what it sets reaches no event.
            context = socket.new_context()
            pending = context.run(self.handler.on_connect, socket) if self.handler is not None else None
        except BaseException as error:
            self._refuse(socket, error)
            if not isinstance(error, (Exception, asyncio.CancelledError)):
                raise
            return
        if pending is None:
            socket.accept()
        else:
            task = self.server.tasks.start(self._connect_later(socket, pending), context)
            task.add_done_callback(lambda _: pending.close())  # should the task have ended before it began
            client.connecting(socket, task)

    async def _connect_later(self, socket: Socket, pending: Pending) -> None:
        seconds = self.server.options.connect_timeout
        deadline = asyncio.timeout(seconds)
        try:
            async with deadline:
                await pending
        except BaseException as error:
            if isinstance(error, TimeoutError) and deadline.expired():
                self.refuse_late(socket)
            self._refuse(socket, error)
            if not isinstance(error, Exception):
                raise
        else:
            socket.accept()

    def refuse_late(self, socket: Socket) -> None:
        """`on_connection` did not end in time."""
        if socket.connecting:
            seconds = self.server.options.connect_timeout
            log.warning("on_connection did not end within connect_timeout (%s s); the client is refused", seconds)
            self._refuse(socket, ConnectionRefused("The server did not accept the connection in time."))

    @staticmethod
    def _refuse(socket: Socket, error: BaseException) -> None:
        if not socket.connecting:
            return
        answer: dict[str, Any] = {"message": "Connection refused"}
        if isinstance(error, ConnectionRefused):
            answer["message"] = error.message
            if error.data is not None:
                answer["data"] = error.data
        elif isinstance(error, Exception):
            log_error(log, "The handler of a new client failed", error=error)
        try:
            socket.refuse(answer)
        except EncodeError as unsendable:  # the app's `data`
            log.error("The data of a ConnectionRefused cannot be sent: %s", escape(str(unsendable)))
            socket.refuse({"message": answer["message"]})

    def left(self, socket: Socket, reason: DisconnectReason) -> None:
        """A socket that was connected is gone."""
        if log.isEnabledFor(logging.INFO):
            extra = {"socket_id": socket.id, "namespace": self.name, "reason": reason}
            log.info("Client disconnected: %s (%s)", socket.id, reason, extra=extra)
        if self.handler is not None:
            context = socket.new_context()  # not that of whoever has ended the client
            pending = context.run(self.handler.on_disconnect, socket, reason)
            if pending is not None:
                self.server.tasks.start(pending, context)
