"""What waits for a client is bounded, and none delays another, whether it reads slowly, never, or sends without end."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scenarios.raw import RawClient, raw_client
from scenarios.silent import SilentClient, frame
from support.kernel import held_for_clients
from support.servers import Kind, ServerProcess, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Check = Callable[[int, list[int]], Awaitable[None]]

SERVERS = ["whinny", "uvicorn"]
MIB = 1024 * 1024
BOUND = 1 * MIB
"""`max_send_buffer` of apps.pressure:small."""

STALL = 3
"""Seconds that a client may take nothing of what waits for it, where a test waits for that."""

STALLED = 100
COUNT, SIZE = 10_000, 10_000  # 100 MB
ROUNDS = 4
CALM = 0.1
"""Seconds that are well as a p99 of round trips, however busy the machine is: who waits for a stalled client waits far
longer. How it compares to undisturbed clients is measured by `make bench`."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of the server from /proc")


def memory(server: ServerProcess, line: str) -> int:
    """Bytes of the server's resident memory: `VmRSS` for now, `VmHWM` for its highest so far."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.partition(f"{line}:")[2].split()[0]) * 1024


def growth(server: ServerProcess, before: int) -> int:
    """By how much the memory has been above `before` at its highest."""
    return memory(server, "VmHWM") - before


def stall(server: ServerProcess, stack: ExitStack) -> None:
    """Connect a hundred clients that read nothing from here on."""
    for _ in range(STALLED):
        stack.enter_context(SilentClient(server.url, "stalled"))


async def read_all(client: RawClient, heard: list[int]) -> None:
    """Read what is broadcast, and say so when asked."""
    while True:
        packet = await client.receive(within=30)
        if packet.startswith('42["bulk",'):
            heard.append(int(packet[10:].partition(",")[0]))
        else:
            assert packet.endswith('["settle"]'), packet
            await client.send(f"43{packet[2:].partition('[')[0]}[]")


async def watch(client: RawClient, counts: list[int]) -> None:
    """How many events of a flood had arrived, each time that the server has a turn for another client."""
    while True:
        counts.append((await client.call("arrived"))["data"]["count"])


async def echo(client: RawClient, times: list[float]) -> None:
    """Echo after echo, and how long each took."""
    while True:
        began = time.perf_counter()
        answer = await client.call("echo", "hello")
        times.append(time.perf_counter() - began)
        assert answer["data"] == "hello"
        await asyncio.sleep(0.002)


@asynccontextmanager
async def beside(*work: Any) -> AsyncIterator[None]:
    """Coroutines that run while the block does; what they raise is raised here."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            if not task.done():
                task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def broadcast(server: ServerProcess, count: int, volatile: bool = False) -> tuple[float, list[int]]:
    """Broadcast to all but the observers: the p99 of their round trips meanwhile, and what a reader has heard."""
    times: list[float] = []
    heard: list[int] = []
    payload = {"count": count, "size": SIZE, "volatile": volatile}
    async with (
        raw_client(server.url) as one,
        raw_client(server.url) as other,
        raw_client(server.url) as reader,
        raw_client(server.url) as speaker,
    ):
        await reader.join_namespace({"label": "reader"})
        for client in (one, other, speaker):
            await client.join_namespace({"label": "observer"})
        async with beside(read_all(reader, heard), echo(one, times), echo(other, times)):
            await speaker.call("broadcast", payload, within=100)
    times.sort()
    return times[len(times) * 99 // 100], heard


async def expect_no_delay(server: ServerProcess, check: Check, count: int, volatile: bool = False) -> None:
    """Broadcast to a reader alone, then to it and a hundred clients that have stopped reading: others notice nothing.

    That is, the p99 of their round trips is at most doubled. `check` is called with the number of the round and what
    the reader has heard, while the stalled clients are there. Other work on the machine falls into one of the two by
    chance: so the best of a few rounds counts, and a p99 that nobody would notice is well whatever its ratio.
    """
    seen: list[tuple[float, float]] = []
    for number in range(1, ROUNDS + 1):
        without, _ = await broadcast(server, count, volatile)
        with ExitStack() as stack:
            await asyncio.to_thread(stall, server, stack)
            delayed, heard = await broadcast(server, count, volatile)
            await check(number, heard)
        seen.append((without, delayed))
        if delayed <= max(CALM, 2 * without):
            return
    raise AssertionError(f"p99 of the round trips without and with stalled clients: {seen}")


async def departures(server: ServerProcess) -> dict[str, int]:
    """How often clients of which label have gone for which reason."""
    async with raw_client(server.url) as client:
        await client.join_namespace()
        gone: dict[str, int] = (await client.call("departures"))["data"]
        return gone


async def members(server: ServerProcess, label: str) -> int:
    """How many clients of this label are there."""
    async with raw_client(server.url) as client:
        await client.join_namespace()
        count: int = (await client.call("members", label))["data"]
        return count


@pytest.mark.parametrize("by", SERVERS)
async def test_clients_that_stop_reading(by: Kind) -> None:
    """100 of them while 100 MB are broadcast: memory is bounded, the others go on as fast, and the stalled ones go."""
    with serve("apps.pressure:small", by=by) as server:
        before = memory(server, "VmRSS")

        async def check(number: int, heard: list[int]) -> None:
            assert heard == list(range(COUNT))
            assert growth(server, before) < STALLED * BOUND + 50 * MIB
            assert (await departures(server))["stalled: transport error"] == STALLED * number
            assert await members(server, "stalled") == 0

        await expect_no_delay(server, check, COUNT)
        assert "Traceback" not in server.log


@pytest.mark.parametrize("by", SERVERS)
async def test_volatile_messages_are_dropped_first(by: Kind) -> None:
    """100 clients that read nothing stay when all that is sent is volatile, delay nobody, and little waits for them."""
    with serve("apps.pressure:small", by=by) as server:
        before = memory(server, "VmRSS")

        async def check(number: int, heard: list[int]) -> None:
            assert heard == sorted(heard)
            assert await members(server, "stalled") == STALLED
            assert "stalled: transport error" not in await departures(server)
            assert growth(server, before) < 50 * MIB

        await expect_no_delay(server, check, 3000, volatile=True)


async def test_little_is_copied_for_a_client_that_does_not_read() -> None:
    """The system is not given megabytes for it, since others would wait for the copying."""
    with serve("apps.pressure:app") as server, SilentClient(server.url, "silent") as silent:
        async with raw_client(server.url) as other:
            await other.join_namespace()
            silent.emit("large", 3 * MIB)
            await asyncio.to_thread(server.wait_for, "a large message")
            await other.call("echo", "written by now")
            assert 0 < held_for_clients(server.port) < MIB // 2


@pytest.mark.parametrize("by", SERVERS)
async def test_a_client_that_reads_slowly(by: Kind) -> None:
    """It gets everything in order, and is not let go, as long as no more than the bound waits for it."""
    with serve("apps.pressure:small", by=by) as server:
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.connect(("127.0.0.1", server.port))
        async with raw_client(server.url, sock=narrow, max_queue=1) as slow:
            await slow.join_namespace({"label": "slow"})
            # Blocks of 900 kB, each of them below the bound by itself.
            await slow.send('427["series",' + json.dumps({"count": 270, "size": SIZE, "block": 90}) + "]")
            heard: list[int] = []
            while not (packet := await slow.receive()).startswith("437["):
                await asyncio.sleep(0.002)
                if packet.startswith('42["bulk",'):
                    heard.append(int(packet[10:].partition(",")[0]))
                else:
                    await slow.send(f"43{packet[2:].partition('[')[0]}[]")
            assert heard == list(range(270))


def flood(event: str, ids: bool = False) -> list[bytes]:
    """100 MB of an event, numbered from 0 on; `ids` asks for acks."""
    return [frame(f'42{number if ids else ""}["{event}",{number},"{"x" * SIZE}"]'.encode()) for number in range(COUNT)]


async def wait_for_arrivals(client: RawClient, count: int) -> None:
    """Wait until so many events have arrived, which must be in order."""
    async with asyncio.timeout(60):
        while (seen := (await client.call("arrived"))["data"])["count"] < count:
            assert seen["in order"]


@pytest.mark.parametrize("by", SERVERS)
async def test_a_flood_of_events_that_wait(by: Kind) -> None:
    """A client that sends 100 MB while its events wait is read no further, until they are done.

    Then all of them run, in order. Others are served meanwhile.
    """
    with serve("apps.pressure:small", by=by) as server, SilentClient(server.url, "flooding", within=60) as flooding:
        before = memory(server, "VmRSS")
        sending = asyncio.create_task(asyncio.to_thread(flooding.send_all, flood("arrive at the gate")))
        async with raw_client(server.url) as other:
            await other.join_namespace()
            await wait_for_arrivals(other, 100)
            for _ in range(500):
                await other.call("echo", "hello")
            assert not sending.done()
            assert (await other.call("arrived"))["data"] == {"count": 100, "in order": True}
            await other.call("open the gate")
            await sending
            await wait_for_arrivals(other, COUNT)
            assert growth(server, before) < 50 * MIB


@pytest.mark.parametrize("by", SERVERS)
async def test_a_flood_of_events_that_are_not_answered(by: Kind) -> None:
    """100 MB of events that a `def` takes at once all arrive, in order, and others have their turn between them."""
    with serve("apps.pressure:small", by=by) as server, SilentClient(server.url, "flooding", within=60) as flooding:
        before = memory(server, "VmRSS")
        counts: list[int] = []
        async with raw_client(server.url) as other, raw_client(server.url) as observer:
            await other.join_namespace()
            await observer.join_namespace()
            async with beside(watch(observer, counts)):
                await asyncio.to_thread(flooding.send_all, flood("arrive"))
                await wait_for_arrivals(other, COUNT)
        assert len({count for count in counts if 0 < count < COUNT}) >= 3, counts
        assert growth(server, before) < 50 * MIB


@pytest.mark.parametrize("by", SERVERS)
async def test_a_flood_of_events_that_are_answered(by: Kind) -> None:
    """A client that sends 100 MB of echoes and reads none is let go when the bound is reached, and delays nobody."""
    with (
        serve("apps.impatient:small", by=by, env={"STALL_TIMEOUT": str(STALL)}) as server,
        SilentClient(server.url, "flooding", within=60) as flooding,
    ):
        before = memory(server, "VmRSS")
        times: list[float] = []
        async with raw_client(server.url) as observer:
            await observer.join_namespace()
            async with beside(echo(observer, times)):
                with suppress(ConnectionError):
                    await asyncio.to_thread(flooding.send_all, flood("echo more", ids=True))
                await asyncio.to_thread(server.wait_for, "gone: flooding: transport error")
        assert max(times) < STALL
        assert growth(server, before) < 50 * MIB
