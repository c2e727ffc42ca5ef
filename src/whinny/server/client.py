"""One connection of the engine, seen as a Socket.IO client: its sockets, one for each namespace that it has joined."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from whinny import protocol
from whinny.engine import Connection, message_packets
from whinny.errors import ProtocolError
from whinny.logs import escape
from whinny.protocol import Ack, Connect, ConnectError, Decoder, Disconnect, Event
from whinny.protocol import Packet as SocketPacket
from whinny.types import DisconnectReason

if TYPE_CHECKING:
    from whinny.server.server import Server
    from whinny.server.socket import Socket

log = logging.getLogger("whinny.server")


MOST_JOINS: Final = 100
"""Joins that one connection may ask for in a period: each makes a socket, runs `on_connection` and is logged."""

JOIN_PERIOD: Final = 10.0
"""Seconds."""


class Client:
    """The handler of a connection: decodes packets and leads them to the socket of their namespace."""

    __slots__ = ("_connecting", "_decoder", "_joins", "_joins_since", "_sockets", "_timeout", "connection", "server")

    def __init__(self, server: Server, connection: Connection) -> None:
        options = server.options
        self.server = server
        self.connection = connection
        self._decoder = Decoder(options.max_attachments, options.max_depth, server.event_decoders)
        self._sockets: dict[str, Socket] = {}  # by namespace
        self._connecting: dict[Socket, asyncio.Task[None]] | None = None
        loop = asyncio.get_running_loop()
        self._joins = 0
        self._joins_since = loop.time()
        self._timeout: asyncio.TimerHandle | None = loop.call_later(options.connect_timeout, self._joined_nothing)

    # in

    def on_message(self, data: str | bytes) -> None:
        """A message of the engine. What breaks the protocol closes this connection, and only this one."""
        try:
            packet = self._decoder.add(data)
            if packet is None:
                return
            socket = self._sockets.get(packet.namespace)
            if socket is not None and (type(packet) is Event or type(packet) is Ack):
                socket.on_packet(packet)
            else:
                self._on_control(packet, socket)
        except ProtocolError as error:
            log.debug("A client broke the protocol: %s", escape(str(error)))
            self.connection.end("parse error", str(error))

    def _on_control(self, packet: SocketPacket, socket: Socket | None) -> None:
        if socket is None:
            if not isinstance(packet, Connect):
                raise ProtocolError("a packet came for a namespace that was not joined")
            self._connect(packet)
        elif isinstance(packet, Disconnect):
            socket.on_close("client namespace disconnect")
        else:
            raise ProtocolError("a client cannot send this packet for a namespace that it has joined")

    def _connect(self, packet: Connect) -> None:
        if self.server.closing:
            return  # the connection is about to be closed, and then the client comes back
        self._count_join()
        namespace = self.server.namespaces.get(packet.namespace)
        if namespace is None or namespace.handler is None:
            self.send(protocol.encode(ConnectError(packet.namespace, {"message": "Invalid namespace"})))
        else:
            namespace.connect(self, packet.data)

    def _count_join(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._joins_since > JOIN_PERIOD:
            self._joins, self._joins_since = 0, now
        self._joins += 1
        if self._joins > MOST_JOINS:
            raise ProtocolError("a client asks to join namespaces too often")

    def on_close(self, reason: DisconnectReason, description: str) -> None:
        """The connection is closed: so are all its sockets."""
        self._stop_timeout()
        self._close_sockets(reason)
        self.server.clients.discard(self)

    # out

    def send(self, messages: list[str | bytes]) -> None:
        """Send encoded messages to this client alone."""
        self.connection.send(message_packets(messages))

    # sockets

    def add(self, socket: Socket) -> None:
        """A socket is about to join its namespace."""
        self._sockets[socket.namespace.name] = socket

    def connecting(self, socket: Socket, task: asyncio.Task[None]) -> None:
        """`on_connection` of this socket runs in this task, which ends with the socket."""
        if not task.done() and socket.namespace.name in self._sockets:
            if self._connecting is None:
                self._connecting = {}
            self._connecting[socket] = task

    def joined(self, socket: Socket) -> None:
        """This socket has joined its namespace."""
        self._stop_timeout()
        if self._connecting is not None:
            self._connecting.pop(socket, None)

    def remove(self, socket: Socket) -> None:
        """The socket has left."""
        if self._sockets.get(socket.namespace.name) is socket:
            del self._sockets[socket.namespace.name]
        if self._connecting is not None:
            task = self._connecting.pop(socket, None)
            if task is not None and task is not asyncio.current_task():
                task.cancel()

    @property
    def waits_for_ack(self) -> bool:
        """Whether somebody waits for an acknowledgement of this client."""
        return any(socket.has_open_acks for socket in self._sockets.values())

    def regulate(self) -> None:
        """Acknowledgements are waited for, or no more: read on or not."""
        for socket in self._sockets.values():
            if socket.runner is not None:
                socket.runner.regulate()

    def disconnect(self) -> None:
        """Leave all namespaces and close the connection."""
        for socket in list(self._sockets.values()):
            socket.leave_namespace()
        self.connection.close()

    def shut_down(self) -> None:
        """The server ends: its sockets are closed without a DISCONNECT packet, so that the client comes back."""
        self._close_sockets("server shutting down")

    def _close_sockets(self, reason: DisconnectReason) -> None:
        for socket in list(self._sockets.values()):
            socket.on_close(reason)

    def _joined_nothing(self) -> None:
        self._timeout = None
        for socket in list(self._sockets.values()):
            socket.namespace.refuse_late(socket)
        self.connection.close()

    def _stop_timeout(self) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None
