"""Clients that hide nothing: what a test sends and receives is what stands on the wire."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from collections import deque
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from types import TracebackType
    from typing import Self

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds that one awaited thing may take."""

EARLY = 0.05
"""Seconds that a timer may be early."""

LATE = 5.0
"""Seconds that it may be late on a busy machine."""

SEPARATOR = "\x1e"
NOBODY = "AAAAAAAAAAAAAAAAAAAA"
"""The id of no session."""

UPGRADE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}

OK_ECHO = '430[{"status":"ok","data":["hello"]}]'


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP response; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def packets(self) -> list[str]:
        return self.text.split(SEPARATOR)

    @property
    def error(self) -> tuple[int, Any]:
        """Status and JSON body of a refusal."""
        assert self.headers["content-type"].startswith("application/json"), self
        return self.status, json.loads(self.body)


def payload(*packets: str | bytes) -> str:
    """The body of a POST with these packets."""
    return SEPARATOR.join(p if isinstance(p, str) else "b" + b64encode(p).decode() for p in packets)


class Connection:
    """One TCP connection that adds nothing to what is written."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    async def reply(self) -> Reply:
        """The next response, whether it comes with its length, in chunks or until the end."""
        async with asyncio.timeout(PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.rstrip("\r\n").split("\r\n")
            status = int(first.split(" ")[1])
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            if status in (101, 204):
                body = b""
            elif "content-length" in headers:
                body = await self.reader.readexactly(int(headers["content-length"]))
            elif headers.get("transfer-encoding") == "chunked":
                body = await self._chunks()
            else:
                body = await self.reader.read()
            return Reply(status, headers, body)

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return body

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


class Wire:
    """The clients of one server, all of them closed in the end."""

    def __init__(self, url: str, path: str = "/socket.io/") -> None:
        self.path = path
        address = urlsplit(url)
        assert address.hostname is not None
        assert address.port is not None
        self.host, self.port = address.hostname, address.port
        self.origin = url
        self._opened = AsyncExitStack()
        self._tasks: list[asyncio.Task[Any]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._opened.aclose()

    def start(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run it beside the test."""
        task = asyncio.create_task(coroutine)
        self._tasks.append(task)
        return task

    def target(self, **query: str | None) -> str:
        """The path with `EIO=4` and `query`; a parameter that is None is left out."""
        parameters = {"EIO": "4", **query}
        return self.path + "?" + urlencode({name: value for name, value in parameters.items() if value is not None})

    async def connection(self) -> Connection:
        connection = Connection(*await asyncio.open_connection(self.host, self.port))
        self._opened.push_async_callback(connection.close)
        return connection

    def encoded(
        self, method: str, body: str | bytes = b"", headers: Mapping[str, str] | None = None, **query: str | None
    ) -> bytes:
        """A request as it stands on the wire; the connection ends with it unless the headers say otherwise."""
        data = body.encode() if isinstance(body, str) else body
        lines = {"host": f"{self.host}:{self.port}", "connection": "close", **(headers or {})}
        if method == "POST" and not {"content-length", "transfer-encoding"} & set(lines):
            lines = {"content-length": str(len(data)), "content-type": "text/plain;charset=UTF-8", **lines}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{method} {self.target(**query)} HTTP/1.1\r\n{head}\r\n".encode() + data

    async def write(
        self, method: str, body: str | bytes = b"", headers: Mapping[str, str] | None = None, **query: str | None
    ) -> Connection:
        """Send a request and return without waiting for the response."""
        connection = await self.connection()
        connection.write(self.encoded(method, body, headers, **query))
        return connection

    async def request(
        self, method: str, body: str | bytes = b"", headers: Mapping[str, str] | None = None, **query: str | None
    ) -> Reply:
        connection = await self.write(method, body, headers, **query)
        return await connection.reply()

    async def get(self, headers: Mapping[str, str] | None = None, **query: str | None) -> Reply:
        query = {"transport": "polling", **query}
        return await self.request("GET", b"", headers, **query)

    async def upgrade(self, headers: Mapping[str, str] | None = None, **query: str | None) -> Reply:
        """The HTTP response to a WebSocket request."""
        query = {"transport": "websocket", **query}
        return await self.request("GET", b"", {**UPGRADE, **(headers or {})}, **query)

    async def settle(self) -> None:
        """Come back when the server has read all that was written before."""
        for _ in range(2):
            await self.get(sid=NOBODY)

    async def polling(self, headers: Mapping[str, str] | None = None) -> Polling:
        """A client on polling, its handshake done."""
        reply = await self.get(headers)
        assert reply.status == 200, reply
        return Polling(self, reply.text)

    async def probe(self, sid: str | None = None, query: Mapping[str, str] | None = None, **options: Any) -> WebSocket:
        """A WebSocket, of the session `sid` if given, on which nothing was received yet."""
        uri = f"ws://{self.host}:{self.port}{self.target(transport='websocket', sid=sid, **(query or {}))}"
        settings = {"compression": None, "ping_interval": None, "proxy": None, "max_size": None, "close_timeout": 1}
        connection = await connect(uri, **{**settings, **options})
        self._opened.push_async_callback(connection.close)
        return WebSocket(self, connection)

    async def websocket(self, **options: Any) -> WebSocket:
        """A client on WebSocket, its handshake done."""
        client = await self.probe(**options)
        packet = await client.receive()
        assert isinstance(packet, str)
        client.opened(packet)
        return client

    async def reason(self, sid: str) -> Any:
        """Why the socket of this id went, which the server may learn only now."""
        client = await self.websocket()
        await client.connect()
        answer = await client.ask(f'420["reason","{sid}"]')
        assert isinstance(answer, str)
        return json.loads(answer[3:])[0]["data"]

    async def client(self, transport: str) -> Client:
        return await (self.polling() if transport == "polling" else self.websocket())


class Client:
    """A client of the Engine.IO session `sid`; `handshake` is the content of its OPEN packet."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.sid = ""
        self.handshake: dict[str, Any] = {}

    def opened(self, packet: str) -> None:
        assert packet[0] == "0", packet
        self.handshake = json.loads(packet[1:])
        self.sid = self.handshake["sid"]

    async def send(self, *packets: str | bytes) -> None:
        """Send these packets; text with its type digit."""
        raise NotImplementedError

    async def misbehave(self, *packets: str | bytes) -> None:
        """Send packets that the server may refuse while it reads them."""
        raise NotImplementedError

    async def next(self) -> str | bytes:
        """The next packet, pings included."""
        raise NotImplementedError

    async def gone(self) -> None:
        """Come back when the server has closed the session; a ping before it says that it goes on."""
        raise NotImplementedError

    async def receive(self) -> str | bytes:
        """The next packet other than a ping; pings are answered."""
        async with asyncio.timeout(PATIENCE):
            while (packet := await self.next()) == "2":
                await self.send("3")
            return packet

    async def connect(self, packet: str = "40") -> str:
        """Join a namespace with this CONNECT packet; the id of the socket."""
        await self.send(packet)
        answer = await self.receive()
        assert isinstance(answer, str)
        assert answer.startswith(packet.partition("{")[0] + "{"), answer
        sid = json.loads(answer[answer.index("{") :])["sid"]
        assert isinstance(sid, str)
        return sid

    async def ask(self, packet: str) -> str | bytes:
        """Send this packet; the answer."""
        await self.send(packet)
        return await self.receive()

    async def is_served(self) -> bool:
        """Whether an echo comes back."""
        return await self.ask('420["echo","hello"]') == OK_ECHO


class Polling(Client):
    """A client on the polling transport."""

    def __init__(self, wire: Wire, payload: str) -> None:
        super().__init__(wire)
        first, *others = payload.split(SEPARATOR)
        self.opened(first)
        self._inbox = deque(others)

    async def get(self, headers: Mapping[str, str] | None = None) -> Reply:
        return await self.wire.get(headers, sid=self.sid)

    async def post(self, body: str | bytes, headers: Mapping[str, str] | None = None) -> Reply:
        return await self.wire.request("POST", body, headers, transport="polling", sid=self.sid)

    async def pending(self, headers: Mapping[str, str] | None = None) -> asyncio.Task[Reply]:
        """A poll that the server has in hand."""
        connection = await self.wire.write("GET", headers=headers, transport="polling", sid=self.sid)
        await self.wire.settle()
        return self.wire.start(connection.reply())

    async def send(self, *packets: str | bytes) -> None:
        reply = await self.post(payload(*packets))
        assert (reply.status, reply.text) == (200, "ok"), reply

    async def misbehave(self, *packets: str | bytes) -> None:
        assert (await self.post(payload(*packets))).status in (200, 400)

    async def next(self) -> str | bytes:
        if not self._inbox:
            reply = await self.get()
            assert reply.status == 200, reply
            self._inbox.extend(reply.packets)
        packet = self._inbox.popleft()
        return b64decode(packet[1:], validate=True) if packet[0] == "b" else packet

    async def gone(self) -> None:
        while (reply := await self.get()).status == 200:
            assert "2" not in reply.packets, "the session goes on"
        assert reply.error == (400, {"code": 1, "message": "Session ID unknown"})


class WebSocket(Client):
    """A client on the WebSocket transport."""

    def __init__(self, wire: Wire, connection: ClientConnection) -> None:
        super().__init__(wire)
        self.connection = connection

    @property
    def close_code(self) -> int | None:
        return self.connection.close_code

    async def send(self, *packets: str | bytes) -> None:
        for packet in packets:
            await self.connection.send(packet)

    async def misbehave(self, *packets: str | bytes) -> None:
        with suppress(ConnectionClosed):
            await self.send(*packets)

    async def next(self) -> str | bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.connection.recv()

    async def rest(self) -> list[str | bytes]:
        """All that still comes until the server closes."""
        packets: list[str | bytes] = []
        with suppress(ConnectionClosed):
            while True:
                packets.append(await self.next())
        return packets

    async def gone(self) -> None:
        assert "2" not in await self.rest(), "the session goes on"
