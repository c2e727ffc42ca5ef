"""Stand-ins with values: a WebSocket without a network, a handler that notes what it hears, a client of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from whinny import protocol
from whinny.engine import Connection, Engine, EngineOptions, EngineRequest, PollingTransport
from whinny.protocol import Ack, Connect, Decoder, Event
from whinny.protocol import Packet as SocketPacket

if TYPE_CHECKING:
    from whinny.engine import Packet, Peer, TransportName
    from whinny.server import Server

Wire = str | bytes


class FakeWebSocket:
    """A transport that writes when it is told to: `take` begins a write, `finish` ends it, `flush` does both."""

    name: ClassVar[TransportName] = "websocket"
    peer: Peer

    def __init__(self, *, auto: bool = False) -> None:
        self.auto = auto  # write at once
        self.ready = True
        self.frames: list[Wire] = []
        self.close_code: int | None = None
        self.paused = False
        self.wakes = 0
        self._in_flight: list[Packet] = []

    def wake(self) -> None:
        self.wakes += 1
        if self.auto:
            self.flush()

    def take(self) -> None:
        """Begin to write what waits."""
        if self.close_code is None:
            self._in_flight += self.peer.take()

    def finish(self) -> None:
        """What was taken has gone out."""
        if self._in_flight:
            self.frames += [packet.wire for packet in self._in_flight]
            self._in_flight = []
            self.peer.sent()

    def flush(self) -> None:
        """Write all that waits."""
        self.take()
        self.finish()

    def close(self, code: int = 1000) -> None:
        if self.close_code is None:
            self.close_code = code
            self.frames += [packet.wire for packet in self._in_flight]
            self._in_flight = []

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False


class Recorder:
    """A connection's handler that notes messages and the end."""

    def __init__(self) -> None:
        self.messages: list[Wire] = []
        self.closed: list[tuple[str, str]] = []

    def on_message(self, data: Wire) -> None:
        self.messages.append(data)

    def on_close(self, reason: str, description: str) -> None:
        self.closed.append((reason, description))

    @property
    def reasons(self) -> list[str]:
        return [reason for reason, _ in self.closed]


def request(query: bytes = b"EIO=4&transport=websocket", **headers: str) -> EngineRequest:
    """A handshake's request."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return EngineRequest("GET", "/socket.io/", query, raw, ("127.0.0.1", 1))


def make_engine(**options: Any) -> tuple[Engine, list[Recorder]]:
    """An engine and the handlers of its connections, in the order of their making."""
    handlers: list[Recorder] = []

    def on_connection(_: Connection) -> Recorder:
        handlers.append(Recorder())
        return handlers[-1]

    return Engine(EngineOptions(**options), on_connection), handlers


def open_websocket(**options: Any) -> tuple[Connection, FakeWebSocket, Recorder]:
    """A connection over a WebSocket whose OPEN packet has gone out."""
    engine, handlers = make_engine(**options)
    transport = FakeWebSocket()
    connection = engine.open(request(), transport)
    transport.flush()
    transport.frames.clear()
    return connection, transport, handlers[0]


def open_polling(**options: Any) -> tuple[Connection, PollingTransport, Recorder]:
    """A connection by polling whose first poll has brought the OPEN packet."""
    engine, handlers = make_engine(**options)
    transport = PollingTransport()
    connection = engine.open(request(b"EIO=4&transport=polling"), transport)
    assert transport.poll().result().startswith("0{")
    return connection, transport, handlers[0]


class FakeClient:
    """A client of a server, over a fake WebSocket."""

    def __init__(self, server: Server, **headers: str) -> None:
        self.transport = FakeWebSocket()
        self.connection = server.engine.open(request(b"EIO=4&transport=websocket", **headers), self.transport)
        self.sids: dict[str, str] = {}
        self._decoder = Decoder()
        self._read = 0

    def send(self, packet: SocketPacket) -> None:
        """Bring a packet in."""
        for part in protocol.encode(packet):
            self.connection.receive("4" + part if isinstance(part, str) else part)

    def send_connect(self, namespace: str = "/", auth: dict[str, Any] | None = None) -> None:
        """Ask to join a namespace."""
        self.send(Connect(namespace, auth))

    def connect(self, namespace: str = "/", auth: dict[str, Any] | None = None) -> str:
        """Join a namespace whose `on_connection` does not wait: the socket's id, or an empty text."""
        self.send_connect(namespace, auth)
        connects = [packet for packet in self.receive() if isinstance(packet, Connect)]
        return self.sids.setdefault(namespace, connects[0].data["sid"]) if connects and connects[0].data else ""

    def emit(self, event: str, *args: Any, ack_id: int | None = None, namespace: str = "/") -> None:
        """Send an event."""
        self.send(Event(namespace, [event, *args], ack_id))

    def receive(self) -> list[SocketPacket]:
        """The packets that came since the last call."""
        self.transport.flush()
        frames, self._read = self.transport.frames[self._read :], len(self.transport.frames)
        packets: list[SocketPacket] = []
        for frame in frames:
            if isinstance(frame, str) and frame[:1] != "4":
                continue  # the engine's own
            packet = self._decoder.add(frame[1:] if isinstance(frame, str) else frame)
            if packet is not None:
                packets.append(packet)
        return packets

    def events(self) -> list[list[Any]]:
        """The data of the events that came since the last call."""
        return [packet.data for packet in self.receive() if isinstance(packet, Event)]

    def acks(self) -> dict[int | None, Any]:
        """The acknowledgements that came since the last call: by their ids, the first argument of each."""
        return {packet.id: packet.data[0] for packet in self.receive() if isinstance(packet, Ack)}
