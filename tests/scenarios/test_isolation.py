"""What one client does wrong is that client's matter: a healthy client beside it notices nothing."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from websockets import ConnectionClosed

from scenarios.raw import PATH, RawPoller, in_batches, raw_client
from support.servers import Kind, ServerProcess, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scenarios.node import NodeClient

LABEL = "the healthy one"
DEEP = "[" * 100_000

# Messages over an open WebSocket, after `/` was joined, for each of which the client is dropped.
MALFORMED: dict[str, list[str | bytes]] = {
    "an unknown engine packet": ["garbage"],
    "an unknown engine packet type": ["9"],
    "a ping, which is the server's to send": ["2"],
    "an empty message": ["4"],
    "an unknown packet type": ["47"],
    "a packet type that is no digit": ["4x"],
    "broken JSON": ['42["echo",'],
    "data behind the JSON": ['42["echo"]]'],
    "an event that is no list": ['42{"echo":1}'],
    "an event without a name": ["42[]"],
    "an event named by null": ["42[null]"],
    "an event named by a list": ['42[["echo"]]'],
    "a reserved event name": ['42["connect"]'],
    "another reserved event name": ['42["disconnecting"]'],
    "an ack that is no list": ["431{}"],
    "CONNECT for a joined namespace": ["40"],
    "an event for a namespace that was not joined": ['42/chat,["echo"]'],
    "DISCONNECT with data": ["41{}"],
    "CONNECT_ERROR, which is the server's to send": ['44{"message":"no"}'],
    "a binary event without attachments": ['45-["echo"]'],
    "a binary event with 0 attachments": ['450-["echo",1]'],
    "a binary event with a word for a count": ['45x-["echo",1]'],
    "more attachments than allowed": ['4511-["echo",{"_placeholder":true,"num":0}]'],
    "a number of attachments without end": ["45" + "9" * 5000 + '-["echo"]'],
    "a placeholder for no attachment": ['451-["echo",{"_placeholder":true,"num":1}]', b"x"],
    "a placeholder with a negative number": ['451-["echo",{"_placeholder":true,"num":-1}]', b"x"],
    "a placeholder with a text for a number": ['451-["echo",{"_placeholder":true,"num":"0"}]', b"x"],
    "text where an attachment is due": ['451-["echo",{"_placeholder":true,"num":0}]', '42["echo"]'],
    "binary data that nobody announced": [b"x"],
    "deeply nested lists": [f'42["echo",{DEEP}'],
    "deeply nested lists, closed": [f'42["echo",{DEEP}{"]" * 100_000}]'],
    "deeply nested auth": ["40/chat," + '{"a":' * 50_000],
}

# What is strange and yet no reason to drop anybody.
HARMLESS: list[str | bytes] = [
    "3",
    "6",
    '4399["an ack that nobody asked for"]',
    f'43{"9" * 50}["an ack with a long id"]',
    '42["an event that nobody knows",1]',
    "42[17]",
    f'42["{"x" * 100_000}"]',
    '42["echo",{"__proto__":1,"constructor":2}]',
    '42["echo","\\ud83d"]',
    '42["echo",1e999]',
    f'42["echo",{"9" * 400}]',
    "40/nowhere,",
]

# The reference server lets these pass; to drop their sender is as good.
DOUBTFUL = ["42", "421", "431", "42/"]


@asynccontextmanager
async def healthy(
    node: NodeClient, server: ServerProcess, transport: str = "websocket"
) -> AsyncIterator[dict[str, Any]]:
    """A client whose echoes go round while the block runs; afterwards what it has seen, and it must be well."""
    params = {"auth": {"label": LABEL}, "patience": 100_000}
    node.start("echo steadily", server.url, transport, params=params)
    await asyncio.to_thread(node.expect, "steady")
    seen: dict[str, Any] = {}
    try:
        yield seen
    finally:
        async with raw_client(server.url) as client:
            await client.join_namespace()
            await client.call("send from server", {"rooms": [], "event": "enough", "args": []})
        seen |= await asyncio.to_thread(node.result)
    assert seen["disconnections"] == []
    assert seen["wrong"] == 0
    assert seen["trips"] >= 5, seen
    assert seen["slowest"] < 5000, seen
    assert seen["median"] < 100, seen


def expect_quiet(server: ServerProcess, seen: dict[str, Any], bad_clients: int, before: str = "") -> None:
    """The log tells of the healthy client only that it came and went, and a few lines at most of each bad one."""
    log = server.log[len(before) :]
    lines = [line for line in log.splitlines() if not re.search(r'"(GET|POST|WebSocket) /', line)]
    about_healthy = [line for line in lines if seen["id"] in line or LABEL in line]
    assert len(about_healthy) <= 3, about_healthy  # connected, disconnected, and what the app prints
    assert "Traceback" not in log
    assert len(lines) <= 3 * bad_clients + 20, "\n".join(lines[-50:])


async def send_and_be_dropped(url: str, messages: list[str | bytes]) -> None:
    """Connect, send these and see the connection closed by the server."""
    async with raw_client(url) as client:
        await client.join_namespace()
        for message in messages:
            await client.send(message)
        await client.closed(within=10)


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("by", ["whinny", "uvicorn"])
async def test_malformed_packet(name: str, by: Kind, server_of: Any) -> None:
    """Who breaks the protocol is dropped, at once and without a traceback."""
    server = server_of("apps.scenarios:app", by)
    before = server.log
    await asyncio.wait_for(send_and_be_dropped(server.url, MALFORMED[name]), 8)
    assert "Traceback" not in server.log[len(before) :]


@pytest.mark.parametrize("by", ["whinny", "uvicorn"])
async def test_harmless_oddities(by: Kind, server_of: Any) -> None:
    """What is strange but allowed changes nothing for the client that sends it."""
    server = server_of("apps.scenarios:app", by)
    before = server.log
    for message in HARMLESS:
        async with raw_client(server.url) as client:
            await client.join_namespace()
            await client.send(message)
            assert (await client.call("echo", "still here"))["data"] == "still here", message
    assert "Traceback" not in server.log[len(before) :]


@pytest.mark.parametrize("by", ["whinny", "uvicorn"])
async def test_doubtful_packet(by: Kind, server_of: Any) -> None:
    """A packet at the edge of the protocol is passed over or ends its own connection, without a traceback."""
    server = server_of("apps.scenarios:app", by)
    before = server.log
    for message in DOUBTFUL:
        async with raw_client(server.url) as client:
            await client.join_namespace()
            await client.send(message)
            with suppress(ConnectionClosed):
                assert (await client.call("echo", "still here"))["data"] == "still here", message
    assert "Traceback" not in server.log[len(before) :]


@pytest.mark.parametrize("by", ["whinny", "uvicorn"])
async def test_flood_of_malformed_clients(by: Kind, node: NodeClient) -> None:
    """A flood of clients that break the protocol neither slows nor disturbs another client, nor fills the log."""
    with serve("apps.scenarios:app", by=by) as server:
        kinds = list(MALFORMED.values())

        async def one(number: int) -> None:
            await send_and_be_dropped(server.url, kinds[number % len(kinds)])

        async with healthy(node, server) as seen:
            await in_batches(500, 20, one)
        expect_quiet(server, seen, 500)


async def test_flood_of_malformed_requests(node: NodeClient) -> None:
    """A flood of bad HTTP requests gets errors, and neither slows nor disturbs a client that polls."""
    with serve("apps.scenarios:app") as server:
        async with aiohttp.ClientSession() as session:

            async def one(number: int) -> None:
                poller = RawPoller(session, server.url)
                url = server.url + PATH
                match number % 8:
                    case 0:
                        got, expected = await status(session, "GET", url + "polling&sid=unknown"), {400}
                    case 1:
                        got, expected = await status(session, "GET", url + "carrier-pigeon"), {400}
                    case 2:
                        got, expected = await status(session, "GET", url.replace("EIO=4", "EIO=3") + "polling"), {400}
                    case 3:
                        got, expected = await status(session, "PUT", url + "polling"), {400}
                    case 4:
                        got, expected = (
                            await status(session, "GET", server.url + "/socket.io/?transport=polling"),
                            {400},
                        )
                    case 5:
                        await poller.open()
                        got, expected = await status(session, "POST", poller.url, data="no packet"), {200, 400}
                    case 6:
                        await poller.open()
                        got, expected = await status(session, "POST", poller.url, data='442["connect"]'), {200}
                    case _:
                        await poller.open()
                        got, expected = await status(session, "POST", poller.url, data="4" + "x" * 1_000_001), {413}
                assert got in expected, number % 8

            async with healthy(node, server, "polling") as seen:
                await in_batches(1200, 20, one)
        expect_quiet(server, seen, 1200)


async def status(session: aiohttp.ClientSession, method: str, url: str, **options: Any) -> int:
    async with session.request(method, url, **options) as answer:
        await answer.read()
        return answer.status


@pytest.mark.parametrize("by", ["whinny", "uvicorn"])
async def test_flood_of_oversized_messages(by: Kind, node: NodeClient) -> None:
    """Clients that send more than the limit are dropped, and another client goes on undisturbed."""
    with serve("apps.scenarios:app", by=by) as server:
        text = '42["echo","' + "x" * 1_000_001 + '"]'
        attachment: list[str | bytes] = ['451-["echo",{"_placeholder":true,"num":0}]', b"x" * 1_000_001]

        async def one(number: int) -> None:
            await send_and_be_dropped(server.url, [text] if number % 2 else attachment)

        async with healthy(node, server) as seen:
            await in_batches(60, 4, one)
        expect_quiet(server, seen, 60)


async def test_handlers_that_raise(node: NodeClient) -> None:
    """Methods that raise for one client are logged as that, with their place, and disturb no other client."""
    with serve("apps.scenarios:app") as server:

        async def one(number: int) -> None:
            async with raw_client(server.url) as client:
                await client.join_namespace()
                for event in ("fail", "fail later"):
                    answer = await client.call(event)
                    assert answer["error"]["code"] == "INTERNAL_SERVER_ERROR"
                    assert "secret" not in json.dumps(answer)

        async with healthy(node, server) as seen:
            await in_batches(100, 10, one)
        assert server.log.count("a secret of the house") >= 200
        about_healthy = [line for line in server.log.splitlines() if seen["id"] in line]
        assert len(about_healthy) <= 2, about_healthy


async def test_half_requests(node: NodeClient) -> None:
    """Connections that break off in the middle of a request or a frame disturb nobody."""
    with serve("apps.scenarios:app") as server:
        head = f"POST {PATH}polling HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
        upgrade = (
            f"GET {PATH}websocket HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        halves = [
            b"",
            b"GET /socket.io/?EIO=4&trans",
            head.encode(),
            head.encode() + b"\r\n4hal",
            upgrade.encode(),
            upgrade.encode() + b"\x81\x85abcd",  # a frame of 5 bytes without them
            upgrade.encode() + b"\x01\x81abcd" + b"\x55",  # a first fragment without a second
            upgrade.encode() + b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xffabcd",  # a frame of 2^64 bytes
            upgrade.encode() + b"\x83\x80abcd",  # an opcode that does not exist
            upgrade.encode() + b"\x81\x02hi",  # a frame that is not masked
            upgrade.encode() + b"\x81\x82\x00\x00\x00\x00\xff\xfe",  # text that is no UTF-8
        ]

        async def one(number: int) -> None:
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(halves[number % len(halves)])
            await writer.drain()
            if number % 2:
                writer.transport.abort()
            else:
                writer.close()
            await asyncio.sleep(0)

        async with healthy(node, server) as seen:
            await in_batches(440, 20, one)
        expect_quiet(server, seen, 440)


@pytest.mark.parametrize("by", ["whinny", "uvicorn"])
async def test_client_that_does_not_read(by: Kind, node: NodeClient) -> None:
    """Volatile messages to a client that does not read are dropped; others end it at `max_send_buffer`."""
    flood = {"count": 3000, "size": 10_000}  # 30 MB, more than the buffers of the system hold
    with serve("apps.scenarios:app", by=by) as server:
        async with healthy(node, server) as seen, raw_client(server.url) as slow, raw_client(server.url) as watcher:
            await slow.join_namespace({"label": "slow reader"})
            await watcher.join_namespace()
            await slow.send("42" + json.dumps(["flood", {**flood, "volatile": True, "label": "volatile flood"}]))
            assert (await watcher.call("noted", "volatile flood"))["data"] == "over"
            assert (await watcher.call("room size", slow.id))["data"] == 1
            await slow.send('429["echo","settled"]')
            arrived = 0
            while not (await slow.receive()).startswith("439["):
                arrived += 1
            assert 0 < arrived < 2000
            await slow.send("42" + json.dumps(["flood", {**flood, "volatile": False, "label": "flood"}]))
            assert (await watcher.call("departed", "slow reader"))["data"]["reason"] == "transport error"
            slow.cut()
        expect_quiet(server, seen, 3)
