"""What a single client can ask for has a bound."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

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
    assert [packet for packet in await client.rest() if packet != "2"] == []


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


async def flood_unread(port: int, count: int) -> list[socket.socket]:
    """Clients that ask for much and read nothing of it."""
    loop = asyncio.get_running_loop()
    clients = []
    for _ in range(count):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", port))
        request = (
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        await loop.sock_sendall(client, request.encode())
        await asyncio.sleep(0.05)
        clients.append(client)
        with suppress(ConnectionError, TimeoutError):  # it may be dropped before it has asked for all
            for text in ("40", *['42["back","' + "x" * 900_000 + '"]'] * 4):
                await asyncio.wait_for(loop.sock_sendall(client, frame(text.encode())), 1)
    return clients


def frame(payload: bytes) -> bytes:
    """A masked text frame; the mask is zero."""
    size = len(payload)
    head = bytes([0x80 | size]) if size < 126 else bytes([0xFE]) + size.to_bytes(2) if size < 65536 else b""
    head = head or bytes([0xFF]) + size.to_bytes(8)
    return b"\x81" + head + bytes(4) + payload


@pytest.mark.timeout(90)
async def test_a_client_that_never_reads_is_dropped_whole() -> None:
    """Nothing of it is left, neither in the server's tables nor as an open connection of the process."""
    with serve("apps.wire:app") as server:
        before = open_files(server.pid)
        clients = await flood_unread(server.port, 10)
        assert open_files(server.pid) > before + 5
        for _ in range(300):
            if open_files(server.pid) <= before:
                break
            await asyncio.sleep(0.1)
        assert open_files(server.pid) <= before
        for client in clients:
            client.close()
