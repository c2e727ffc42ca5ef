"""Clients by the thousand come and go, and nothing of theirs stays behind."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from scenarios.raw import RawClient, RawPoller, Refused, in_batches, raw_client
from support.servers import Kind, serve

# The native WebSocket path and that by ASGI.
SERVERS = ["whinny", "uvicorn"]
AT_ONCE = 50
# The tables and classes of which nothing is left when no client is there.
PER_CLIENT = {"connections", "heartbeats", "clients", "sockets", "rooms", "members", "Connection", "Client", "Socket"}


async def tables(url: str) -> dict[str, int]:
    """What the server holds, asked for over a connection that is closed again."""
    async with aiohttp.ClientSession() as session, session.get(url + "/tables") as answer:
        sizes: dict[str, int] = await answer.json()
        return sizes


async def baseline(url: str) -> dict[str, int]:
    """What the server holds after a first client has come and gone: empty tables, and objects of its own."""
    async with raw_client(url) as client:
        await client.join_namespace()
        await client.call("join", ["first"])
        await client.call("echo later", 0, "first")
    empty = {name: 0 for name in await tables(url) if name.split()[0] in PER_CLIENT}
    await expect_left(url, empty)
    return await tables(url) | empty


async def expect_left(url: str, expected: dict[str, int], within: float = 15) -> None:
    """Wait until the server holds exactly this of each of these, and nothing of any other class of its own."""
    end = time.monotonic() + within
    while True:
        held = await tables(url)
        names = expected if "tasks of the loop" not in expected else {**expected, **held}
        wrong = {name: held.get(name, 0) for name in names if held.get(name, 0) != expected.get(name, 0)}
        if not wrong:
            return
        assert time.monotonic() < end, f"held: {wrong}, expected: {[expected.get(name, 0) for name in wrong]}"
        await asyncio.sleep(0.05)


async def leave(client: RawClient, number: int) -> None:
    """Go in one of four ways."""
    match number % 4:
        case 0:
            await client.send("41")
        case 1:
            await client.websocket.close()
        case 2:
            client.cut()
        case 3:
            await client.send("42" + '["remove me",{"close":true}]')
            await client.closed()


@pytest.mark.parametrize("by", SERVERS)
async def test_1000_clients(by: Kind) -> None:
    """1000 clients that connect, talk, join rooms and leave in different ways leave the server as they found it."""
    with serve("apps.scenarios:app", by=by) as server:
        empty = await baseline(server.url)
        answers: list[Any] = []

        async def one(number: int) -> None:
            async with raw_client(server.url) as client:
                await client.join_namespace({"label": f"many-{number}"} if number % 10 == 0 else None)
                await client.call("join", ["all", f"room {number}", f"tens {number // 10}"])
                answers.append((await client.call("echo", number))["data"])
                await client.call("send", {"rooms": [f"tens {number // 10}"], "event": "news", "args": [number]})
                await client.call("echo later", 0.01, "later")
                await leave(client, number)

        await in_batches(1000, AT_ONCE, one)
        assert sorted(answers) == list(range(1000))
        await expect_left(server.url, empty)


@pytest.mark.parametrize("by", SERVERS)
async def test_1000_clients_at_once(by: Kind) -> None:
    """1000 clients that are there at the same time receive a broadcast each, once, and leave nothing."""
    with serve("apps.scenarios:app", by=by) as server:
        empty = await baseline(server.url)
        ready = asyncio.Barrier(1001)
        heard: list[str] = []

        async def one(number: int) -> None:
            async with raw_client(server.url) as client:
                await client.join_namespace()
                await ready.wait()
                packet = await client.receive(within=40)
                await client.call("echo", "settled", within=40)  # a second broadcast would come before its answer
                heard.append(packet)
                await ready.wait()

        async with asyncio.TaskGroup() as group:
            for number in range(1000):
                group.create_task(one(number))
            await ready.wait()
            held = await tables(server.url)
            assert held["connections"] == held["clients"] == held["sockets of /"] == 1000
            async with raw_client(server.url) as speaker:
                await speaker.join_namespace()
                await speaker.call("broadcast", "news", "to all")
            await ready.wait()
        assert heard == ['42["news","to all"]'] * 1000
        await expect_left(server.url, empty)


@pytest.mark.parametrize("by", SERVERS)
async def test_200_polling_clients(by: Kind) -> None:
    """200 clients that poll and close, and 50 that are refused while polling, leave nothing."""
    with serve("apps.scenarios:app", by=by) as server:
        empty = await baseline(server.url)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def one(number: int) -> None:
                client = RawPoller(session, server.url)
                if number % 5:
                    assert (await client.open()).startswith("0{")
                    assert (await client.call("echo", number))["data"] == number
                else:
                    assert (await client.open({"refuse": "plain"})).startswith("4{")
                await client.leave()

            await in_batches(250, AT_ONCE, one)
        await expect_left(server.url, empty)


@pytest.mark.parametrize("by", SERVERS)
async def test_1000_refused_or_dropped_clients(by: Kind) -> None:
    """500 clients that on_connection refuses, and 500 whose connection is cut while it runs, leave nothing."""
    with serve("apps.scenarios:app", by=by) as server:
        empty = await baseline(server.url)
        refusals: list[str] = []

        async def one(number: int) -> None:
            async with raw_client(server.url) as client:
                if number % 2:
                    with pytest.raises(Refused) as refused:
                        await client.join_namespace(
                            {"refuse": "plain" if number % 3 else "named", "join": "refused", "welcome": "no"}
                        )
                    refusals.append(refused.value.error["message"])
                    return
                await client.send('40{"wait":2,"join":"dropped","label":"dropped"}')
                if number % 4:
                    await client.send("40/nowhere,")
                    assert (await client.receive()).startswith("44/nowhere,")
                if number % 8:
                    client.cut()

        await in_batches(1000, AT_ONCE, one)
        assert len(refusals) == 500
        await expect_left(server.url, empty)
        assert "on_disconnect dropped" not in server.log  # they were never connected


async def test_clients_that_stop_answering() -> None:
    """Clients that stop polling, answer no ping, join no namespace or are kept waiting too long are all dropped."""
    with serve("apps.scenarios:restless") as server:
        empty = await baseline(server.url)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def poller(number: int) -> None:
                await RawPoller(session, server.url).open()

            async def silent(number: int) -> None:
                async with raw_client(server.url) as client:
                    await client.join_namespace()
                    await client.websocket.wait_closed()

            async def idle(number: int) -> None:
                async with raw_client(server.url) as client:
                    await client.closed(within=20)

            async def kept_waiting(number: int) -> None:
                async with raw_client(server.url) as client:
                    await client.send('40{"wait":60}')
                    await client.closed(within=20)

            async with asyncio.TaskGroup() as group:
                for kind in (poller, silent, idle, kept_waiting):
                    group.create_task(in_batches(50, 50, kind))
        await expect_left(server.url, empty)
