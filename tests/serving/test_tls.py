"""The native path over TLS, on the transports of each event loop."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import sys
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
import trustme

from scenarios.raw import RawClient, raw_client
from scenarios.silent import SilentClient
from support.kernel import held_for_clients
from support.servers import Kind, ServerProcess, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 1_000_000
GRACE = 1.0
"""Seconds that the servers give a client that is told to close, so that these tests take less time."""

RUNS: list[tuple[Kind, list[str]]] = [
    ("whinny", []),
    ("native", ["--loop", "asyncio"]),
    ("native", ["--loop", "uvloop"]),
]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The options of a server with a certificate for this machine."""
    folder: Path = tmp_path_factory.mktemp("tls")
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    return ["--ssl-keyfile", str(folder / "key.pem"), "--ssl-certfile", str(folder / "certificate.pem")]


@pytest.fixture(scope="module")
def context(authority: trustme.CA) -> ssl.SSLContext:
    """What a client trusts."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(params=RUNS, ids=["whinny run", "asyncio", "uvloop"])
def run(request: pytest.FixtureRequest, files: list[str]) -> tuple[Kind, list[str]]:
    by, args = request.param
    return by, [*args, *files]


@pytest.fixture
def server(run: tuple[Kind, list[str]]) -> Iterator[ServerProcess]:
    by, args = run
    with serve(
        "apps.impatient:small", by=by, args=args, env={"CLOSE_GRACE": str(GRACE), "SHUTDOWN_TIMEOUT": "60"}
    ) as process:
        yield process
        for sign in ("Traceback", "never retrieved", "Fatal error", "SSL error"):
            assert sign not in process.log, process.log


def url_of(server: ServerProcess) -> str:
    return f"https://127.0.0.1:{server.port}"


async def test_messages(server: ServerProcess, context: ssl.SSLContext) -> None:
    """A megabyte of text and one of binary data there and back, in one piece and in fragments; many small ones."""
    assert "Socket.IO: WebSockets are served natively" in server.log
    async with raw_client(url_of(server), ssl=context) as client:
        await client.join_namespace()
        text = "x" * SIZE
        for _ in range(3):
            assert (await client.call("echo", text))["data"] == text
        data = bytes(range(256)) * (SIZE // 256)
        for message in (data, [data[:100], data[100:500_000], data[500_000:]]):
            await client.send('451-["echo binary",{"_placeholder":true,"num":0}]')
            await client.websocket.send(message)
            assert await client.receive() == '451-["binary",{"_placeholder":true,"num":0}]'
            assert await client.websocket.recv() == data
        for number in range(1000):
            await client.send(f'42{number}["echo",{number}]')
        for number in range(1000):
            assert await client.receive() == f'43{number}[{{"status":"ok","data":{number}}}]'


async def test_broadcast(server: ServerProcess, context: ssl.SSLContext) -> None:
    """All receive the same messages, in the same order."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(raw_client(url_of(server), ssl=context)) for _ in range(20)]
        for client in clients:
            await client.join_namespace()

        async def hear(client: RawClient) -> list[str]:
            return [await client.receive() for _ in range(50)]

        for number in range(50):
            await clients[0].send(f'42["news",{number}]')
        expected = [f'42["news",{number}]' for number in range(50)]
        assert await asyncio.gather(*map(hear, clients)) == [expected] * 20


async def test_ends(server: ServerProcess, context: ssl.SSLContext) -> None:
    """The client closes, is cut, is closed by the server, or breaks the protocol: each is heard of."""
    async with raw_client(url_of(server), ssl=context) as client:
        await client.join_namespace({"label": "closing"})
        await client.websocket.close(4321)
        assert client.websocket.close_code == 4321
    async with raw_client(url_of(server), ssl=context) as client:
        await client.join_namespace({"label": "cut"})
        client.cut()
    async with raw_client(url_of(server), ssl=context) as client:
        await client.join_namespace({"label": "sent away"})
        await client.send('42["leave"]')
        assert await client.closed() in (1000, 1005)
    async with raw_client(url_of(server), ssl=context) as client:
        await client.join_namespace({"label": "wrong"})
        client.websocket.transport.write(b"\xff\x80\x00\x00\x00\x00")  # an opcode that there is not
        assert await client.closed() == 1002
    for gone in ("closing: transport close", "cut: transport close", "wrong: transport error"):
        await asyncio.to_thread(server.wait_for, f"gone: {gone}")


@pytest.mark.skipif(sys.platform != "linux", reason="counts the sockets of the server in /proc")
async def test_a_client_that_never_reads(server: ServerProcess, context: ssl.SSLContext) -> None:
    """It is let go when the bound is reached, its TCP connection soon after, and others go on."""
    async with raw_client(url_of(server), ssl=context) as other:
        await other.join_namespace()
        before = (await other.call("sockets"))["data"]
        with SilentClient(url_of(server), "silent", context=context) as silent:
            assert (await other.call("sockets"))["data"] == before + 1
            silent.emit("series", {"count": 5000, "size": 10_000, "block": 10_000})
            await asyncio.to_thread(server.wait_for, "gone: silent: transport error")
            end = time.monotonic() + GRACE + 9
            while (await other.call("sockets"))["data"] > before:
                assert time.monotonic() < end
                await asyncio.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="reads from /proc what the system holds")
async def test_little_is_copied_for_a_client_that_does_not_read(server: ServerProcess, context: ssl.SSLContext) -> None:
    """The system is not given megabytes for it, since others would wait for the copying."""
    with SilentClient(url_of(server), "silent", context=context) as silent:
        async with raw_client(url_of(server), ssl=context) as other:
            await other.join_namespace()
            silent.emit("large", 3 * SIZE)
            await asyncio.to_thread(server.wait_for, "a large message")
            await other.call("echo", "written by now")
            assert 0 < held_for_clients(server.port) < SIZE // 2


async def test_a_client_that_reads_slowly(server: ServerProcess, context: ssl.SSLContext) -> None:
    """It gets all, in order."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect(("127.0.0.1", server.port))
    async with raw_client(url_of(server), sock=narrow, ssl=context, server_hostname="127.0.0.1", max_queue=1) as slow:
        await slow.join_namespace()
        await slow.send('42["series",{"count":90,"size":10000,"block":10000}]')
        for number in range(90):
            assert (await slow.receive()).startswith(f'42["bulk",{number},')
            await asyncio.sleep(0.001)


async def test_shutdown(server: ServerProcess, context: ssl.SSLContext) -> None:
    """Who reads gets what was sent and is closed in order; who does not cannot hold the server."""
    with SilentClient(url_of(server), "silent", context=context) as silent:
        silent.emit("large", 900_000)
        async with raw_client(url_of(server), ssl=context) as client:
            await client.join_namespace({"label": "reading"})
            await client.send('42["large",900000]')
            assert (await client.receive()).startswith("451-")
            stopping = asyncio.create_task(asyncio.to_thread(server.stop, signal.SIGTERM, 25))
            assert len(await client.websocket.recv()) == 900_000
            assert await client.closed() in (1000, 1005)
            assert await stopping < 11
    assert "gone: reading: server shutting down" in server.log
    assert "gone: silent: server shutting down" in server.log
