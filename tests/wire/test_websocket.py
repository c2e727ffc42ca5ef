"""The WebSocket transport: one packet a frame, binary as it is, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from wire.raw import Wire


async def test_each_packet_is_a_frame(wire: Wire) -> None:
    """Packets come as frames of their own, in order."""
    client = await wire.websocket()
    await client.connect()
    await client.send(*(f'42{n}["echo",{n}]' for n in range(200)))
    answers = [await client.receive() for _ in range(200)]
    assert answers == [f'43{n}[{{"status":"ok","data":[{n}]}}]' for n in range(200)]


async def test_binary_is_a_binary_frame(wire: Wire) -> None:
    """Binary travels as binary frames, without a type, both ways."""
    client = await wire.websocket()
    await client.connect()
    header = '451-["back",{"_placeholder":true,"num":0}]'
    await client.send(header, bytes(range(256)))
    assert [await client.receive(), await client.receive()] == [header, bytes(range(256))]


async def test_fragmented_message_is_one_packet(wire: Wire) -> None:
    """A message in several WebSocket fragments is one packet."""
    client = await wire.websocket()
    await client.connect()
    await client.connection.send(["42", '0["ec', 'ho","hel', 'lo"]'])
    assert await client.receive() == '430[{"status":"ok","data":["hello"]}]'


async def test_client_closes_by_packet(wire: Wire) -> None:
    """A close packet ends the session at once."""
    client = await wire.websocket()
    sid = await client.connect()
    await client.send("1")
    await client.gone()
    assert await wire.reason(sid) == "transport close"


async def test_client_closes_the_websocket(wire: Wire) -> None:
    """The end of the WebSocket is the end of the session."""
    client = await wire.websocket()
    sid = await client.connect()
    await client.connection.close()
    assert await wire.reason(sid) == "transport close"


async def test_client_drops_the_connection(wire: Wire) -> None:
    """A connection that breaks without a WebSocket close ends the session too."""
    client = await wire.websocket()
    sid = await client.connect()
    client.connection.transport.abort()
    assert await wire.reason(sid) in ("transport close", "transport error")


@pytest.mark.parametrize("packet", ["abc", "", "7", "x"])
async def test_malformed_packet_ends_the_session(wire: Wire, packet: str) -> None:
    """A frame of no known packet type closes the WebSocket."""
    client = await wire.websocket()
    await client.connect()
    await client.send(packet)
    await client.gone()


async def test_server_closes(wire: Wire) -> None:
    """A server that closes the connection says DISCONNECT, then closes the WebSocket properly."""
    client = await wire.websocket()
    await client.connect()
    await client.send('42["leave",true]')
    assert await client.rest() == ["41"]
    assert client.close_code != 1006
