"""Joining and leaving namespaces: CONNECT, CONNECT_ERROR and DISCONNECT packets."""

from __future__ import annotations

import json
import re
import time
from asyncio import gather
from typing import TYPE_CHECKING

import pytest

from apps.wire import JOINS
from wire.raw import EARLY, LATE

if TYPE_CHECKING:
    from wire.raw import Client, Wire

BOTH = pytest.mark.parametrize("transport", ["polling", "websocket"])

MASKED = '44{"message":"An internal server error has occurred.","data":{"code":"INTERNAL_SERVER_ERROR"}}'


@BOTH
async def test_connect_is_answered_with_an_id(wire: Wire, transport: str) -> None:
    """CONNECT is answered by CONNECT with an id of 20 characters, which is not the engine's."""
    client = await wire.client(transport)
    answer = await client.ask("40")
    assert isinstance(answer, str)
    match = re.fullmatch(r'40\{"sid":"([A-Za-z0-9_-]{20})"\}', answer)
    assert match is not None, answer
    assert match[1] != client.sid
    assert await client.ask('420["id"]') == f'430[{{"status":"ok","data":"{match[1]}"}}]'


async def test_connect_brings_auth(wire: Wire) -> None:
    """The payload of CONNECT is the handshake's auth."""
    client = await wire.websocket()
    await client.connect('40{"token":"à😀","deep":{"list":[1,null]}}')
    answer = await client.ask('420["auth"]')
    assert isinstance(answer, str)
    assert json.loads(answer[3:]) == [{"status": "ok", "data": {"token": "à😀", "deep": {"list": [1, None]}}}]


@pytest.mark.parametrize("packet", ["40/custom,", "40/custom", "40/custom,{}"])
async def test_connect_to_another_namespace(wire: Wire, packet: str) -> None:
    """Another namespace is joined by its name, with or without a payload, and packets bear it."""
    client = await wire.websocket()
    answer = await client.ask(packet)
    assert isinstance(answer, str)
    assert re.fullmatch(r'40/custom,\{"sid":"[A-Za-z0-9_-]{20}"\}', answer), answer
    assert await client.ask('42/custom,0["echo","hello"]') == '43/custom,0[{"status":"ok","data":["hello"]}]'


async def test_namespaces_share_a_connection(wire: Wire) -> None:
    """Each namespace on a connection has its own socket id, and leaving one keeps the other."""
    client = await wire.websocket()
    assert await client.connect() != await client.connect("40/custom,")
    await client.send("41/custom,")
    assert await client.is_served()


async def test_unknown_namespace(wire: Wire) -> None:
    """CONNECT to a namespace that is not there is answered, and the connection stays."""
    client = await wire.websocket()
    assert await client.ask("40/random") == '44/random,{"message":"Invalid namespace"}'
    assert await client.ask('40/random,{"a":1}') == '44/random,{"message":"Invalid namespace"}'
    await client.connect()


@BOTH
async def test_refusal_has_message_and_data(wire: Wire, transport: str) -> None:
    """A refused client gets CONNECT_ERROR with message and data, and nothing else."""
    client = await wire.client(transport)
    assert await client.ask('40{"refuse":true}') == '44{"message":"no entry","data":{"code":7}}'
    await client.connect()


async def test_refusal_without_data(wire: Wire) -> None:
    """A refusal without data leaves the key out."""
    client = await wire.websocket()
    assert await client.ask('40{"refuse":"plainly"}') == '44{"message":"no entry"}'


async def test_errors_are_masked(wire: Wire) -> None:
    """Any other error on connection tells the client nothing about itself."""
    client = await wire.websocket()
    assert await client.ask('40{"crash":true}') == MASKED
    await client.connect()


async def test_refused_client_is_not_in(wire: Wire) -> None:
    """A refused client is in no namespace: its events are a protocol error."""
    client = await wire.websocket()
    await client.ask('40{"refuse":true}')
    await client.send('420["echo","hello"]')
    await client.gone()


async def end_of(client: Client) -> float:
    """When the server has closed the session."""
    await client.gone()
    return time.monotonic()


async def test_connect_timeout(hurried: Wire) -> None:
    """Who joins no namespace within `connect_timeout`, here 4 s, is closed, on both transports."""
    began = time.monotonic()
    clients = [await hurried.polling(), await hurried.websocket()]
    for end in await gather(*map(end_of, clients)):
        assert JOINS.connect_timeout - EARLY < end - began < JOINS.connect_timeout + LATE


async def test_connect_timeout_after_a_refusal(hurried: Wire) -> None:
    """Who was refused and does not try again is closed as well, and not before."""
    began = time.monotonic()
    client = await hurried.websocket()
    await client.ask('40{"refuse":true}')
    await client.gone()
    assert JOINS.connect_timeout - EARLY < time.monotonic() - began


async def test_connection_hook_that_hangs(hurried: Wire) -> None:
    """`on_connection` has the same time: then the client is told, and closed, without having been let in."""
    began = time.monotonic()
    client = await hurried.websocket()
    await client.send('40{"hang":true}')
    assert await client.rest() == ['44{"message":"The server did not accept the connection in time."}']
    assert JOINS.connect_timeout - EARLY < time.monotonic() - began


async def test_joined_client_is_not_timed_out(hurried: Wire) -> None:
    """`connect_timeout` is over for who has joined a namespace, even if the socket then leaves."""
    client = await hurried.websocket()
    await client.connect()
    await client.send("41")
    later = await hurried.websocket()
    await later.gone()
    await client.connect()


@BOTH
async def test_disconnect_keeps_the_connection(wire: Wire, transport: str) -> None:
    """DISCONNECT ends the socket without an answer; the connection can join again, as another socket."""
    client = await wire.client(transport)
    first = await client.connect()
    await client.send("41")
    assert await wire.reason(first) == "client namespace disconnect"
    assert await client.connect() != first


async def test_event_after_disconnect(wire: Wire) -> None:
    """After DISCONNECT the namespace is no longer joined: an event is a protocol error."""
    client = await wire.websocket()
    sid = await client.connect()
    await client.send("41")
    assert await wire.reason(sid) == "client namespace disconnect"
    await client.send('420["echo","hello"]')
    await client.gone()


async def test_server_disconnects_a_socket(wire: Wire) -> None:
    """A socket that the server disconnects gets a bare DISCONNECT; the connection stays."""
    client = await wire.websocket()
    sid = await client.connect()
    assert await client.ask('42["leave",false]') == "41"
    assert await wire.reason(sid) == "server namespace disconnect"
    await client.connect()


async def test_server_closes_the_connection(wire: Wire) -> None:
    """`disconnect(close=True)` disconnects the sockets of all namespaces and closes the connection."""
    client = await wire.websocket()
    sid = await client.connect()
    await client.connect("40/custom,")
    await client.send('42["leave",true]')
    assert await client.rest() == ["41", "41/custom,"]
    assert await wire.reason(sid) == "server namespace disconnect"


async def test_server_closes_a_poller(wire: Wire) -> None:
    """A pending poll gets DISCONNECT, then the session is closed."""
    client = await wire.polling()
    await client.connect()
    poll = await client.pending()
    await client.post('42["leave",true]')
    packets = (await poll).packets
    while (reply := await client.get()).status == 200:
        packets += reply.packets
    assert [packet for packet in packets if packet != "6"] == ["41", "1"]
    assert reply.error == (400, {"code": 1, "message": "Session ID unknown"})
