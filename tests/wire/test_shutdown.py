"""SIGTERM: everyone is let go in order, and soon."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest

from support.servers import ServerProcess, serve
from wire.raw import Wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


SOON = 10.0
"""Seconds in which a server ends that nobody holds: a poller that is away has two, the rest is for a busy machine."""

MINUTE = {"CLOSE_GRACE": "60", "SHUTDOWN_TIMEOUT": "60"}


@pytest.fixture(params=["whinny", "uvicorn"])
def patient(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    """A server that can be held for a minute, by a poll until its next ping or by what does not close."""
    with serve("apps.impatient:answering", by=request.param, env=MINUTE) as process:
        yield process


@pytest.fixture
async def patient_wire(patient: ServerProcess) -> AsyncIterator[Wire]:
    async with Wire(patient.url) as clients:
        yield clients


async def test_shutdown(patient: ServerProcess, patient_wire: Wire) -> None:
    """A pending poll is answered, a WebSocket closed without DISCONNECT, so that both come back, and it all ends."""
    poller, websocket = await patient_wire.polling(), await patient_wire.websocket()
    await poller.connect()
    await websocket.connect()
    poll = await poller.pending()
    stopping = patient_wire.start(asyncio.to_thread(patient.stop, signal.SIGTERM))
    assert await websocket.rest() == []
    assert websocket.close_code != 1006
    reply = await poll
    assert reply.status == 200
    assert set(reply.packets) <= {"1", "6"}
    assert await stopping < SOON
    assert patient.process is not None
    assert patient.process.returncode in (0, -signal.SIGTERM)


async def test_shutdown_without_clients(patient: ServerProcess) -> None:
    """A server with nobody on it ends at once."""
    assert await asyncio.to_thread(patient.stop, signal.SIGTERM) < SOON


async def test_shutdown_during_an_upgrade(patient: ServerProcess, patient_wire: Wire) -> None:
    """A WebSocket that is being probed does not hold the server."""
    client = await patient_wire.polling()
    await client.connect()
    websocket = await patient_wire.probe(client.sid)
    assert await websocket.ask("2probe") == "3probe"
    stopping = patient_wire.start(asyncio.to_thread(patient.stop, signal.SIGTERM))
    assert await websocket.rest() == []
    assert await stopping < SOON
