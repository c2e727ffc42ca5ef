"""The end of a server whose WebSockets are served natively: what each client sees, and how long it takes."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from apps import pressure
from scenarios.raw import raw_client
from scenarios.silent import SilentClient
from serving.in_process import running
from support.servers import Kind, ServerProcess, serve
from whinny import ServiceManager
from whinny.serving import native
from whinny.serving.run import SHUTDOWN_TIMEOUT
from wire.raw import UPGRADE, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from whinny.serving.types import Receive, Scope, Send

AT_ONCE = 8.0
"""Seconds in which a server ends that nothing holds up, on a machine that has other work too."""

MINUTE = {"CLOSE_GRACE": "60", "GRACE": "60", "STALL_TIMEOUT": "60", "SHUTDOWN_TIMEOUT": "60"}
"""What makes a server wait so long for a client, or for its app, that it is no end at once, nor one within a bound."""

GRACE = 1.0
"""Seconds that `impatient` gives a client that is told to close, so that these tests take less time."""

BOUND = 10.0
"""Seconds in which a server ends, whatever runs in its app or, if it is `impatient`, whatever its clients do.

It gives GRACE to them and two seconds to the app, and the rest is for a machine that has other work too.
"""

DOCUMENTED = 7.0
"""Seconds that a client which never reads can hold a server, as the documentation says."""

ORDERLY = (1000, 1001, 1005, 1012)


@pytest.fixture(params=["whinny", "native"])
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    """A server that nothing but an orderly end of its clients ends soon."""
    yield from serve_well(request.param, MINUTE)


@pytest.fixture(params=["whinny", "native"])
def impatient(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    """A server that waits GRACE for clients that are told to close, and a minute for anything else of them."""
    yield from serve_well(request.param, {**MINUTE, "CLOSE_GRACE": str(GRACE), "GRACE": "2"})


@pytest.fixture(params=["whinny", "native"])
def ordinary(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    """A server that ends as it does outside of tests; not even a client that takes nothing is dropped before."""
    yield from serve_well(request.param, {"STALL_TIMEOUT": "60"})


def serve_well(by: Kind, env: dict[str, str]) -> Iterator[ServerProcess]:
    """A server that waits as `env` says, and in the end has logged no error of its own making."""
    with serve("apps.impatient:app", by=by, env=env) as process:
        yield process
        assert "Traceback" not in process.log, process.log
        assert "never retrieved" not in process.log, process.log


async def stop(server: ServerProcess, sig: signal.Signals = signal.SIGTERM) -> float:
    """End the server in order, and see that it did; how many seconds that took."""
    took = await asyncio.to_thread(server.stop, sig)
    assert server.process is not None
    assert server.process.returncode in (0, -sig)
    return took


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
async def test_idle_clients(server: ServerProcess, sig: signal.Signals) -> None:
    """Each is closed with an orderly code and without a DISCONNECT packet, and the server ends at once."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(raw_client(server.url)) for _ in range(50)]
        for client in clients:
            await client.join_namespace({"label": "idle"})
        stopping = asyncio.create_task(stop(server, sig))
        for client in clients:
            assert await client.closed() in ORDERLY
        assert await stopping < AT_ONCE
    assert server.log.count("gone: idle: server shutting down") == 50


async def test_a_large_message_goes_out(server: ServerProcess) -> None:
    """A client that is in the middle of a message when the server is told to end gets it whole, and then the close."""
    size = 3_000_000
    with SilentClient(server.url, "reading") as client:
        client.emit("large", size)
        await asyncio.to_thread(server.wait_for, "a large message")
        stopping = asyncio.create_task(stop(server))
        await asyncio.to_thread(server.wait_for, "Shutting down")
        header, message, end = await asyncio.to_thread(lambda: (client.receive(), client.receive(), client.receive()))
        assert header.startswith(b"451-")
        assert message == b"x" * size
        assert end in (b"", b"\x03\xe8", b"\x03\xe9")  # 1001 if reading took longer than the app is given
        client.answer_close()
        assert await stopping < AT_ONCE


async def test_a_client_that_never_reads(ordinary: ServerProcess) -> None:
    """It holds the server for the time that it is given, and no longer."""
    with SilentClient(ordinary.url, "silent") as client:
        client.emit("large", 3_000_000)
        await asyncio.to_thread(ordinary.wait_for, "a large message")
        assert await stop(ordinary) < DOCUMENTED + 6
    assert ordinary.log.count("gone: silent: server shutting down") == 1


async def test_a_client_that_does_not_answer_the_close(impatient: ServerProcess) -> None:
    """It has read all there was; the server does not wait for it longer than it must."""
    with SilentClient(impatient.url, "mute"):
        assert await stop(impatient) < BOUND
    assert impatient.log.count("gone: mute: server shutting down") == 1


async def test_handlers_that_run(impatient: ServerProcess) -> None:
    """Those that are done soon are let finish, the others are cancelled."""
    async with raw_client(impatient.url) as client:
        await client.join_namespace()
        for seconds in (0.5, 60):
            await client.send(f'421["work",{seconds}]')
        while impatient.log.count("the work begins") < 2:
            await client.call("echo", "hello")
        stopping = asyncio.create_task(stop(impatient))
        assert await client.closed() in ORDERLY
        assert await stopping < BOUND
    assert impatient.log.count("the work is done") == 1
    assert impatient.log.count("the work was stopped") == 1


async def test_clients_of_every_kind_at_once(impatient: ServerProcess) -> None:
    """A poller, one in the middle of an upgrade, one that never reads, one that sends without end: all are let go."""
    async with Wire(impatient.url) as wire:
        poller, upgrading, talking = await wire.polling(), await wire.polling(), await wire.websocket()
        for client in (poller, upgrading, talking):
            await client.connect()
        poll = await poller.pending()
        probe = await wire.probe(upgrading.sid)
        assert await probe.ask("2probe") == "3probe"

        async def talk() -> None:
            while True:
                await talking.send('42["arrive",1]')
                await asyncio.sleep(0)  # the others have their turn

        wire.start(talk())
        with SilentClient(impatient.url, "silent") as client:
            client.emit("large", 3_000_000)
            await asyncio.to_thread(impatient.wait_for, "a large message")
            stopping = asyncio.create_task(stop(impatient))
            assert (await poll).status == 200
            assert await probe.rest() == []
            await talking.rest()
            assert talking.close_code in ORDERLY
            assert await stopping < BOUND


@pytest.mark.parametrize("by", ["whinny", "native"])
async def test_a_handshake_that_is_not_over(by: Kind) -> None:
    """A client that has no answer yet gets one, and what the app does with it afterwards harms nobody."""
    with serve("apps.contract:app", by=by) as server:
        async with Wire(server.url) as wire:
            connection = await wire.write("GET", headers=UPGRADE, transport="websocket", mark="slow")
            await asyncio.to_thread(server.wait_for, "mark=slow waits")
            stopping = asyncio.create_task(stop(server))
            assert (await connection.reply()).status == 500
            assert await stopping < SHUTDOWN_TIMEOUT  # in which uvicorn would cut it off
        assert "Traceback" not in server.log, server.log


# without a signal


@pytest.mark.parametrize("minds", [True, False])
@pytest.mark.parametrize("answer", ["websocket.accept", "websocket.close", "websocket.http.response.start"])
async def test_an_answer_behind_that_of_the_server(answer: str, minds: bool, caplog: pytest.LogCaptureFixture) -> None:
    """An app that answers a handshake when the server, which ends, has just done so is told that the client is gone.

    Whether it minds or not, that is no error.
    """
    told: list[OSError] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        for connection in list(host.server.server_state.connections):
            connection.shutdown()
        try:
            await send({"type": answer, "status": 503, "headers": []})
            if answer == "websocket.http.response.start":
                await send({"type": "websocket.http.response.body", "body": b""})
        except OSError as error:
            told.append(error)
            if minds:
                raise

    async with running(app, lifespan="off") as host, Wire(host.url) as wire:
        assert (await wire.upgrade()).status == 500
        await host.empty()
        gc.collect()  # a failure that nobody was told of is logged then
    assert len(told) == 1
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING], caplog.text


async def test_a_server_that_is_told_by_its_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """`should_exit` is as good as a signal: clients are closed in order, `on_disconnect` hears why, and it ends."""
    monkeypatch.setattr(native, "CLOSE_GRACE", 60.0)
    monkeypatch.setattr("whinny.server.server.GRACE", 60.0)
    services = ServiceManager()
    controller = services.get(pressure.PressureController)
    app = controller.attach()
    async with running(app) as host, raw_client(host.url) as client, raw_client(host.url) as other:
        await client.join_namespace({"label": "idle"})
        await other.join_namespace({"label": "idle"})
        stopping = asyncio.create_task(host.stop())
        assert await client.closed() in ORDERLY
        assert await other.closed() in ORDERLY
        assert await stopping < AT_ONCE
        assert controller.departures == {"idle: server shutting down": 2}
        assert not host.server.server_state.connections


async def test_served_again_in_the_same_loop() -> None:
    """An app whose server was stopped by its program can be served by another one."""
    app = ServiceManager().get(pressure.PressureController).attach()
    for _ in range(2):
        async with running(app) as host, raw_client(host.url) as client:
            await client.join_namespace()
            assert (await client.call("echo", "hello"))["data"] == "hello"
            stopping = asyncio.create_task(host.stop())
            assert await client.closed() in ORDERLY
            await stopping
