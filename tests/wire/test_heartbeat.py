"""Pings go from the server to the client: those of `pinged` come every 0.3 s, and must be answered within 4 s."""

from __future__ import annotations

import time
from asyncio import gather
from typing import TYPE_CHECKING, Any

import pytest

from apps.wire import PINGS
from wire.raw import EARLY, LATE

if TYPE_CHECKING:
    from asyncio import Task

    from wire.raw import Client, Wire

SILENCE = PINGS.ping_interval + PINGS.ping_timeout
"""Seconds that a session lasts whose client answers no ping."""

BOTH = pytest.mark.parametrize("transport", ["polling", "websocket"])


@BOTH
async def test_server_pings(pinged: Wire, transport: str) -> None:
    """A ping comes an interval after the handshake, and after each answer another one."""
    began = time.monotonic()
    client = await pinged.client(transport)
    for _ in range(3):
        assert await client.next() == "2"
        assert PINGS.ping_interval - EARLY < time.monotonic() - began < PINGS.ping_interval + LATE
        began = time.monotonic()  # before the server can have the answer
        await client.send("3")
    await client.connect()


async def answer_pings(client: Client, until: Task[Any]) -> None:
    """Receive nothing but pings, and answer them."""
    while not until.done():
        assert await client.next() == "2"
        await client.send("3")


async def test_answered_pings_keep_the_session(pinged: Wire) -> None:
    """On both transports a client that answers outlives one that came after it and does not."""
    clients = [await pinged.polling(), await pinged.websocket()]
    for client in clients:
        await client.connect()
    silent = pinged.start((await pinged.websocket()).rest())
    await gather(*(answer_pings(client, silent) for client in clients))
    assert await silent == ["2"]
    for client in clients:
        assert await client.is_served()


async def test_silent_websocket_is_closed(pinged: Wire) -> None:
    """A WebSocket whose ping stays without answer is closed after the timeout."""
    began = time.monotonic()
    client = await pinged.websocket()
    sid = await client.connect()
    assert await client.next() == "2"
    assert await client.rest() == []
    assert SILENCE - EARLY < time.monotonic() - began < SILENCE + LATE
    assert await pinged.reason(sid) == "ping timeout"


async def test_silent_poller_is_told_to_close(pinged: Wire) -> None:
    """A poll that is pending when the timeout passes gets a close packet, and the session is gone."""
    client = await pinged.polling()
    await client.connect()
    assert await client.next() == "2"
    reply = await client.get()
    assert (reply.status, reply.text) == (200, "1")
    assert (await client.get()).error == (400, {"code": 1, "message": "Session ID unknown"})


async def test_timeout_runs_by_itself(pinged: Wire) -> None:
    """Whether a poll has fetched the ping or none has: who comes back after the timeout finds no session."""
    clients = [await pinged.polling(), await pinged.polling()]
    sids = [await client.connect() for client in clients]
    assert await clients[0].next() == "2"
    for client, sid in zip(clients, sids, strict=True):
        assert await pinged.reason(sid) == "ping timeout"
        assert (await client.get()).error == (400, {"code": 1, "message": "Session ID unknown"})


async def test_ping_from_a_websocket_is_an_error(wire: Wire) -> None:
    """A client may not ping: its WebSocket is closed with a transport error."""
    client = await wire.websocket()
    sid = await client.connect()
    await client.send("2")
    await client.gone()
    assert await wire.reason(sid) == "transport error"


async def test_ping_from_a_poller_is_an_error(wire: Wire) -> None:
    """A client may not ping: its session on polling is gone with a transport error."""
    client = await wire.polling()
    sid = await client.connect()
    await client.post("2")
    await client.gone()
    assert await wire.reason(sid) == "transport error"


@BOTH
async def test_noop_from_a_client_is_ignored(wire: Wire, transport: str) -> None:
    """A noop asks for nothing and harms nothing."""
    client = await wire.client(transport)
    await client.connect()
    await client.send("6")
    assert await client.is_served()


@BOTH
async def test_unasked_pong_is_ignored(wire: Wire, transport: str) -> None:
    """A pong that answers no ping harms nothing."""
    client = await wire.client(transport)
    await client.connect()
    await client.send("3")
    assert await client.is_served()
