"""The core of the scenarios with python-socketio's client."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import socketio
from engineio.payload import Payload

from support.servers import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from support.servers import Kind, ServerProcess

    Connect = Callable[..., Any]

# The client reads no answer to what it posts, and aiohttp warns when one is not all there as it is let go.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning")

TRANSPORTS: dict[str, list[str] | None] = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": None}


@pytest.fixture(params=["whinny", "uvicorn"])
def by(request: pytest.FixtureRequest) -> Kind:
    kind: Kind = request.param
    return kind


@pytest.fixture
def server(by: Kind, server_of: Callable[[str, Kind], ServerProcess]) -> ServerProcess:
    return server_of("apps.scenarios:app", by)


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@asynccontextmanager
async def client_of(
    url: str, transport: str, auth: Any = None, namespaces: list[str] | None = None, **options: Any
) -> AsyncIterator[socketio.AsyncClient]:
    """A connected client."""
    client = socketio.AsyncClient(**{"reconnection": False, **options})
    await client.connect(url, auth=auth, transports=TRANSPORTS[transport], namespaces=namespaces, wait_timeout=10)
    try:
        yield client
    finally:
        await client.shutdown()


class Heard:
    """What a client hears as one event, and a wait until there is enough of it."""

    def __init__(self, client: socketio.AsyncClient, event: str, namespace: str = "/") -> None:
        self.all: list[tuple[Any, ...]] = []
        self._changed = asyncio.Event()
        client.on(event, self._hear, namespace=namespace)

    async def _hear(self, *args: Any) -> None:
        self.all.append(args)
        self._changed.set()

    async def of(self, count: int, within: float = 10) -> list[tuple[Any, ...]]:
        """The list, once it has this length."""
        async with asyncio.timeout(within):
            while len(self.all) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.all


async def test_auth_and_echo(server: ServerProcess, transport: str) -> None:
    """The server sees the client's auth, and the ack of a response is its envelope."""
    auth = {"token": "t0k€n", "nested": [1, None]}
    async with client_of(server.url, transport, auth) as client:
        assert await client.call("handshake auth") == {"status": "ok", "data": auth}
        assert await client.call("echo", {"a": [1, None, "é"]}) == {"status": "ok", "data": {"a": [1, None, "é"]}}
        assert await client.call("own id") == {"status": "ok", "data": client.get_sid()}


async def test_refusal(server: ServerProcess, transport: str) -> None:
    """A refused client gets message and data, and a plain error arrives masked."""
    cases = [
        ("named", {"message": "not in this stable \N{HORSE}", "data": {"code": "NO_STABLE", "places": [1, None]}}),
        ("bare", {"message": "full"}),
        (
            "plain",
            {
                "message": "An internal server error has occurred.",
                "data": {"code": "INTERNAL_SERVER_ERROR"},
            },
        ),
    ]
    for refuse, expected in cases:
        client = socketio.AsyncClient(reconnection=False)
        errors = Heard(client, "connect_error")
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(server.url, auth={"refuse": refuse}, transports=TRANSPORTS[transport], wait_timeout=5)
        assert await errors.of(1) == [(expected,)]
        await client.shutdown()


async def test_ack_of_the_client(server: ServerProcess, transport: str) -> None:
    """emit_with_ack returns the client's answer, and raises AckTimeout without one."""
    async with client_of(server.url, transport) as client:

        async def answer(question: Any) -> Any:
            if question == "hard":
                await asyncio.Event().wait()
            return {"heard": question}

        client.on("question", answer)
        assert await client.call("ask me", {"question": b"\x00\xff", "timeout": 5}) == {
            "status": "ok",
            "data": {"heard": b"\x00\xff"},
        }
        hard = await client.call("ask me", {"question": "hard", "timeout": 0.1})
        assert hard == {"status": "error", "error": "AckTimeout"}


async def test_binary(server: ServerProcess, transport: str) -> None:
    """Binary data nested anywhere arrives unchanged, both ways."""
    async with client_of(server.url, transport) as client:
        heard = Heard(client, "sent back")
        values: list[tuple[Any, ...]] = [
            (bytes(range(256)),),
            (b"",),
            ({"deep": [b"a", "text", [b""], {"x": b"\xff" * 70_000}]}, b"b", 1),
        ]
        for count, args in enumerate(values, 1):
            assert await client.call("echo all", args) == {"status": "ok", "data": list(args)}
            await client.emit("send back", args)
            assert (await heard.of(count))[-1] == args


async def test_texts(server: ServerProcess, transport: str) -> None:
    """Texts of any script, and long ones, arrive unchanged, both ways."""
    texts = ["\N{HORSE}", "e\u0301", "\x00", "\u2028\u2029", "漢字", "x" * 900_000, "é" * 150_000]
    async with client_of(server.url, transport) as client:
        for text in texts:
            answer = await client.call("echo", text)
            assert answer["data"] == text


async def test_envelopes(server: ServerProcess, transport: str) -> None:
    """Emitted responses arrive as envelopes, other values as they are."""
    async with client_of(server.url, transport) as client:
        kinds = Heard(client, "kind")
        await client.call("emit kinds")
        assert await kinds.of(10) == [
            ({"status": "ok", "data": "x"},),
            ({"status": "ok"},),
            ({"status": "ok", "data": None},),
            ({"status": "error", "error": "e"},),
            ({"status": "error"},),
            ("raw",),
            ({"status": "raw"},),
            (None,),
            (),
            (1, {"status": "ok", "data": [2, b"\x03"]}, "three"),
        ]


async def test_order(server: ServerProcess, transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """1000 messages keep their order on their way to the server, and none is lost on the way back."""
    monkeypatch.setattr(Payload, "max_decode_packets", 2000)  # this client refuses more than 16 in one poll
    async with client_of(server.url, transport) as client:
        for number in range(1000):
            await client.emit("collect", number)
        assert (await client.call("collected"))["data"] == list(range(1000))
        numbers: list[int] = []
        done = asyncio.Event()

        def hear(number: int) -> None:
            numbers.append(number)
            if len(numbers) == 1000:
                done.set()

        client.on("number", hear)
        await client.emit("count", 1000)
        await asyncio.wait_for(done.wait(), 10)
        assert sorted(numbers) == list(range(1000))  # this client starts a task for each event


async def test_rooms_and_broadcast(server: ServerProcess, transport: str) -> None:
    """Rooms and broadcasts reach whom they should, once."""
    room = f"python {transport}"
    async with (
        client_of(server.url, transport) as a,
        client_of(server.url, transport) as b,
        client_of(server.url, transport) as c,
    ):
        heard = [Heard(client, "news") for client in (a, b, c)]
        await b.call("join", [room, room + " too"])
        await c.call("join", [room])
        await a.call("send", {"rooms": [room, room + " too"], "event": "news", "args": ["to rooms"]})
        await a.call("send", {"rooms": [room], "except": [b.get_sid()], "event": "news", "args": ["to c"]})
        await a.call("broadcast", ("news", "to all"))
        await heard[1].of(2)
        await heard[2].of(3)
        for client in (a, b, c):
            await client.call("echo", "settled")
        assert [each.all for each in heard] == [
            [],
            [("to rooms",), ("to all",)],
            [("to rooms",), ("to c",), ("to all",)],
        ]


async def test_namespaces(server: ServerProcess, transport: str) -> None:
    """Two namespaces share one connection, and one that nobody serves is refused."""
    async with client_of(server.url, transport, namespaces=["/", "/chat"]) as client:
        assert (await client.call("echo", "x"))["data"] == "x"
        assert (await client.call("echo", "x", namespace="/chat"))["data"] == "chat: x"
        assert client.get_sid() != client.get_sid("/chat")
    client = socketio.AsyncClient(reconnection=False)
    errors = Heard(client, "connect_error", "/nowhere")
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(server.url, namespaces=["/nowhere"], transports=TRANSPORTS[transport], wait_timeout=5)
    assert await errors.of(1) == [({"message": "Invalid namespace"},)]
    await client.shutdown()


async def test_disconnections(by: Kind, server: ServerProcess, transport: str) -> None:
    """A disconnection of either side is seen on the other."""
    async with client_of(server.url, transport) as watcher:
        label = f"python {by} {transport}"
        async with client_of(server.url, transport, {"label": label}) as client:
            await client.disconnect()
        seen = (await watcher.call("departed", label))["data"]
        # This client closes its connection beside its DISCONNECT packet, and either may be first.
        assert seen["reason"] in ("client namespace disconnect", "transport close")
        assert seen["times"] == 1
        label += " removed"
        async with client_of(server.url, transport, {"label": label}) as client:
            reasons = Heard(client, "disconnect")
            await client.emit("remove me", {"close": False})
            assert await reasons.of(1) == [(client.reason.SERVER_DISCONNECT,)]
        seen = (await watcher.call("departed", label))["data"]
        assert (seen["reason"], seen["times"]) == ("server namespace disconnect", 1)


@pytest.mark.parametrize("transport", ["websocket", "upgrade"])  # while it polls, this client takes a close as final
async def test_restart(by: Kind, transport: str) -> None:
    """After a restart of the server the client comes back by itself."""
    with serve("apps.scenarios:app", by=by) as server:
        # A refusal while the server shuts down could end this client's reconnection: it comes when that is over.
        options: dict[str, Any] = {"reconnection": True, "reconnection_delay": 1, "randomization_factor": 0}
        async with client_of(server.url, transport, **options) as client:
            connected = asyncio.Event()
            client.on("connect", connected.set)
            assert (await client.call("echo", "before"))["data"] == "before"
            connected.clear()
            assert await asyncio.to_thread(server.stop) < 10
            await asyncio.to_thread(server.start)
            await asyncio.wait_for(connected.wait(), 15)
            assert (await client.call("echo", "after"))["data"] == "after"
