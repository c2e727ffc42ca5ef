"""What Whinny's WebSocket class and uvicorn expect of each other, in servers of every kind that uvicorn can be.

Each of uvicorn's HTTP protocols hands a WebSocket over in code of its own, and each event loop has its own transports.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import signal
import sys
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from serving.in_process import running
from support.servers import NATIVE, ServerProcess, environment, free_port, serve
from whinny import ServiceManager, SocketIOController, WebsocketContext, WebsocketResponse, event_name
from whinny.serving.opening import read_opening
from whinny.serving.types import SOCKET_EXTENSION
from whinny.serving.uvicorn import WebSocketProtocol
from wire.raw import NOBODY, PATIENCE, UPGRADE, Wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from support.servers import Kind

    ServerOf = Callable[[str], ServerProcess]

HTTP = ["h11", "httptools", "zttp"]
LOOPS = ["asyncio", "uvloop"]
NATIVELY = "NativeWebSocket"
BY_ASGI = "AsgiWebSocket"


class PlainController(SocketIOController):
    @event_name("echo")
    def echo(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(ctx.payload)


@pytest.fixture(scope="module", params=[f"{http} {loop}" for http in HTTP for loop in LOOPS])
def server_of(request: pytest.FixtureRequest) -> Iterator[ServerOf]:
    """The server of an app of apps.contract, under each HTTP protocol and event loop."""
    http, loop = request.param.split()
    running: dict[str, ServerProcess] = {}
    with ExitStack() as stack:

        def server_of(app: str) -> ServerProcess:
            if app not in running:
                args = ["--http", http, "--loop", loop]
                running[app] = stack.enter_context(serve(f"apps.contract:{app}", by="native", args=args))
            return running[app]

        yield server_of
        for server in running.values():
            check(server.log)


def check(log: str) -> None:
    """The server has logged no error but those that the app asks for."""
    log = log.replace("Traceback", "", log.count("a crash of"))
    for sign in ("Traceback", "never retrieved", "was destroyed", "never awaited", "InvalidStateError", "Error:"):
        if sign in log.replace("ValueError: a crash of", ""):
            raise AssertionError(log[max(0, log.index(sign) - 1000) :])


@pytest.fixture(params=["plain", "app"])
def server(request: pytest.FixtureRequest, server_of: ServerOf) -> ServerProcess:
    """Without middleware, and behind some of every kind."""
    return server_of(request.param)


@pytest.fixture
async def wire(server: ServerProcess) -> AsyncIterator[Wire]:
    async with Wire(server.url) as clients:
        yield clients


def open_at(server: ServerProcess, path: str, **options: Any) -> connect:
    """A WebSocket of the app's own."""
    return connect(f"ws://127.0.0.1:{server.port}{path}", **{"proxy": None, "max_size": None, **options})


async def status(server: ServerProcess, path: str) -> InvalidStatus:
    """How a WebSocket was refused."""
    with pytest.raises(InvalidStatus) as refused:
        await open_at(server, path)
    return refused.value


# Socket.IO


async def test_websocket(wire: Wire) -> None:
    """A client on WebSocket is served natively: text, binary and large messages, both ways."""
    client = await wire.websocket()
    await client.connect()
    assert await client.ask('420["transport"]') == f'430[{{"status":"ok","data":"{NATIVELY}"}}]'
    assert await client.is_served()
    for size in (0, 1, 125, 126, 65_535, 65_536, 900_000):
        text = "x" * size
        assert await client.ask(f'42["back","{text}"]') == f'42["back","{text}"]'
        attachment = bytes(n % 251 for n in range(size))
        await client.send('451-["back",{"_placeholder":true,"num":0}]', attachment)
        assert await client.receive() == '451-["back",{"_placeholder":true,"num":0}]'
        assert await client.receive() == attachment


async def test_uvicorn_does_not_log_sessions(server: ServerProcess, wire: Wire) -> None:
    """It tells of the app's own WebSockets, and nothing of those whose address names a session."""
    client = await wire.polling()
    probe = await wire.probe(client.sid)
    assert await probe.ask("2probe") == "3probe"
    async with open_at(server, "/echo?logged"):
        await asyncio.to_thread(server.wait_for, '"WebSocket /echo?logged" [accepted]')
    assert f'"WebSocket /socket.io/?EIO=4&transport=websocket&sid={client.sid}' not in server.log
    await client.send("1")


async def test_upgrade(wire: Wire) -> None:
    """A client that begins by polling goes on natively; what was sent before the upgrade is over arrives, in order."""
    client = await wire.polling()
    await client.connect()
    probe = await wire.probe(client.sid)
    assert await probe.ask("2probe") == "3probe"
    await client.send('42["back",1]', '42["back",2]')
    heard: list[str | bytes] = [await client.receive()]
    poll = await client.pending() if len(client._inbox) == 0 else None
    await probe.send("5")
    if poll is not None:
        heard += [packet for packet in (await poll).packets if packet != "6"]
    heard += client._inbox
    await probe.send('42["back",3]')
    while '42["back",3]' not in heard:
        heard.append(await probe.receive())
    assert heard == [f'42["back",{n}]' for n in (1, 2, 3)]
    assert await probe.ask('420["transport"]') == f'430[{{"status":"ok","data":"{NATIVELY}"}}]'


async def test_the_answer_to_the_handshake(wire: Wire) -> None:
    """It has the engine's cookie, no subprotocol and no extension, whatever is offered."""
    offers = {
        "sec-websocket-protocol": "first, second",
        "sec-websocket-extensions": "permessage-deflate; client_max_window_bits",
    }
    reply = await wire.upgrade(offers)
    assert reply.status == 101
    assert reply.headers["set-cookie"].startswith("io=")
    assert "sec-websocket-protocol" not in reply.headers
    assert "sec-websocket-extensions" not in reply.headers
    assert reply.headers["server"] == "uvicorn"


async def test_a_client_that_offers_all_that_browsers_offer(wire: Wire) -> None:
    """Compression and subprotocols are offered in vain."""
    client = await wire.websocket(compression="deflate", subprotocols=["first", "second"])
    await client.connect()
    assert client.connection.subprotocol is None
    text = "compressible " * 1000
    assert await client.ask(f'42["back","{text}"]') == f'42["back","{text}"]'


async def test_refusals(wire: Wire) -> None:
    """A handshake that is refused is answered by HTTP, with the reason in its body."""
    for query, message in (({"EIO": "3"}, "Unsupported protocol version"), ({"sid": NOBODY}, "Session ID unknown")):
        reply = await wire.upgrade(**query)
        assert (reply.status, reply.text) == (400, message)
    reply = await wire.upgrade({"origin": "https://elsewhere.example"})
    assert reply.error == (403, {"code": 4, "message": "Forbidden"})


async def test_the_end(wire: Wire) -> None:
    """Each way to leave is heard of with its reason, and answered with a close frame."""
    client = await wire.websocket(close_timeout=PATIENCE)
    sid = await client.connect()
    await client.connection.close(4321)
    assert client.close_code == 4321
    assert await wire.reason(sid) == "transport close"
    client = await wire.websocket()
    sid = await client.connect()
    client.connection.transport.abort()
    assert await wire.reason(sid) == "transport close"
    client = await wire.websocket()
    sid = await client.connect()
    await client.send('42["leave",true]')
    assert await client.rest() in ([], ["41"])
    assert client.close_code in (1000, 1005)
    assert await wire.reason(sid) == "server namespace disconnect"
    client = await wire.websocket()
    sid = await client.connect()
    await client.misbehave("nonsense")
    await client.gone()
    assert await wire.reason(sid) == "parse error"


async def test_bytes_before_the_accept(server_of: ServerOf) -> None:
    """A client that does not wait for the answer to its handshake loses nothing where the app takes its time."""
    server = server_of("app")
    async with Wire(server.url) as wire:
        connection = await wire.write("GET", headers=UPGRADE, transport="websocket", mark="slow")
        await asyncio.to_thread(server.wait_for, "EIO=4&transport=websocket&mark=slow waits")
        connection.write(masked(b"40"))
        assert (await connection.reply()).status == 101
        assert (await frame_from(connection.reader)).startswith(b'0{"sid"')
        assert (await frame_from(connection.reader)).startswith(b'40{"sid"')


def masked(payload: bytes) -> bytes:
    """A short text frame, masked with zeros."""
    return bytes((0x81, 0x80 | len(payload), 0, 0, 0, 0)) + payload


async def frame_from(reader: asyncio.StreamReader) -> bytes:
    """The payload of the next frame, which is a short one."""
    async with asyncio.timeout(5):
        _, size = await reader.readexactly(2)
        if size == 126:
            size = int.from_bytes(await reader.readexactly(2), "big")
        return await reader.readexactly(size)


async def test_a_client_that_goes_before_the_accept(server_of: ServerOf) -> None:
    """It is gone when the app lets it in, whether it says so or not; nothing of it stays."""
    server = server_of("app")
    async with Wire(server.url) as wire:
        client = await wire.websocket()
        await client.connect()
        before = json.loads((await client.ask('420["connections"]'))[3:])[0]["data"]
        for number, last_words in enumerate((b"", masked(b"40"))):
            connection = await wire.write("GET", headers=UPGRADE, transport="websocket", mark=f"slow{number}")
            await asyncio.to_thread(server.wait_for, f"mark=slow{number} waits")
            connection.write(last_words)
            await connection.writer.drain()
            connection.writer.transport.abort()
            await asyncio.to_thread(server.wait_for, f"mark=slow{number} saw websocket.connect websocket.accept.")
        assert json.loads((await client.ask('420["connections"]'))[3:])[0]["data"] <= before


# middleware


async def test_middleware_around(server_of: ServerOf) -> None:
    """A header that a middleware adds to the accept arrives; what it sees of a WebSocket ends with the handshake."""
    server = server_of("app")
    async with Wire(server.url) as wire:
        reply = await wire.upgrade(mark="around")
        assert (reply.status, reply.headers["x-added"]) == (101, "by a middleware")
        client = await wire.websocket(query={"mark": "over"})
        await client.connect()
        line = "/socket.io/ EIO=4&transport=websocket&mark=over saw websocket.connect websocket.accept."
        await asyncio.to_thread(server.wait_for, line)
        assert await client.is_served()


@pytest.mark.parametrize("path", ["/socket.io/?EIO=4&transport=websocket&middleware=", "/echo?middleware="])
async def test_middleware_that_refuses(path: str, server_of: ServerOf) -> None:
    """By closing before the accept, by an answer of its own, in place of the accept, or by a crash."""
    server = server_of("app")
    assert (await status(server, path + "close")).response.status_code == 403
    answer = (await status(server, path + "answer")).response
    assert (answer.status_code, answer.body, answer.headers["x-reason"]) == (451, b"by order", "the law")
    assert (await status(server, path + "crash")).response.status_code == 500
    assert (await status(server, path + "replace")).response.status_code == 403
    async with Wire(server.url) as wire:
        client = await wire.websocket()
        await client.connect()
        assert await client.is_served()


async def test_sessions(server_of: ServerOf) -> None:
    """A session that an HTTP request has begun is there for a WebSocket."""
    server = server_of("app")
    async with Wire(server.url) as wire:
        connection = await wire.connection()
        head = f"host: 127.0.0.1:{server.port}\r\nconnection: close\r\n\r\n"
        connection.write(f"GET /log-in?name=Ada HTTP/1.1\r\n{head}".encode())
        cookie = (await connection.reply()).headers["set-cookie"].partition(";")[0]
    async with open_at(server, "/session", additional_headers={"cookie": cookie}) as websocket:
        assert await websocket.recv() == "Ada"
    async with open_at(server, "/session") as websocket:
        assert await websocket.recv() == "nobody's"


# the app's own WebSockets


async def echoes(websocket: ClientConnection) -> None:
    """Text, binary, large, fragmented and many messages come back as they were."""
    fragmented: list[tuple[list[str] | list[bytes], str | bytes]] = [
        (["a", "", "é" * 40_000, "z"], "a" + "é" * 40_000 + "z"),
        ([b"", b"\x00" * 70_000, b"z"], b"\x00" * 70_000 + b"z"),
    ]
    for message in ("", "one", "two é \N{HORSE}", b"", b"\x00\xff", "x" * 2_000_000, b"y" * 2_000_000):
        await websocket.send(message)
        assert await websocket.recv() == message
    for parts, whole in fragmented:
        await websocket.send(parts)
        assert await websocket.recv() == whole
    for number in range(200):
        await websocket.send(str(number))
    assert [await websocket.recv() for _ in range(200)] == [str(number) for number in range(200)]
    await (await websocket.ping())


@pytest.mark.parametrize("path", ["/echo", "/starlette/echo"])
@pytest.mark.parametrize("compression", ["deflate", None])
async def test_other_websockets(path: str, compression: str | None, server: ServerProcess) -> None:
    """They go on by ASGI, with uvicorn's permessage-deflate, which is on unless it is turned off."""
    async with asyncio.timeout(30), open_at(server, path, compression=compression) as websocket:
        assert websocket.response is not None
        offered = "permessage-deflate" in websocket.response.headers.get("sec-websocket-extensions", "")
        assert offered == (compression is not None)
        await echoes(websocket)
        await websocket.close(4321)
    await asyncio.to_thread(server.wait_for, "the echo heard 4321")


async def test_subprotocols_of_other_websockets(server: ServerProcess) -> None:
    """An endpoint chooses of what is offered."""
    async with open_at(server, "/echo", subprotocols=["first", "second"]) as websocket:
        assert websocket.subprotocol == "second"


async def test_refusals_of_other_websockets(server: ServerProcess) -> None:
    """An endpoint refuses with 403 or with an answer of its own; one that is not there, and one that crashes."""
    assert (await status(server, "/refuse")).response.status_code == 403
    answer = (await status(server, "/refuse-with-words")).response
    assert (answer.status_code, answer.body, answer.headers["x-reason"]) == (418, b"not today", "tea")
    assert (await status(server, "/nowhere")).response.status_code == 403
    assert (await status(server, "/crash")).response.status_code == 500


async def test_close_of_other_websockets(server: ServerProcess) -> None:
    """An endpoint closes with a code and a reason, and the connection ends."""
    async with open_at(server, "/close") as websocket:
        with pytest.raises(ConnectionClosed):
            await websocket.recv()
        assert (websocket.close_code, websocket.close_reason) == (4001, "enough")


# how the class is named, and what is logged


def transport_of(server: ServerProcess) -> str:
    """The class that serves a client's WebSocket."""

    async def ask() -> str:
        async with Wire(server.url) as wire:
            client = await wire.websocket()
            await client.connect()
            answer = await client.ask('420["transport"]')
            assert isinstance(answer, str)
            name: str = json.loads(answer[3:])[0]["data"]
            return name

    return asyncio.run(ask())


NATIVE_LINE = "Socket.IO: WebSockets are served natively"
ASGI_LINE = (
    "Socket.IO: WebSockets are served by ASGI; `whinny run`, or uvicorn with --ws "
    "whinny.serving.uvicorn:WebSocketProtocol, serves them natively, in about half the time"
)


@pytest.mark.parametrize(
    ("by", "args", "env", "name"),
    [
        ("whinny", [], {}, NATIVELY),
        ("native", [], {}, NATIVELY),
        ("uvicorn", [], {"UVICORN_WS": NATIVE}, NATIVELY),
        ("uvicorn", [], {}, BY_ASGI),
        ("uvicorn", ["--ws", "websockets-sansio"], {}, BY_ASGI),
        ("uvicorn", ["--ws", "wsproto"], {}, BY_ASGI),
        ("hypercorn", ["--workers", "0"], {}, BY_ASGI),
    ],
)
def test_the_log_says_how_websockets_are_served(by: Kind, args: list[str], env: dict[str, str], name: str) -> None:
    """Once, at the start, and it is true."""
    # Hypercorn sets up no logging for its app, so that is the app's own matter there.
    app = "logging_itself" if by == "hypercorn" else "plain"
    with serve(f"apps.contract:{app}", by=by, args=args, env=env) as server:
        assert transport_of(server) == name
        check_line(server.log, name)


def check_line(log: str, name: str) -> None:
    expected, other = (NATIVE_LINE, ASGI_LINE) if name == NATIVELY else (ASGI_LINE, NATIVE_LINE)
    assert log.count(expected) == 1, log
    assert other not in log


@pytest.mark.skipif(sys.platform == "win32", reason="gunicorn needs fork()")
@pytest.mark.parametrize(
    ("worker", "name"), [("apps.contract_worker.Worker", NATIVELY), ("uvicorn_worker.UvicornWorker", BY_ASGI)]
)
def test_gunicorn(worker: str, name: str) -> None:
    """Gunicorn's uvicorn worker is told of the class by its CONFIG_KWARGS; it shuts down in order."""
    with gunicorn("apps.contract:plain", worker) as server:
        assert transport_of(server) == name
        check_line(server.log, name)
        assert server.stop(timeout=25) < 13  # by itself gunicorn would wait for half a minute
        assert "Traceback" not in server.log, server.log


@contextmanager
def gunicorn(app: str, worker: str) -> Iterator[ServerProcess]:
    """The app in one worker process of gunicorn's."""
    port = free_port()
    argv = ["-m", "gunicorn", app, "-k", worker, "-b", f"127.0.0.1:{port}", "--no-control-socket"]
    server = ServerProcess(port, [sys.executable, *argv], environment())
    try:
        server.start()
        yield server
    finally:
        server.stop(signal.SIGKILL)
        server.output.close()


# the seam


def uvicorn_has(thing: object, *names: str) -> None:
    """Fail in words that say what to look at when a new uvicorn has not what is relied on."""
    for name in names:
        assert hasattr(thing, name), (
            f"uvicorn {uvicorn.__version__} has no {name!r} in {type(thing).__name__} any more: "
            "whinny/serving/uvicorn.py relies on it and must be adapted before this release is allowed"
        )


class Socket(asyncio.Transport):
    """Takes down what is written."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0


REQUEST = "GET /a?b=c HTTP/1.1\r\nhost: here\r\n" + "".join(f"{name}: {value}\r\n" for name, value in UPGRADE.items())


class Handshake:
    """One handshake with uvicorn's own class, or another `kind`; `app` is the ASGI app."""

    def __init__(
        self,
        app: Any,
        more: str = "",
        kind: Any = WebSocketsSansIOProtocol,
        target: str = "/a?b=c",
        **settings: Any,
    ) -> None:
        config = Config(app, log_config=None, lifespan="off", **settings)
        config.load()
        self.state = ServerState()
        self.protocol = kind(config=config, server_state=self.state, app_state={})
        self.socket = Socket()
        self.protocol.connection_made(self.socket)
        self.protocol.data_received(f"{REQUEST}{more}\r\n".replace("/a?b=c", target).encode())

    async def over(self) -> None:
        """Wait for the app, and for whatever answers in its place."""
        while self.state.tasks:
            await asyncio.wait(self.state.tasks)
            await asyncio.sleep(0)


async def test_what_is_relied_on_in_uvicorns_class() -> None:
    """It makes a scope, queues `websocket.connect`, and runs `app` with its `scope` in a task, a turn later."""
    began: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        began.append(scope)
        assert handshake.protocol.queue.empty()
        await send({"type": "websocket.close"})

    async def nobody(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    handshake = Handshake(nobody)
    names = "app", "tasks", "connections", "transport", "queue", "loop", "scope", "disconnected"
    uvicorn_has(handshake.protocol, *names)
    uvicorn_has(handshake.protocol, "handle_connect", "connection_made", "data_received", "connection_lost")
    uvicorn_has(handshake.protocol, "send", "receive", "shutdown", "on_task_complete")
    assert handshake.protocol in handshake.state.connections
    assert handshake.protocol.queue.get_nowait() == {"type": "websocket.connect"}
    assert len(handshake.state.tasks) == 1
    handshake.protocol.app = app
    handshake.protocol.scope = other = {**handshake.protocol.scope}
    await handshake.over()
    assert len(began) == 1
    assert began[0] is other
    assert handshake.socket.written[0].startswith(b"HTTP/1.1 403 ")


async def test_the_scope_is_uvicorns() -> None:
    """An app sees the same scope by either class, but for the offer of the socket."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        await receive()
        await send({"type": "websocket.close"})

    more = "sec-websocket-protocol: first,second\r\nsec-websocket-protocol: third\r\nx-odd:  two  words\t\r\n"
    target = "/socket.io/a%20b%C3%A9/%2F?c=%20d&e=/"
    for root_path in ("", "/under"):
        for kind in (WebSocketsSansIOProtocol, WebSocketProtocol):
            await Handshake(app, more, kind, target, root_path=root_path).over()
    for theirs, ours in zip(seen[::2], seen[1::2], strict=True):
        assert ours["extensions"].pop(SOCKET_EXTENSION)
        assert ours == theirs
        assert ours["subprotocols"] == ["first", "second", "third"]


async def test_the_app_begins_when_uvicorn_is_done_with_the_socket() -> None:
    """Not before `data_received` has returned, where tasks start eagerly too (Python 3.12 has such)."""
    began: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        began.append(scope)
        await receive()
        await send({"type": "websocket.close"})

    if factory := getattr(asyncio, "eager_task_factory", None):
        asyncio.get_running_loop().set_task_factory(factory)
    handshake = Handshake(app, kind=WebSocketProtocol)
    assert began == []
    await handshake.over()
    assert len(began) == 1


async def test_the_answer_is_uvicorns() -> None:
    """A client is let in with the same headers by either class."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if ask := scope["extensions"].get(SOCKET_EXTENSION):
            ask(lambda socket, answer, open_sockets: socket.write(answer))
        headers = [(b"Set-Cookie", b"a=b"), (b"set-cookie", "c=é".encode("latin-1")), (b"x-empty", b"")]
        await send({"type": "websocket.accept", "subprotocol": "second", "headers": headers})

    answers = []
    for kind in (WebSocketsSansIOProtocol, WebSocketProtocol):
        handshake = Handshake(app, kind=kind)
        await handshake.over()
        first, *lines = b"".join(handshake.socket.written).removesuffix(b"\r\n\r\n").split(b"\r\n")
        assert first == b"HTTP/1.1 101 Switching Protocols"
        answers.append(sorted((name.lower(), value) for name, _, value in (line.partition(b": ") for line in lines)))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("header", [(b"x-split", b"a\r\nset-cookie: b=c"), (b"x-split\r\nx", b"a"), (b"x\0", b"")])
async def test_an_answer_that_would_be_two(header: tuple[bytes, bytes]) -> None:
    """A header with a line's end in it is refused: the client gets an error, and nothing of the header."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        scope["extensions"][SOCKET_EXTENSION](lambda *_: None)
        await send({"type": "websocket.accept", "headers": [header]})

    handshake = Handshake(app, kind=WebSocketProtocol)
    await handshake.over()
    written = b"".join(handshake.socket.written)
    assert written.startswith(b"HTTP/1.1 500 ")
    assert b"x-split" not in written


def test_the_server_tells_its_connections_of_the_end() -> None:
    """Whatever is in its table is told by `shutdown`, and waited for as long as it is there."""
    source = inspect.getsource(uvicorn.Server)
    assert "self.server_state.connections" in source
    assert "connection.shutdown()" in source


# middleware that goes on after the accept


async def fails(app: Any, scope: Any, receive: Any, send: Any) -> None:
    """Fails when the endpoint is done."""
    await app(scope, receive, send)
    raise ValueError("a middleware fails")


async def goes_on(app: Any, scope: Any, receive: Any, send: Any) -> None:
    """Receives and sends when the endpoint is done: the client is gone, as far as it is concerned."""
    await app(scope, receive, send)
    assert (await receive())["type"] == "websocket.disconnect"
    with pytest.raises(ClientDisconnected):
        await send({"type": "websocket.send", "text": "for nobody"})


async def sends_more(app: Any, scope: Any, receive: Any, send: Any) -> None:
    """Sends a greeting behind the accept."""

    async def greet(message: Any) -> None:
        await send(message)
        await send({"type": "websocket.send", "text": "for nobody"})

    await app(scope, receive, greet)


async def sends_later(app: Any, scope: Any, receive: Any, send: Any) -> None:
    """Passes messages on when the endpoint is done."""
    messages: list[Any] = []

    async def keep(message: Any) -> None:
        messages.append(message)

    await app(scope, receive, keep)
    for message in messages:
        await send(message)


async def watches(app: Any, scope: Any, receive: Any, send: Any) -> None:
    """Waits for the client's end in a task of its own, from the beginning on, as some middleware does."""
    received: asyncio.Queue[Any] = asyncio.Queue()

    async def pump() -> None:
        while True:
            received.put_nowait(message := await receive())
            if message["type"] == "websocket.disconnect":
                return

    watching = asyncio.create_task(pump())
    await asyncio.sleep(0.01)
    await app(scope, received.get, send)
    assert (await received.get())["type"] == "websocket.disconnect"
    await watching


async def hides_the_offer(app: Any, scope: Any, receive: Any, send: Any) -> None:
    """Knows the extensions of the specification only."""
    await app({**scope, "extensions": {"websocket.http.response": {}}}, receive, send)


@pytest.mark.parametrize("middleware", [fails, goes_on, sends_more, sends_later, watches, hides_the_offer])
async def test_middleware_after_the_accept(middleware: Any) -> None:
    """Whatever it does then, the client is served; natively, unless the app could not ask for the socket."""
    inner = ServiceManager().get(PlainController).attach()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await (middleware(inner, scope, receive, send) if scope["type"] == "websocket" else inner(scope, receive, send))

    async with running(app) as host, Wire(host.url) as wire:
        client = await wire.websocket()
        await client.connect()
        assert await client.ask('420["echo","hello"]') == '430[{"status":"ok","data":"hello"}]'
        [connection] = inner.server.engine.connections.values()
        assert type(connection.transport).__name__ == (BY_ASGI if middleware is hides_the_offer else NATIVELY)
        await client.connection.close()


class Pending:
    """An app that takes down what it receives, and does as it is told: accept, close or wait."""

    def __init__(self, *steps: str) -> None:
        self.steps = steps
        self.received: list[Any] = []
        self.waits = asyncio.Event()  # for what comes after the connect
        self.ended = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            for step in self.steps:
                if step == "receive":
                    self.received.append((await receive())["type"].removeprefix("websocket."))
                    self.waits.set()
                elif step == "wait":
                    await asyncio.sleep(0.05)
                else:
                    await send({"type": f"websocket.{step}"})
        finally:
            self.ended.set()


@pytest.mark.parametrize("kind", [WebSocketsSansIOProtocol, WebSocketProtocol])
@pytest.mark.parametrize(
    ("steps", "gone", "expected"),
    [
        (["receive", "accept", "receive"], False, ["connect", "receive"]),
        (["accept", "receive", "receive"], False, ["connect", "receive"]),
        (["wait", "receive", "receive"], True, ["connect", "disconnect"]),
        (["receive", "receive"], True, ["connect", "disconnect"]),
        (["receive", "wait", "receive"], True, ["connect", "disconnect"]),
        (["close", "receive", "receive"], False, ["connect", "disconnect"]),
    ],
)
async def test_what_an_app_receives(kind: Any, steps: list[str], gone: bool, expected: list[str]) -> None:
    """The connect first, once, whenever the app asks, and then what comes; as from uvicorn's own class."""
    app = Pending(*steps)
    async with running(app, kind=kind, lifespan="off") as host:
        reader, writer = await asyncio.open_connection("127.0.0.1", host.listener.getsockname()[1])
        writer.write(f"{REQUEST}\r\n".encode())
        await asyncio.sleep(0.02)
        if gone:
            writer.transport.abort()
        elif "accept" in steps:
            assert b" 101 " in await reader.readline()
            writer.write(masked(b"hi"))
        async with asyncio.timeout(5):
            await app.ended.wait()
            assert app.received == expected
            writer.close()
            await host.empty()


async def test_a_websocket_is_one_task() -> None:
    """It counts once in uvicorn's limit_concurrency, whichever class serves it."""
    app = Pending("receive", "accept", "receive")
    async with running(app, lifespan="off") as host:
        reader, writer = await asyncio.open_connection("127.0.0.1", host.listener.getsockname()[1])
        writer.write(f"{REQUEST}\r\n".encode())
        assert b" 101 " in await reader.readline()
        assert len(host.server.server_state.tasks) == 1
        writer.close()


@pytest.mark.parametrize("end", ["abort", "shutdown"])
@pytest.mark.parametrize("header", ["sec-websocket-extensions: a b", "content-length: 5"])
async def test_a_request_that_only_uvicorn_refuses(header: str, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the two differ about a request while the app waits, it is refused, and nothing stays."""
    monkeypatch.setattr("whinny.serving.uvicorn.read_opening", lambda data: read_opening(REQUEST.encode() + b"\r\n"))
    app = Pending("receive", "receive", "receive")
    async with running(app, lifespan="off") as host:
        reader, writer = await asyncio.open_connection("127.0.0.1", host.listener.getsockname()[1])
        writer.write(f"{REQUEST}{header}\r\n\r\n".encode())
        await app.waits.wait()
        if end == "abort":
            writer.transport.abort()
            async with asyncio.timeout(5):
                await host.empty()
        else:
            assert await host.stop(within=20) < 10
            assert b" 400 " in await reader.read()
        await asyncio.wait_for(app.ended.wait(), 5)
        assert not host.server.server_state.tasks
        writer.close()


async def test_a_request_with_a_body() -> None:
    """It is refused: what follows might be a body to whoever stands between, and frames to us."""
    async with running(Pending("receive"), lifespan="off") as host:
        reader, writer = await asyncio.open_connection("127.0.0.1", host.listener.getsockname()[1])
        writer.write(f"{REQUEST}content-length: 5\r\n\r\n".encode() + masked(b"hi"))
        async with asyncio.timeout(5):
            assert b" 400 " in await reader.read()
            await host.empty()
        writer.close()


# the sockets that are nobody's


async def test_a_socket_that_is_taken_badly() -> None:
    """Where the app fails while it takes the socket, it is dropped."""

    def take(socket: Any, answer: Any, open_sockets: Any) -> None:
        raise ValueError("the app fails")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        scope["extensions"][SOCKET_EXTENSION](take)
        await send({"type": "websocket.accept"})

    handshake = Handshake(app, kind=WebSocketProtocol)
    await handshake.over()
    assert handshake.socket.closed


class Endpoint:
    """Sends more than the system's buffers hold, and is done."""

    SIZE = 20_000_000

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "bytes": b"x" * self.SIZE})


async def test_a_client_that_reads_slowly_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets all that was sent, in as much time as it takes; one that reads nothing is cut off."""
    monkeypatch.setattr("whinny.serving.uvicorn.DRAIN_TIMEOUT", 3.0)
    async with running(Endpoint(), lifespan="off") as host:
        port = host.listener.getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=65536)
        idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        for each in (writer, idle_writer):
            each.write(f"{REQUEST}\r\n".encode())
        read = 0
        while data := await reader.read(200_000):
            read += len(data)
            await asyncio.sleep(0.05)  # so that it is looked at more than once, every three seconds
        assert read > Endpoint.SIZE
        async with asyncio.timeout(20):
            await host.empty()
        with suppress(ConnectionError):
            assert len(await idle_reader.read()) < Endpoint.SIZE
        writer.close()
        idle_writer.close()
