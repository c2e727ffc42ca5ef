"""From polling to WebSocket without losing, doubling or reordering anything."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from apps.wire import JOINS
from wire.raw import EARLY, LATE

if TYPE_CHECKING:
    from wire.raw import Polling, WebSocket, Wire

BAD_REQUEST = (400, {"code": 3, "message": "Bad request"})


async def begun(wire: Wire) -> tuple[Polling, WebSocket]:
    """A client on polling that has joined, and its WebSocket, probed."""
    client = await wire.polling()
    await client.connect()
    websocket = await wire.probe(client.sid)
    assert await websocket.ask("2probe") == "3probe"
    return client, websocket


async def finished(wire: Wire) -> tuple[Polling, WebSocket]:
    """A client that has upgraded."""
    client, websocket = await begun(wire)
    await websocket.send("5")
    assert await websocket.is_served()
    return client, websocket


async def test_probe_is_answered(wire: Wire) -> None:
    """`2probe` on the new WebSocket is answered by `3probe`, and polling goes on meanwhile."""
    client, _ = await begun(wire)
    assert await client.ask('420["echo","hello"]') == '430[{"status":"ok","data":["hello"]}]'


async def test_pending_poll_is_released(wire: Wire) -> None:
    """The poll that is pending during the probe gets a noop soon, so that the client can switch."""
    client = await wire.polling()
    await client.connect()
    poll = await client.pending()
    websocket = await wire.probe(client.sid)
    assert await websocket.ask("2probe") == "3probe"
    reply = await poll
    assert (reply.status, reply.text) == (200, "6")


async def test_poll_during_the_upgrade_is_released(wire: Wire) -> None:
    """A poll that comes after the probe is released as well."""
    client, _ = await begun(wire)
    reply = await client.get()
    assert (reply.status, reply.text) == (200, "6")


async def test_messages_move_to_the_websocket(wire: Wire) -> None:
    """After `5` messages travel on the WebSocket both ways."""
    _, websocket = await finished(wire)
    assert await websocket.ask('42["back",1]') == '42["back",1]'


async def test_no_stale_noop_on_the_websocket(pinged: Wire) -> None:
    """The noop that released the poll is not repeated on the WebSocket, up to the next ping."""
    client, websocket = await begun(pinged)
    while (reply := await client.get()).text == "2":
        await client.send("3")  # the machine was busy: a ping came before the noop
    assert reply.text == "6"
    await websocket.send("5", '42["back",1]')
    assert await websocket.receive() == '42["back",1]'
    assert await websocket.next() == "2"


async def test_what_waited_comes_first_on_the_websocket(wire: Wire) -> None:
    """What no poll has fetched before `5` comes on the WebSocket, in order."""
    client, websocket = await begun(wire)
    await client.send('42["back",1]', '42["back",2]')
    await websocket.send("5", '42["back",3]')
    assert [await websocket.receive() for _ in range(3)] == ['42["back",1]', '42["back",2]', '42["back",3]']


async def test_pings_move_to_the_websocket(pinged: Wire) -> None:
    """The heartbeat goes on over the WebSocket."""
    _, websocket = await finished(pinged)
    for _ in range(2):
        assert await websocket.next() == "2"
        await websocket.send("3")
    assert await websocket.is_served()


async def test_polling_after_the_upgrade_is_refused(wire: Wire) -> None:
    """An upgraded session takes no polling requests any more, and is not harmed by them."""
    client, websocket = await finished(wire)
    assert (await client.get()).error == BAD_REQUEST
    assert (await client.post('42["back",1]')).error == BAD_REQUEST
    assert await websocket.is_served()


async def test_second_websocket_of_an_upgraded_session(wire: Wire) -> None:
    """Another WebSocket for an upgraded session is accepted and then closed; the first one works on."""
    client, websocket = await finished(wire)
    second = await wire.probe(client.sid)
    assert await second.rest() == []
    assert await websocket.is_served()


async def test_second_websocket_during_the_upgrade(wire: Wire) -> None:
    """Another WebSocket while one is being probed is accepted and then closed; the first one finishes."""
    client, websocket = await begun(wire)
    second = await wire.probe(client.sid)
    assert await second.rest() == []
    await websocket.send("5")
    assert await websocket.is_served()


@pytest.mark.parametrize("packet", ["4hello", "2nope", "2", "abc", b"abc"])
async def test_wrong_first_packet(wire: Wire, packet: str | bytes) -> None:
    """A WebSocket that begins with anything but a probe is closed, and polling goes on."""
    client = await wire.polling()
    await client.connect()
    websocket = await wire.probe(client.sid)
    await websocket.send(packet)
    assert await websocket.rest() == []
    assert await client.is_served()


async def test_wrong_packet_after_the_probe(wire: Wire) -> None:
    """A probed WebSocket that goes on with anything but `5` is closed, and polling goes on."""
    client, websocket = await begun(wire)
    await websocket.send('42["back",1]')
    assert await websocket.rest() == []
    assert await client.is_served()


async def test_websocket_that_hangs_up(wire: Wire) -> None:
    """A probed WebSocket that goes away leaves polling as it was, and another may try."""
    client, websocket = await begun(wire)
    await websocket.connection.close()
    assert await client.is_served()
    second = await wire.probe(client.sid)
    assert await second.ask("2probe") == "3probe"


@pytest.mark.parametrize("probed", [False, True])
async def test_upgrade_that_is_never_finished(hurried: Wire, probed: bool) -> None:
    """After `upgrade_timeout`, here 4 s, the WebSocket is closed and polling goes on, as it did meanwhile."""
    client = await hurried.polling()
    await client.connect()
    began = time.monotonic()
    websocket = await hurried.probe(client.sid)
    if probed:
        await websocket.send("2probe")
    assert await client.is_served()
    assert await websocket.rest() == ["3probe"] * probed
    assert JOINS.upgrade_timeout - EARLY < time.monotonic() - began < JOINS.upgrade_timeout + LATE
    assert await client.is_served()


async def test_session_that_ends_during_the_upgrade(wire: Wire) -> None:
    """When the session ends by polling, the WebSocket that is being probed is closed."""
    client, websocket = await begun(wire)
    await client.send("1")
    assert await websocket.rest() == []
    await client.gone()


async def test_session_that_began_on_websocket_is_not_taken_over(wire: Wire) -> None:
    """Only a client that polls can change to a WebSocket: another one with the session's id is closed."""
    client = await wire.websocket()
    await client.connect()
    assert await (await wire.probe(client.sid)).rest() == []
    assert await client.is_served()
