"""What a single client can ask for has a bound."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from support.servers import serve

if TYPE_CHECKING:
    from wire.raw import Wire


async def test_joins_are_bounded(wire: Wire) -> None:
    """A connection that joins and leaves without end is closed; each join makes a socket and log lines."""
    client = await wire.websocket()
    for _ in range(100):
        await client.connect()
        await client.send("41")
    await client.send("40")
    assert await client.rest() == []


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


HANDSHAKE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def connect(port: int) -> socket.socket:
    """A WebSocket that is open, and has read no more than the server's answer to the handshake."""
    loop = asyncio.get_running_loop()
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    await loop.sock_connect(client, ("127.0.0.1", port))
    await loop.sock_sendall(client, HANDSHAKE.encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += (received := await loop.sock_recv(client, 4096))
        assert received, "the server closed the connection"
    assert answer.startswith(b"HTTP/1.1 101 ")
    return client


async def flood(client: socket.socket) -> None:
    """Ask for much more than the server keeps, and read nothing of it."""
    loop = asyncio.get_running_loop()
    echo = frame(('42["back","' + "x" * 900_000 + '"]').encode())
    with suppress(ConnectionError):  # it may be dropped before it has asked for all
        await loop.sock_sendall(client, frame(b"40"))
        for _ in range(20):
            await loop.sock_sendall(client, echo)


def frame(payload: bytes) -> bytes:
    """A masked text frame; the mask is zero."""
    size = len(payload)
    head = bytes([0x80 | size]) if size < 126 else bytes([0xFE]) + size.to_bytes(2) if size < 65536 else b""
    head = head or bytes([0xFF]) + size.to_bytes(8)
    return b"\x81" + head + bytes(4) + payload


async def test_a_client_that_never_reads_is_dropped_whole() -> None:
    """Nothing of it is left in the process once the server has lost its patience, which takes two seconds here."""
    with serve("apps.impatient:answering", env={"STALL_TIMEOUT": "2", "CLOSE_GRACE": "1"}) as server:
        clients = await asyncio.gather(*(connect(server.port) for _ in range(10)))
        others = open_files(server.pid) - len(clients)
        await asyncio.gather(*map(flood, clients))
        for _ in range(3000):
            if open_files(server.pid) <= others:
                break
            await asyncio.sleep(0.01)
        assert open_files(server.pid) <= others
        for client in clients:
            client.close()
