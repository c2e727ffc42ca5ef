"""Just enough of the protocols to be a client in great numbers, and to break their rules."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import websockets
from websockets.asyncio.client import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import aiohttp
    from websockets.asyncio.client import ClientConnection

QUERY = "?EIO=4&transport="
PATH = "/socket.io/" + QUERY


class Refused(Exception):
    """The server answered CONNECT with CONNECT_ERROR; `error` is what it said."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(str(error))
        self.error = error


class RawClient:
    """A Socket.IO client on an open WebSocket; text events only."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket
        self.id = ""
        self._ids = 0

    async def join_namespace(self, auth: dict[str, Any] | None = None, within: float = 15) -> None:
        """Send CONNECT and wait for the answer; Refused if it is an error."""
        await self.send("40" + (json.dumps(auth) if auth else ""))
        answer = await self.receive(within)
        if answer.startswith("44"):
            raise Refused(json.loads(answer[2:]))
        assert answer.startswith("40{"), answer
        self.id = json.loads(answer[2:])["sid"]

    async def send(self, packet: str | bytes) -> None:
        await self.websocket.send(packet)

    async def receive(self, within: float = 15) -> str:
        """The next text packet but pings, which are answered."""
        async with asyncio.timeout(within):
            while True:
                packet = await self.websocket.recv()
                if packet == "2":
                    await self.websocket.send("3")
                elif isinstance(packet, str):
                    return packet

    async def call(self, event: str, *args: Any, within: float = 15) -> Any:
        """Emit and return the ack's first argument; events that come before it are passed over."""
        self._ids += 1
        await self.send(f"42{self._ids}{json.dumps([event, *args])}")
        while True:
            packet = await self.receive(within)
            if packet.startswith(f"43{self._ids}["):
                return json.loads(packet[2 + len(str(self._ids)) :])[0]

    async def closed(self, within: float = 15) -> int:
        """Wait for the server to close the connection; the close code."""
        async with asyncio.timeout(within):
            try:
                while True:
                    if await self.websocket.recv() == "2":
                        await self.websocket.send("3")
            except websockets.ConnectionClosed:
                return self.websocket.close_code or 0

    def cut(self) -> None:
        """End the connection without a goodbye of any kind."""
        self.websocket.transport.abort()


@asynccontextmanager
async def raw_client(url: str, path: str = "/socket.io/", **options: Any) -> AsyncIterator[RawClient]:
    """A client whose engine is open and which is in no namespace yet."""
    address = url.replace("http", "ws", 1) + path + QUERY + "websocket"
    settings = {"compression": None, "proxy": None, "max_size": None, "close_timeout": 5, **options}
    async with connect(address, **settings) as websocket:
        opening = await websocket.recv()
        assert isinstance(opening, str)
        assert opening.startswith("0{"), opening
        yield RawClient(websocket)


class RawPoller:
    """A Socket.IO client that polls; text events only, and no pings are answered."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self.url = url + PATH + "polling"
        self._arrived: list[str] = []

    async def open(self, auth: dict[str, Any] | None = None) -> str:
        """Open the engine, join `/` and return the answer to CONNECT."""
        opening = await self.receive()
        self.url += "&sid=" + json.loads(opening[1:])["sid"]
        await self.post("40" + (json.dumps(auth) if auth else ""))
        return await self.receive()

    async def receive(self) -> str:
        """The next packet; polls for it."""
        while not self._arrived:
            async with self._session.get(self.url) as answer:
                text = await answer.text()
                assert answer.status == 200, text
                self._arrived = text.split("\x1e")
        packet = self._arrived.pop(0)
        return packet[1:] if packet.startswith("4") else packet

    async def post(self, packet: str) -> None:
        async with self._session.post(self.url, data=packet) as answer:
            assert answer.status == 200, await answer.text()

    async def call(self, event: str, *args: Any) -> Any:
        """Emit and return the ack's first argument; what comes before it is passed over."""
        await self.post(f"421{json.dumps([event, *args])}")
        while True:
            packet = await self.receive()
            if packet.startswith("31["):
                return json.loads(packet[2:])[0]

    async def leave(self) -> None:
        """Close the engine."""
        await self.post("1")


async def in_batches(count: int, at_once: int, one: Callable[[int], Awaitable[None]]) -> None:
    """Run `one(number)` for `count` numbers, so many at once."""
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await one(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())
