"""The Socket.IO app in its hosts: alone, around other apps, mounted in a router, under several ASGI servers."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from websockets.asyncio.client import connect

from scenarios.raw import raw_client
from support.servers import Kind, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenarios.node import NodeClient
    from support.servers import ServerProcess

    ServerOf = Callable[[str, Kind], ServerProcess]

# Each host, and the path under which clients find Socket.IO there.
HOSTS = {
    "alone": "/socket.io/",
    "starlette": "/socket.io/",
    "fastapi": "/socket.io/",
    "without_lifespan": "/socket.io/",
    "mounted": "/realtime/socket.io/",
    "mounted_with_lifespan": "/realtime/socket.io/",
}
SERVERS: list[Kind] = ["whinny", "uvicorn", "hypercorn"]
CORE = ["connect with auth", "refuse with message and data", "echo with ack", "binary", "rooms", "transport"]

# By default Hypercorn runs the app in a process of its own, which hears no signal.
ONE_PROCESS: dict[Kind, list[str]] = {"whinny": [], "uvicorn": [], "hypercorn": ["--workers", "0"]}


def app(host: str) -> str:
    return f"apps.scenarios_hosting:{host}"


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("transport", ["polling", "websocket", "upgrade"])
@pytest.mark.parametrize("by", SERVERS)
@pytest.mark.parametrize("host", HOSTS)
def test_scenarios(host: str, by: Kind, transport: str, node: NodeClient, server_of: ServerOf) -> None:
    """The official client connects, talks and is refused in every host, under every server, on every transport."""
    server = server_of(app(host), by)
    for name in CORE:
        node.run(name, server.url, transport, options={"path": HOSTS[host]})


@pytest.mark.parametrize("by", SERVERS)
@pytest.mark.parametrize("host", [host for host in HOSTS if host != "alone"])
async def test_other_routes(host: str, by: Kind, server_of: ServerOf) -> None:
    """HTTP routes that are not Socket.IO's are the other app's, also those whose paths look alike."""
    server = server_of(app(host), by)
    status, text = await get(server.url + "/")
    assert (status, text.strip('"')) == (200, "hello from /")
    if host in ("starlette", "without_lifespan"):
        for path in ("/socket.io", "/socket.ioo/"):
            assert await get(server.url + path) == (200, f"hello from {path}")


@pytest.mark.parametrize("by", SERVERS)
@pytest.mark.parametrize("host", [host for host in HOSTS if host not in ("alone", "without_lifespan")])
async def test_other_websockets(host: str, by: Kind, server_of: ServerOf) -> None:
    """WebSocket endpoints of the other app work beside Socket.IO's."""
    server = server_of(app(host), by)
    address = server.url.replace("http://", "ws://") + "/own-websocket"
    async with connect(address, proxy=None) as websocket:
        for text in ("one", "two é", "x" * 100_000):
            await websocket.send(text)
            assert await websocket.recv() == text.upper()


@pytest.mark.parametrize("by", SERVERS)
async def test_alone_answers_nothing_else(by: Kind, server_of: ServerOf) -> None:
    """Without another app, other paths are not found, by HTTP and by WebSocket."""
    server = server_of(app("alone"), by)
    assert (await get(server.url + "/"))[0] == 404
    assert (await get(server.url + "/socket.io"))[0] == 404
    with pytest.raises(Exception, match=r"HTTP (403|404)"):
        await connect(server.url.replace("http://", "ws://") + "/other", proxy=None)


@pytest.mark.parametrize("by", SERVERS)
@pytest.mark.parametrize("host", ["starlette", "fastapi", "mounted_with_lifespan"])
async def test_lifespan(host: str, by: Kind) -> None:
    """The other app's lifespan runs once around the server, and the server's end is the clients' reason."""
    with serve(app(host), by=by, args=ONE_PROCESS[by]) as server:
        async with raw_client(server.url, HOSTS[host]) as client:
            await client.join_namespace({"label": "lifespan"})
            assert server.log.count("the inner lifespan has begun") == 1
            assert "the inner lifespan has ended" not in server.log
            took = await asyncio.to_thread(server.stop)
            assert took < 10
            await client.closed()
        log = server.log
        assert log.count("the inner lifespan has ended") == 1
        assert log.count("on_disconnect lifespan: server shutting down") == 1
        assert log.index("on_disconnect lifespan") < log.index("the inner lifespan has ended")
        assert "Traceback" not in log, log


@pytest.mark.parametrize("by", SERVERS)
@pytest.mark.parametrize("host", ["alone", "without_lifespan"])
async def test_no_lifespan(host: str, by: Kind) -> None:
    """Alone, or around an app that has no lifespan, the server starts and stops without a complaint."""
    with serve(app(host), by=by, args=ONE_PROCESS[by]) as server:
        async with raw_client(server.url) as client:
            await client.join_namespace({"label": "lifespan"})
            assert await asyncio.to_thread(server.stop) < 10
            await client.closed()
        assert server.log.count("on_disconnect lifespan: server shutting down") == 1
        for word in ("Traceback", "only HTTP is served here", "ASGI 'lifespan' protocol appears unsupported"):
            assert word not in server.log, server.log


@pytest.mark.parametrize("by", SERVERS)
async def test_mounted_without_lifespan(by: Kind) -> None:
    """Mounted where no lifespan reaches it, the server boots at the first connections, which come all at once."""
    with serve(app("mounted"), by=by) as server:

        async def one() -> Any:
            async with raw_client(server.url, HOSTS["mounted"]) as client:
                await client.join_namespace()
                return (await client.call("echo", client.id))["data"]

        ids = await asyncio.gather(*(one() for _ in range(20)))
        assert len(set(ids)) == 20
        assert "Traceback" not in server.log


@pytest.mark.parametrize("by", SERVERS)
@pytest.mark.parametrize("route", ["announce", "announce-from-a-thread"])
async def test_emit_from_an_endpoint(route: str, by: Kind, server_of: ServerOf) -> None:
    """A FastAPI endpoint reaches the clients through WsServer, from the loop and from a thread."""
    server = server_of(app("fastapi"), by)
    async with raw_client(server.url) as client, aiohttp.ClientSession() as session:
        await client.join_namespace()
        for n in range(10):
            async with session.post(f"{server.url}/{route}", params={"text": f"number {n}"}) as answer:
                assert answer.status == 200, await answer.text()
        heard = [json.loads((await client.receive())[2:]) for _ in range(10)]
        assert heard == [["announcement", f"number {n}"] for n in range(10)]
