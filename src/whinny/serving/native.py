"""The native path: WebSockets whose bytes are read and written here, without an ASGI message or a task between.

An ASGI server that lets go of its sockets says so in the scope (`SOCKET_EXTENSION`); see `serving.uvicorn`.
"""

from __future__ import annotations

import asyncio
import logging
import socket as sockets
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, Final, cast

from whinny.engine import AT_ONCE
from whinny.logs import log_error
from whinny.serving.frames import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Control,
    FrameError,
    FrameReader,
    close_code,
    close_frame,
    frame,
)
from whinny.serving.outbox import Outbox
from whinny.serving.websocket import CLOSE_GRACE

if TYPE_CHECKING:
    from whinny.engine import Packet, Peer, Transport, TransportName
    from whinny.serving.types import OpenSockets
    from whinny.types import DisconnectReason

log = logging.getLogger("whinny.serving")

UNSENT: Final = 128 * 1024
"""Bytes that the system may keep for a client beside those that are under way to it, until it is seen to read."""

_UNSENT_OPTION: Final[int | None] = getattr(sockets, "TCP_NOTSENT_LOWAT", None)


class NativePath:
    """What all native WebSockets of an app share. `limit`: bytes of a message; `shut_down`: the server ends."""

    __slots__ = ("limit", "outbox", "shut_down")

    def __init__(self, limit: int, shut_down: Callable[[], None]) -> None:
        self.limit = limit
        self.shut_down = shut_down
        self.outbox = Outbox(in_task=False)


class _Nobody:
    """The peer of a WebSocket that is closed as soon as it is accepted."""

    def receive(self, wire: str | bytes) -> None:
        """Nobody hears it."""

    def take(self) -> list[Packet]:
        """Nothing waits."""
        return []

    def sent(self, left: int = 0) -> None:
        """Nothing was taken."""

    def lost(self, transport: Transport, reason: DisconnectReason, description: str = "") -> None:
        """Nobody minds."""


_NOBODY: Final = _Nobody()


class NativeWebSocket(asyncio.Protocol):
    """A transport over the socket itself."""

    __slots__ = (
        "__weakref__",
        "_answer",
        "_because",
        "_blocked",
        "_bounded",
        "_broken",
        "_closing",
        "_deadline",
        "_going_on",
        "_held",
        "_later",
        "_left",
        "_lost",
        "_open_sockets",
        "_path",
        "_pong",
        "_reader",
        "_reading",
        "_socket",
        "_stopped",
        "_unread",
        "_woken",
        "peer",
    )

    name: ClassVar[TransportName] = "websocket"
    peer: Peer

    def __init__(self, path: NativePath, socket: asyncio.Transport, answer: bytes, open_sockets: OpenSockets) -> None:
        path.outbox.enter()
        self.peer = _NOBODY
        self._path = path
        self._socket = socket
        self._open_sockets = open_sockets
        self._reader = FrameReader(path.limit)
        self._unread: Iterator[str | bytes | Control] | None = None  # what was received and not yet given to the peer
        self._later: bytearray | None = None  # what was received while there was such, though nothing is read
        self._reading = False  # the peer is being given what was received
        self._held = False  # the peer wants no more for now
        self._stopped = False  # nothing is read from the socket for now
        self._going_on = False  # it is about to read on in what was received
        self._woken = False  # it is about to write
        self._blocked = False  # the socket takes no more for now
        self._bounded = True  # the system is to take little for it
        self._left = 0  # bytes of what was written, when that was last looked at
        self._answer: bytes | None = answer or None  # to the handshake; goes out before anything else
        self._pong: bytes | None = None  # the answer to the last ping
        self._closing = False  # a close frame went out
        self._broken = False  # the client broke the WebSocket protocol, or this side failed: nothing more is read
        self._lost = False  # the socket is gone
        self._because = ""  # what the loop said when it went
        self._deadline: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """From here on the socket is read and written here; the peer is known by now, if there is one."""
        self._open_sockets.add(self)
        self._socket.set_protocol(self)
        # So that `pause_writing` is called when anything is left over, and `resume_writing` when nothing is.
        self._socket.set_write_buffer_limits(high=1, low=0)
        _bound_unsent(self._socket, UNSENT)
        self.wake()

    # out

    @property
    def ready(self) -> bool:
        """Whether the client takes what is written."""
        return not self._blocked

    def wake(self) -> None:
        """Write at the end of this turn of the event loop."""
        if not self._woken:
            self._woken = True
            self._path.outbox.wake(self)

    def try_write(self) -> None:
        """Write now, and tell the peer how much is left."""
        if not self._blocked:
            self.write()
        elif not self._closing and not self._lost:
            left = self._socket.get_write_buffer_size()
            if left < self._left:
                self._seen_to_read()
            self._left = left
            self.peer.sent(left)

    def write(self) -> None:
        """Write all that waits, if the socket takes it."""
        self._woken = False
        if self._blocked or self._closing or self._lost:
            return
        packets = self.peer.take()
        if self._pong is None and self._answer is None and len(packets) == 1:
            packet = packets[0]
            self._socket.write(packet.frame or _frame(packet))
        else:
            frames = [packet.frame or _frame(packet) for packet in packets]
            ahead = (self._answer or b"") + (self._pong or b"")
            self._answer = self._pong = None
            if not frames and not ahead:
                return
            self._socket.write(ahead + b"".join(frames))
        if packets:
            self.peer.sent(self._socket.get_write_buffer_size() if self._blocked else 0)

    def pause_writing(self) -> None:
        """The socket takes no more for now."""
        self._blocked = True

    def resume_writing(self) -> None:
        """The client has taken all that was written."""
        self._blocked = False
        if not self._closing and not self._lost:
            self._seen_to_read()
            self.peer.sent()
            self.wake()

    def _seen_to_read(self) -> None:
        """It takes what was left over: lift the bound.

        Within it a client gets little in each turn of the event loop; where turns are long it would fall behind.
        """
        if self._bounded:
            self._bounded = False
            _bound_unsent(self._socket, 0)

    # in

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._broken:
            return  # read only so that the client, which may be in the middle of it, gets to the close frame
        if self._unread is not None:  # some servers hand over what they have, after `pause_reading` too
            self._later = self._later or bytearray()
            self._later += data
        else:
            self._unread = self._reader.read(data)
            self._read()

    def _read(self) -> None:
        """Give the peer what was received."""
        self._reading = True
        left = AT_ONCE
        try:
            for message in self._unread or ():
                if type(message) is Control:
                    self._on_control(message)
                elif not self._closing:
                    self.peer.receive(message)  # type: ignore[arg-type]
                left -= 1
                if self._held or not left:
                    self._stop_reading()
                    break
            else:
                self._unread = None
        except FrameError as error:
            self._unread = None
            self._fail(error)
        except Exception as error:
            log_error(log, "Handling what a client sent failed", error=error)
            self.drop()
        finally:
            self._reading = False
            if self._stopped:
                self._go_on()

    def _on_control(self, control: Control) -> None:
        if control.opcode == CLOSE:
            self._on_close(close_code(control.payload))
        elif control.opcode == PING and not self._closing:
            self._pong = frame(PONG, control.payload)  # RFC 6455 §5.5.3: the last ping is enough
            self.wake()

    def _on_close(self, code: int) -> None:
        if not self._closing:
            self.close(code)
            self.peer.lost(self, "transport close", f"WebSocket close code {code}")
        self._socket.close()

    def _fail(self, error: FrameError) -> None:
        self._broken = True
        self.close(error.code)
        self.peer.lost(self, "transport error", str(error))
        if not self._lost and self._socket.can_write_eof():
            self._socket.write_eof()  # the client is not to wait for more, and its answer will not be seen

    def pause(self) -> None:
        """Read no further message; once it is closing there are none, and only the client's answer is awaited."""
        if self._closing:
            return
        self._held = True
        self._stop_reading()

    def resume(self) -> None:
        """Read on."""
        if self._held:
            self._held = False
            if not self._reading:
                self._go_on()

    def _stop_reading(self) -> None:
        if not self._stopped and not self._lost:
            self._stopped = True
            self._socket.pause_reading()

    def _go_on(self) -> None:
        if self._unread is None and self._later is not None and not self._broken:
            self._unread, self._later = self._reader.read(bytes(self._later)), None
        if self._lost and (self._held or self._unread is None):
            self._gone()
        elif self._held:
            return
        elif self._unread is None:
            self._stopped = False
            self._socket.resume_reading()
        elif not self._going_on:
            self._going_on = True
            asyncio.get_running_loop().call_soon(self._read_on)

    def _read_on(self) -> None:
        self._going_on = False
        if self._unread is None:
            return
        if not self._held:
            self._read()
        elif self._lost:
            self._gone()

    # the end

    def close(self, code: int = 1000) -> None:
        """Send a close frame behind what was written, and read on until the client answers it."""
        if self._lost:
            self._unread = None
        elif self._reading:
            self.write()  # answers to what came before: they are not to hang on how the bytes were parted
        if self._closing or self._lost:
            return
        self._closing = True
        self._socket.write((self._answer or b"") + close_frame(code))
        self.resume()
        self._deadline = asyncio.get_running_loop().call_later(CLOSE_GRACE, self.drop)

    def drop(self) -> None:
        """Let go of the socket at once, with what waits for the client and what it has sent."""
        self._broken, self._unread = True, None
        self._socket.abort()

    def shutdown(self) -> None:
        """The ASGI server ends."""
        self._path.shut_down()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        self._lost = True
        self._because = "" if exc is None else str(exc)
        self._open_sockets.discard(self)
        if self._deadline is not None:
            self._deadline.cancel()
        if self._unread is None or self._held or self._closing:
            self._gone()  # else the peer first hears what came before

    def _gone(self) -> None:
        self._unread = self._later = None
        self.peer.lost(self, "transport close", self._because)


def _bound_unsent(transport: asyncio.Transport, size: int) -> None:
    """Have the system take no more of what is written than it can send now and about `size` bytes; 0: all it likes.

    It would take several MB for a client that does not read, and copying these delays all others; so the rest is left
    in the send buffer, where it counts. A bound of the system's whole buffer (SO_SNDBUF) would hold back what is under
    way too, and so a client that reads, but is far away. Not every system and socket can be told.
    """
    socket = transport.get_extra_info("socket")
    if socket is None or _UNSENT_OPTION is None:
        return
    with suppress(OSError):  # a Unix socket, or one that is gone by now
        socket.setsockopt(sockets.IPPROTO_TCP, _UNSENT_OPTION, size)


def _frame(packet: Packet) -> bytes:
    """The frame of a packet, made once however many clients it is for."""
    wire = packet.wire
    made = packet.frame = frame(TEXT, wire.encode()) if type(wire) is str else frame(BINARY, cast("bytes", wire))
    return made
