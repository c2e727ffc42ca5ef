"""WebSocket frames as other clients than the official ones may send them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import connect
from websockets.frames import Frame, Opcode

from scenarios.raw import PATH, raw_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.servers import Kind, ServerProcess

    ServerOf = Callable[[str, Kind], ServerProcess]

SERVERS = ["whinny", "uvicorn", "hypercorn"]


@pytest.mark.parametrize("by", SERVERS)
async def test_fragments(by: Kind, server_of: ServerOf) -> None:
    """A message in several frames, with pings of the WebSocket between them, is one message."""
    server = server_of("apps.scenarios:app", by)
    async with raw_client(server.url) as client:
        await client.join_namespace()
        for count, size in enumerate([3, 200, 70_000, 300_000], 1):
            text = "é" * size
            packet = f"42{count}{json.dumps(['echo', text], ensure_ascii=False)}"
            await client.websocket.send([packet[:1], "", packet[1 : size // 2 + 5], packet[size // 2 + 5 :]])
            await (await client.websocket.ping())
            assert json.loads((await client.receive())[3:]) == [{"status": "ok", "data": text}]
        await client.send('451-9["kind of",{"_placeholder":true,"num":0}]')
        await client.websocket.send([b"", b"ab", b"c" * 100_000])
        assert await client.receive() == '439[{"status":"ok","data":"bytes"}]'


@pytest.mark.parametrize("by", SERVERS)
async def test_byte_by_byte(by: Kind, server_of: ServerOf) -> None:
    """Frames whose bytes come one at a time, or many frames in one piece, are read all the same."""
    server = server_of("apps.scenarios:app", by)
    async with raw_client(server.url) as client:
        await client.join_namespace()
        frames = [masked(f'42{number}["echo","{"x" * size}"]') for number, size in enumerate([1, 130], 1)]
        for byte in b"".join(frames):
            client.websocket.transport.write(bytes([byte]))
            await asyncio.sleep(0)
        assert [(await client.receive())[:3] for _ in frames] == ["431", "432"]
        client.websocket.transport.write(b"".join(masked(f'42{number}["echo",1]') for number in range(100, 400)))
        assert [(await client.receive())[2:5] for _ in range(300)] == [str(number) for number in range(100, 400)]


async def test_no_compression(server_of: ServerOf) -> None:
    """`whinny run` does not compress WebSocket messages, as the reference server does not by default."""
    server = server_of("apps.scenarios:app", "whinny")
    address = server.url.replace("http://", "ws://") + PATH + "websocket"
    async with connect(address, compression="deflate", proxy=None) as websocket:
        assert websocket.response is not None
        assert "Sec-WebSocket-Extensions" not in websocket.response.headers


def masked(text: str) -> bytes:
    """A text frame of a client."""
    data: Any = Frame(Opcode.TEXT, text.encode()).serialize(mask=True)
    return bytes(data)
