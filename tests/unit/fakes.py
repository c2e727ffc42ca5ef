"""Stand-ins with values: a WebSocket without a network, a handler that notes what it hears, a client of a server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from whinny import protocol
from whinny.engine import Connection, Engine, EngineOptions, EngineRequest, PollingTransport, message_packets
from whinny.protocol import Ack, Connect, Decoder, Event
from whinny.protocol import Packet as SocketPacket

if TYPE_CHECKING:
    from whinny.engine import Packet, Peer, TransportName
    from whinny.server import Server

Wire = str | bytes


def message(data: str | bytes) -> Packet:
    """The packet of one message."""
    return message_packets([data])[0]


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

    def try_write(self) -> None:
        """It writes only when it is told to."""

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


def client_frame(
    opcode: int,
    payload: bytes = b"",
    *,
    final: bool = True,
    reserved: int = 0,
    masked: bool = True,
    mask: bytes = b"\x37\xfa\x21\x3d",
    length: int = 0,
    declared: int | None = None,
) -> bytes:
    """A WebSocket frame as a client sends it, right or wrong.

    `length` is the least number of bytes after the second one that say the size: 0, 2 or 8. `declared` is the size that
    the header speaks of, where that is another than the payload's. `reserved` are the bits 0x70 of the first byte.
    """
    size = len(payload) if declared is None else declared
    first = (0x80 if final else 0) | reserved | opcode
    bit = 0x80 if masked else 0
    if size < 126 and not length:
        header = bytes((first, bit | size))
    elif size < 65536 and length <= 2:
        header = bytes((first, bit | 126)) + size.to_bytes(2, "big")
    else:
        header = bytes((first, bit | 127)) + size.to_bytes(8, "big")
    if not masked:
        return header + payload
    return header + mask + bytes(byte ^ mask[index & 3] for index, byte in enumerate(payload))


class FakeSocket(asyncio.Transport):
    """An asyncio transport without a network, as strict as the strictest loop's.

    The network takes `room` bytes, everything if that is None; the rest waits until `drain`. What the protocol raises
    is noted and ends the socket, as in asyncio. After its end it must be left alone.
    """

    def __init__(self, *, room: int | None = None, extra: dict[str, object] | None = None) -> None:
        super().__init__(extra)
        self.room = room
        self.writes: list[bytes] = []  # each call, as it was made
        self.out = bytearray()  # what the network has taken
        self.errors: list[Exception] = []
        self.reading = True
        self.eof_written = False
        self.aborted = False
        self.lost = False  # the protocol was told of the end
        self._protocol: asyncio.BaseProtocol | None = None
        self._waiting = bytearray()
        self._high, self._low = 65536, 16384
        self._writing_paused = False
        self._closing = False
        self._ending = False  # the protocol is about to be told of the end

    # the protocol's side

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._held_by

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._alive()
        assert high is not None
        assert low is not None
        self._high, self._low = high, low
        self._control()

    def get_write_buffer_size(self) -> int:
        return len(self._waiting)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._alive()
        if self.eof_written:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._ending:
            return
        self.writes.append(bytes(data))
        self._waiting += data
        self._send()
        self._control()

    def write_eof(self) -> None:
        self._alive()
        self.eof_written = True

    def can_write_eof(self) -> bool:
        return True

    def pause_reading(self) -> None:
        self._alive()
        if not self._closing:
            self.reading = False

    def resume_reading(self) -> None:
        self._alive()
        if not self._closing:
            self.reading = True

    def is_reading(self) -> bool:
        return self.reading

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing, self.reading = True, False
            if not self._waiting:
                self._end(None)

    def abort(self) -> None:
        self.aborted = True
        self.fail(None)

    # the client's and the network's side

    def receive(self, data: bytes, *, although_paused: bool = False) -> None:
        """Bytes come from the client; what it sends to a socket that is not read stays in the network."""
        if not self._closing and (self.reading or although_paused):
            try:
                self._held_by.data_received(data)  # type: ignore[attr-defined]
            except Exception as error:
                self.errors.append(error)
                self.fail(error)

    def eof(self) -> None:
        """The client will send no more."""
        if self.reading and not self._held_by.eof_received():  # type: ignore[attr-defined]
            self.close()

    def drain(self, count: int | None = None) -> None:
        """The client takes bytes: this many, or all there are and will be."""
        self.room = None if count is None else (self.room or 0) + count
        self._send()
        self._control()
        if self._closing and not self._waiting and not self._ending:
            self._ending = True
            self._tell(None)

    def fail(self, error: Exception | None) -> None:
        """The network fails."""
        self._waiting.clear()
        self._closing, self.reading = True, False
        self._end(error)

    @property
    def _held_by(self) -> asyncio.BaseProtocol:
        assert self._protocol is not None
        return self._protocol

    def _alive(self) -> None:
        if self.lost:
            raise RuntimeError("the socket is gone")

    def _send(self) -> None:
        count = len(self._waiting) if self.room is None else min(self.room, len(self._waiting))
        self.out += self._waiting[:count]
        del self._waiting[:count]
        if self.room is not None:
            self.room -= count

    def _control(self) -> None:
        if not self._writing_paused and len(self._waiting) > self._high:
            self._writing_paused = True
            self._held_by.pause_writing()
        elif self._writing_paused and len(self._waiting) <= self._low:
            self._writing_paused = False
            self._held_by.resume_writing()

    def _end(self, error: Exception | None) -> None:
        if not self._ending:
            self._ending = True
            asyncio.get_running_loop().call_soon(self._tell, error)

    def _tell(self, error: Exception | None) -> None:
        self.lost = True
        self._held_by.connection_lost(error)
