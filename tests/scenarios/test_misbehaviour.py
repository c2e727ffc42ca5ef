"""Handlers that fail, hang or outlive their clients, and clients that say what should not be logged: real servers."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import sys
import unicodedata
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from scenarios.raw import RawClient, Refused, in_batches, raw_client
from scenarios.test_isolation import healthy
from scenarios.test_many_clients import baseline, expect_left
from support.answers import MASKED, MASKED_ERROR
from support.servers import Kind, ServerProcess, free_port, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenarios.node import NodeClient

    ServerOf = Callable[[str, Kind], ServerProcess]

APP = "apps.misbehaviour:app"
STRICT = "apps.misbehaviour:strict"
SERVERS = ["whinny", "uvicorn"]
FAILING = [
    "bad fail",
    "bad fail later",
    "bad fail in a hook",
    "bad fail in a post function",
    "bad cancel",
    "bad unsendable",
]
HANGING = ["bad hang", "bad hang in a hook", "bad hang in a post function"]
NOISE = ("Task was destroyed", "was never awaited", "never retrieved", "Exception in ASGI application", "Logging error")


async def leave(client: RawClient, number: int) -> None:
    """Go in one of three ways."""
    match number % 3:
        case 0:
            await client.send("41")
        case 1:
            await client.websocket.close()
        case 2:
            client.cut()


# failing and leaving


@pytest.mark.parametrize("by", SERVERS)
async def test_failing_handlers(by: Kind, node: NodeClient) -> None:
    """Each failing event is one log line, clients that leave none, nothing stays behind, and nobody else notices."""
    with serve(APP, by=by) as server:
        empty = await baseline(server.url)

        async def one(number: int) -> None:
            async with raw_client(server.url) as client:
                await client.join_namespace()
                event = FAILING[number % len(FAILING)]
                answer = await client.call(event)
                assert answer == MASKED
                if number % 2:
                    await client.send('42["bad answer late"]')
                    await client.send('42["bad ask"]') if number % 4 == 1 else None
                await leave(client, number)

        async with healthy(node, server) as seen:
            await in_batches(120, 10, one)
        assert seen["disconnections"] == []
        assert seen["wrong"] == 0
        await expect_left(server.url, empty)
        # A question whose client leaves is an error that nobody caught; its line names what it was.
        asked = server.log.count("whinny.errors.ClientDisconnected")
        assert asked <= 30
        assert server.log.count("was not caught") == 120 + asked
        assert not [word for word in NOISE if word in server.log]


@pytest.mark.parametrize("by", SERVERS)
async def test_answers_after_the_client_has_gone(by: Kind) -> None:
    """Events that go on after their client has left say nothing in the log and reach the others."""
    with serve(APP, by=by) as server:
        empty = await baseline(server.url)
        before = len(server.log)
        async with raw_client(server.url) as watcher:
            await watcher.join_namespace()

            async def one(number: int) -> None:
                async with raw_client(server.url) as client:
                    await client.join_namespace()
                    await client.send('421["bad answer late"]')
                    await leave(client, number)

            await in_batches(30, 10, one)
            for _ in range(30):
                assert await watcher.receive() == '42["late",2]'
        await expect_left(server.url, empty)
        assert not re.search("ERROR|WARNING|Traceback", server.log[before:])


@pytest.mark.parametrize("by", SERVERS)
async def test_on_connection_is_ended_with_its_client(by: Kind) -> None:
    """Clients that leave while on_connection hangs leave nothing behind, and nothing in the log."""
    with serve(APP, by=by) as server:
        empty = await baseline(server.url)

        async def one(number: int) -> None:
            async with raw_client(server.url) as client:
                await client.send('40{"hang":true}')
                await client.send("40/nowhere,")
                assert (await client.receive()).startswith("44/nowhere,")
                client.cut() if number % 2 else await client.websocket.close()

        await in_batches(60, 20, one)
        await expect_left(server.url, empty)
        assert not re.search("ERROR|WARNING|Traceback", server.log)


# hanging


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("by", SERVERS)
async def test_the_server_ends_though_handlers_hang(by: Kind, sig: signal.Signals) -> None:
    """What hangs, its client there or not, is ended within the grace, without a word in the log."""
    with serve(APP, by=by) as server:
        clients = AsyncExitStack()
        there, gone, waiting, leaving = [await clients.enter_async_context(raw_client(server.url)) for _ in range(4)]
        await there.join_namespace()
        await gone.join_namespace()
        await leaving.join_namespace({"hang later": True})
        for client in (there, gone):
            for event in (*HANGING, "bad ask"):
                await client.send(f'42["{event}"]')
            assert (await client.call("echo", 1))["data"] == 1
        gone.cut()
        await waiting.send('40{"hang":true}')
        await leaving.send("41")
        assert (await there.call("echo", 2))["data"] == 2
        took = await asyncio.to_thread(server.stop, sig)
        assert took < 8
        await clients.aclose()
        assert not [word for word in NOISE if word in server.log], server.log
        assert server.log.count("was not caught") <= 2  # of the two questions
        assert "Finished server process" in server.log


# order and limit


@pytest.mark.parametrize("by", SERVERS)
async def test_events_start_in_order(by: Kind, server_of: ServerOf) -> None:
    """Whether `def` or `async def`, and whether any of them waits, events of a client start as they were sent."""
    server = server_of(APP, by)
    async with raw_client(server.url) as client:
        await client.join_namespace()
        await client.call("turn reset")
        kinds = ("def", "async", "async at the gate", "async", "def", "def")
        for number in range(60):
            await client.send(f'42["turn {kinds[number % 6]}",{number}]')
        seen = (await client.call("turn seen"))["data"]
        assert seen["started"] == list(range(60)), "those at the gate hold up nobody"
        assert seen["running"] >= 10
        await client.call("turn open the gate")


@pytest.mark.parametrize("by", SERVERS)
async def test_reading_pauses_at_the_limit(by: Kind, server_of: ServerOf) -> None:
    """With max_concurrent_events running nothing more is read, until one ends; then all come, in order."""
    server = server_of(STRICT, by)
    count, size = 600, 100_000  # 60 MB, more than the buffers of the system hold
    async with raw_client(server.url) as busy, raw_client(server.url) as other:
        await busy.join_namespace()
        await other.join_namespace()
        await other.call("turn reset")
        padding = "x" * size
        kinds = ("async at the gate", "def", "async")

        async def send() -> None:
            for number in range(count):
                await busy.send(f'42["turn {kinds[number % 3]}",{number},"{padding}"]')

        sending = asyncio.create_task(send())
        while (await other.call("turn seen"))["data"]["running"] < 3:
            pass
        done, _ = await asyncio.wait({sending}, timeout=1)
        assert not done, "all was taken in though three events run"
        seen = (await other.call("turn seen"))["data"]
        assert seen["started"] == list(range(7))
        await other.call("turn open the gate")
        await sending
        await busy.send(f'42["turn def",{count}]')
        while len((seen := (await other.call("turn seen"))["data"])["started"]) <= count:
            pass
        assert seen["started"] == list(range(count + 1))
        assert seen["most"] <= 4  # a `def` that runs beside three


# hostile words

FORGED = "FORGED: all is well"
WORDS = [
    f"x\r\n{FORGED}",
    f"\r{FORGED}\x0b{FORGED}\x0c{FORGED}\x85{FORGED}\u2028{FORGED}\u2029{FORGED}\x1c{FORGED}",
    "\x1b[31mred\x1b[2J\x9b31m\x1b]0;title\x07",
    "\u202egnp.exe\u2066\u200b\ufeff\x00\x08\x7f",
    "\ud83d\udc40 \udc40 \ud83d",
    "%s %d %(message)s {} {0.__class__}",
    f"\n{FORGED}" * 40_000,
]
SECRET = "the secret of the house"


def development_server() -> ServerProcess:
    """`whinny dev` of the app, which has debug on and logs each event."""
    with serve(APP) as model:
        environment = model.environment
    port = free_port()
    argv = [sys.executable, "-m", "whinny.cli", "dev", APP, "--port", str(port)]
    return ServerProcess(port, argv, environment)


def ask_by_hand(server: ServerProcess, head: bytes) -> bytes:
    """What the server answers to these bytes."""
    with socket.create_connection(("127.0.0.1", server.port), 5) as plain:
        plain.sendall(head)
        return plain.recv(65_536)


async def say_everything(server: ServerProcess, debug: bool) -> None:
    """Say all words in all places; with `debug` off the answers hold none of them."""
    for word in WORDS:
        said = json.dumps(word)
        async with raw_client(server.url) as client:
            with pytest.raises(Refused) as refused:
                await client.join_namespace({"say": word})
            if not debug:
                assert refused.value.error == {
                    "message": MASKED_ERROR["message"],
                    "data": {"code": MASKED_ERROR["code"]},
                }
            await client.join_namespace({"nothing": word})
            for event in ("say value", "say key", "say hook"):
                answer = await client.call(event, word)
                assert answer["status"] == "error"
                assert answer["error"]["code"] == MASKED_ERROR["code"]
                assert debug or answer["error"] == MASKED_ERROR
            answer = await client.call(word)
            assert answer["error"]["code"] == "UNKNOWN_EVENT"
            wire = word.encode("utf-8", "replace").decode().replace(",", ".")[:1000]
            await client.send(f"40/{wire},")
            assert (await client.receive()).endswith('{"message":"Invalid namespace"}')
            await client.send(f"42[{wire}")
            await client.closed()
        raw = word.encode("utf-8", "replace")[:1000]
        plain = raw.replace(b"\r", b"").replace(b"\n", b"").replace(b"\x00", b"")
        query = json.dumps(said)[:1000].encode()
        for line, headers in (
            (b"GET /socket.io/?EIO=4&transport=polling", b"Origin: http://" + plain + b"\r\n"),
            (b"GET /socket.io/?EIO=4&transport=polling&x=" + plain, b""),
            (b"GET /socket.io/?EIO=4&transport=polling&x=%0d%0aFORGED%1b[31m" + query.replace(b" ", b""), b""),
            (b"GET /socket.io/%0d%0aFORGED:%1b[31m/?EIO=4", b""),
            (b"GET /elsewhere%0d%0aFORGED:%1b[31m%e2%80%ae", b""),
            (b"GET /socket.io/?EIO=4&transport=" + plain, b""),
            (b"GET /socket.io/?EIO=4&transport=polling&sid=" + plain, b""),
        ):
            host = f"Host: 127.0.0.1:{server.port}\r\n".encode()
            answer_of = ask_by_hand(server, line + b" HTTP/1.1\r\n" + host + headers + b"Connection: close\r\n\r\n")
            assert answer_of.startswith(b"HTTP/1.1 "), answer_of


def expect_clean(log: str) -> None:
    """No control characters but line breaks, and no line that a client wrote."""
    strange = {each for each in log if each != "\n" and unicodedata.category(each)[0] == "C"}
    assert not strange, strange
    assert not [line for line in log.splitlines() if line.lstrip().startswith("FORGED")]
    assert "Logging error" not in log


@pytest.mark.parametrize("by", SERVERS)
async def test_hostile_words_in_production(by: Kind) -> None:
    """Whatever clients say, in errors, names, headers and paths, the output is clean and the answers masked."""
    with serve(APP, by=by) as server:
        await say_everything(server, debug=False)
        expect_clean(server.log)
        if by == "whinny":
            assert server.log.count("was not caught") == 4 * len(WORDS)


async def test_hostile_words_in_development() -> None:
    """With debug on and each event logged, the output is as clean."""
    server = development_server()
    try:
        server.start()
        await say_everything(server, debug=True)
        assert "DEBUG:" in server.log
        assert "No method handles the event" in server.log
        expect_clean(server.log)
    finally:
        server.stop(signal.SIGKILL)
        server.output.close()
