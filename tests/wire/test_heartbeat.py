"""Pings go from the server to the client: every 300 ms here, with 600 ms to answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from wire.raw import Wire

BOTH = pytest.mark.parametrize("transport", ["polling", "websocket"])


@BOTH
async def test_server_pings(wire: Wire, transport: str) -> None:
    """A ping comes an interval after the handshake, and after each answer another one."""
    client = await wire.client(transport)
    await client.connect()
    for _ in range(3):
        began = time.monotonic()
        assert await client.next() == "2"
        assert 0.15 < time.monotonic() - began < 3
        await client.send("3")


@BOTH
async def test_answered_pings_keep_the_session(wire: Wire, transport: str) -> None:
    """A client that answers outlives many timeouts."""
    client = await wire.client(transport)
    await client.connect()
    for _ in range(4):
        assert await client.next() == "2"
        await client.send("3")
    assert await client.is_served()


async def test_silent_websocket_is_closed(wire: Wire) -> None:
    """A WebSocket whose ping stays without answer is closed after the timeout."""
    client = await wire.websocket()
    sid = await client.connect()
    assert await client.next() == "2"
    began = time.monotonic()
    assert await client.rest() == []
    assert 0.3 < time.monotonic() - began < 3
    assert await wire.reason(sid) == "ping timeout"


async def test_silent_poller_is_told_to_close(wire: Wire) -> None:
    """A poll that is pending when the timeout passes gets a close packet, and the session is gone."""
    client = await wire.polling()
    await client.connect()
    assert await client.next() == "2"
    reply = await client.get()
    assert (reply.status, reply.text) == (200, "1")
    assert (await client.get()).error == (400, {"code": 1, "message": "Session ID unknown"})


async def test_poll_after_the_timeout_is_refused(wire: Wire) -> None:
    """The timeout runs by itself: who comes back after it finds no session."""
    client = await wire.polling()
    sid = await client.connect()
    assert await client.next() == "2"
    assert await wire.reason(sid) == "ping timeout"
    assert (await client.get()).error == (400, {"code": 1, "message": "Session ID unknown"})


async def test_client_that_never_polls_times_out(wire: Wire) -> None:
    """The ping's timeout runs although no poll has fetched the ping."""
    client = await wire.polling()
    sid = await client.connect()
    assert await wire.reason(sid) == "ping timeout"


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
