"""A client on a socket of its own that reads only when it is told to, without an event loop."""

from __future__ import annotations

import json
import os
import socket
import ssl
from base64 import b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class SilentClient:
    """A Socket.IO client on WebSocket that has joined `/`; `room` bytes may wait for it in the system, about."""

    def __init__(
        self, url: str, label: str = "", room: int = 4096, within: float = 15, context: ssl.SSLContext | None = None
    ) -> None:
        address = urlsplit(url)
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        plain.settimeout(within)
        plain.connect((address.hostname, address.port))
        self._socket = plain if context is None else context.wrap_socket(plain, server_hostname=address.hostname)
        key = b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        self._unread = bytearray()
        head = self._until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        assert self.receive().startswith(b"0{")
        self.send("40" + json.dumps({"label": label}))
        assert self.packet().startswith(b"40{")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def send(self, packet: str) -> None:
        """Send a text packet; waits while the server does not read."""
        self._socket.sendall(frame(packet.encode()))

    def emit(self, event: str, *args: Any) -> None:
        self.send("42" + json.dumps([event, *args]))

    def send_all(self, frames: list[bytes]) -> None:
        """Send these frames; waits while the server does not read."""
        for each in frames:
            self._socket.sendall(each)

    def packet(self) -> bytes:
        """The payload of the next frame that is no ping; pings are answered."""
        while (packet := self.receive()) == b"2":
            self.send("3")
        return packet

    def receive(self) -> bytes:
        """The payload of the next frame."""
        _, size = self._exactly(2)
        if size == 126:
            size = int.from_bytes(self._exactly(2), "big")
        elif size == 127:
            size = int.from_bytes(self._exactly(8), "big")
        return self._exactly(size)

    def answer_close(self) -> None:
        """Send a close frame."""
        self._socket.sendall(b"\x88\x80\x00\x00\x00\x00")

    def _exactly(self, size: int) -> bytes:
        while len(self._unread) < size:
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionResetError("the server has ended the connection")
            self._unread += data
        part = bytes(self._unread[:size])
        del self._unread[:size]
        return part

    def _until(self, mark: bytes) -> bytes:
        read = b""
        while not read.endswith(mark):
            read += self._exactly(1)
        return read


def frame(payload: bytes) -> bytes:
    """A text frame of a client, masked with zeros."""
    size = len(payload)
    if size < 126:
        header = bytes((0x81, 0x80 | size))
    elif size < 65536:
        header = b"\x81\xfe" + size.to_bytes(2, "big")
    else:
        header = b"\x81\xff" + size.to_bytes(8, "big")
    return header + bytes(4) + payload
