"""Handlers that fail, hang or outlive their client: what is logged, who notices, and what stays behind."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from support.answers import MASKED
from unit.apps import attach
from unit.clock import in_fake_time, run, turns
from unit.fakes import FakeClient
from whinny import (
    ClientDisconnected,
    Server,
    ServerOptions,
    SocketIOController,
    WebsocketContext,
    WebsocketErrorResponse,
    WebsocketResponse,
    event_name,
    websocket_hook,
    ws_controller,
)
from whinny.engine import Connection
from whinny.protocol import Ack, ConnectError, Event, Packet
from whinny.server import Socket
from whinny.server.client import Client
from whinny.server.server import GRACE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from whinny.types import DisconnectReason

LEAVING: dict[str, Callable[[FakeClient], None]] = {
    "the namespace": lambda client: client.connection.receive("41"),
    "the connection": lambda client: client.connection.receive("1"),
    "without a word": lambda client: client.connection.end("transport error"),
}


@pytest.fixture(autouse=True)
def no_unawaited_coroutines() -> Any:
    """What is never awaited says so when it is collected: then a test of this file, not a later one, fails."""
    yield
    gc.collect()


def paused(client: FakeClient) -> bool:
    """Whether the server reads nothing of this client."""
    return client.transport.paused


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The loggers' lines above info level, whosever they are."""
    return [record.getMessage() for record in caplog.records if record.levelno > logging.INFO]


# who fails


class Failing(SocketIOController):
    """Fails wherever the payload says, or its client's auth."""

    def fail(self, ctx: WebsocketContext, place: str) -> None:
        if ctx.payload == place:
            raise LookupError(place)

    def before(self, ctx: WebsocketContext, services: object) -> Callable[[Any], Awaitable[None]]:
        self.fail(ctx, "hook")

        async def after(response: object) -> None:
            self.fail(ctx, "post function")
            await asyncio.sleep(1)
            self.fail(ctx, "post function, later")

        return after

    @event_name("go")
    @websocket_hook(lambda ctx, services: ctx.controller.before(ctx, services))
    async def go(self, ctx: WebsocketContext) -> WebsocketResponse:
        self.fail(ctx, "method")
        await asyncio.sleep(1)
        self.fail(ctx, "method, later")
        match ctx.payload:
            case "task group":
                async with asyncio.TaskGroup() as group:
                    group.create_task(asyncio.sleep(100))
                    group.create_task(asyncio.to_thread(int, "x"))
            case "timeout":
                async with asyncio.timeout(1):
                    await asyncio.Event().wait()
            case "cancelled by hand":
                raise asyncio.CancelledError
            case "cancelled future":
                future = asyncio.get_running_loop().create_future()
                future.cancel()
                await future
            case "answer":
                return WebsocketResponse(object())
        return WebsocketResponse("fine")

    @event_name("go now")
    @websocket_hook(lambda ctx, services: ctx.controller.fail(ctx, "hook"))
    @websocket_hook(lambda ctx, services: lambda response: ctx.controller.fail(ctx, "post function"))
    def go_now(self, ctx: WebsocketContext) -> WebsocketResponse:
        self.fail(ctx, "method")
        if ctx.payload == "cancelled by hand":
            raise asyncio.CancelledError
        return WebsocketResponse(object() if ctx.payload == "answer" else "fine")


PLACES = [
    ("go", "hook"),
    ("go", "method"),
    ("go", "method, later"),
    ("go", "post function"),
    ("go", "post function, later"),
    ("go", "task group"),
    ("go", "timeout"),
    ("go", "cancelled by hand"),
    ("go", "cancelled future"),
    ("go", "answer"),
    ("go now", "hook"),
    ("go now", "method"),
    ("go now", "post function"),
    ("go now", "cancelled by hand"),
    ("go now", "answer"),
]


@pytest.mark.parametrize(("event", "place"), [place for place in PLACES if place[1] != "task group"])
@in_fake_time
async def test_a_failing_event_is_one_log_line_and_harms_nobody(
    event: str, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Wherever it fails: one record at error level, the masked answer, and all other events go on, its client's too."""
    server = attach(Failing)
    client, other = FakeClient(server), FakeClient(server)
    client.connect()
    other.connect()
    client.emit(event, "fine", ack_id=1)
    client.emit(event, place, ack_id=2)
    client.emit(event, "fine", ack_id=3)
    other.emit(event, "fine", ack_id=4)
    await asyncio.sleep(5)
    fine = {"status": "ok", "data": "fine"}
    assert client.acks() == {1: fine, 2: MASKED, 3: fine}
    assert other.acks() == {4: fine}
    assert len(errors(caplog)) == 1
    assert len(server.tasks) == 0


async def test_a_task_group_that_fails_is_one_log_line(caplog: pytest.LogCaptureFixture) -> None:
    """With tasks and threads of its own, an event that fails leaves none of its tasks."""
    server = attach(Failing)
    client = FakeClient(server)
    client.connect()
    before = asyncio.all_tasks()
    client.emit("go", "task group", ack_id=1)
    await server.tasks.finish(10)
    assert client.acks() == {1: MASKED}
    assert len(errors(caplog)) == 1
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("way", LEAVING)
@pytest.mark.parametrize("place", ["method, later", "post function, later", "timeout", "cancelled by hand"])
@in_fake_time
async def test_a_failure_after_the_client_has_gone_is_one_log_line(
    place: str, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The error of an event whose client is not there any more is logged like any other."""
    server = attach(Failing)
    client = FakeClient(server)
    client.connect()
    client.emit("go", place, ack_id=1)
    await turns()
    LEAVING[way](client)
    await asyncio.sleep(5)
    assert len(errors(caplog)) == 1
    assert client.acks() == {}
    assert len(server.tasks) == 0


@pytest.mark.parametrize("way", LEAVING)
@in_fake_time
async def test_a_client_that_leaves_is_no_error(way: str, caplog: pytest.LogCaptureFixture) -> None:
    """Events that answer after their client has gone log nothing above info level, not even an answer that is wrong."""
    server = attach(Failing)
    client = FakeClient(server)
    client.connect()
    client.emit("go", "fine", ack_id=1)
    client.emit("go", "answer", ack_id=2)
    await turns()
    LEAVING[way](client)
    await asyncio.sleep(5)
    assert errors(caplog) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("later", [False, True])
def test_an_async_method_can_end_the_process(error: type[BaseException], later: bool) -> None:
    """KeyboardInterrupt and SystemExit of an `async def` leave the event loop, as those of any task do."""

    class Root(SocketIOController):
        @event_name("end")
        async def end(self) -> None:
            await asyncio.sleep(later)
            raise error

    async def main() -> None:
        client = FakeClient(attach(Root))
        client.connect()
        client.emit("end")
        await asyncio.sleep(5)
        raise AssertionError("the loop goes on")

    with pytest.raises(error):
        run(main())


class Own(BaseException):
    """An app's own, which is no Exception."""


class Ending(SocketIOController):
    """Raises what its test has put into `error`, wherever the payload or the client's auth says."""

    error: type[BaseException]

    def fail(self, here: object, place: str) -> None:
        if here == place:
            raise self.error(place)

    def before(self, ctx: WebsocketContext, services: object) -> Callable[[Any], None]:
        self.fail(ctx.payload, "hook")
        return lambda response: self.fail(ctx.payload, "post function")

    @event_name("go")
    @websocket_hook(lambda ctx, services: ctx.controller.before(ctx, services))
    def go(self, ctx: WebsocketContext) -> WebsocketResponse:
        self.fail(ctx.payload, "method")
        if ctx.payload == "handle_error":
            raise LookupError
        return WebsocketResponse("fine")

    @event_name("go later")
    async def go_later(self, ctx: WebsocketContext) -> WebsocketResponse:
        await asyncio.sleep(1)
        self.fail(ctx.payload, "method, later")
        return WebsocketResponse("fine")

    def handle_error(self, error: Exception, ctx: WebsocketContext) -> None:
        self.fail(ctx.payload, "handle_error")

    def on_connection(self, ctx: WebsocketContext) -> None:
        self.fail(ctx.socket.handshake.auth.get("fail"), "on_connection")

    def on_disconnect(self, ctx: WebsocketContext, reason: DisconnectReason) -> None:
        self.fail(ctx.socket.handshake.auth.get("fail"), "on_disconnect")


def ending_by(kind: type[BaseException], **options: Any) -> Server:
    """A server whose controller raises this."""
    return attach(type("Root", (Ending,), {"error": kind, "options": ServerOptions(**options)}))


FINE = {"status": "ok", "data": "fine"}
EVENT_PLACES = [
    ("go", "hook"),
    ("go", "method"),
    ("go", "post function"),
    ("go", "handle_error"),
]
ENDING_THE_PROCESS = [KeyboardInterrupt, SystemExit]


@pytest.mark.parametrize(("event", "place"), EVENT_PLACES)
@pytest.mark.parametrize("kind", [GeneratorExit, Own])
@in_fake_time
async def test_what_is_no_exception_is_answered_like_one(
    kind: type[BaseException], event: str, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One record, the masked answer, and nobody else notices; its client's reader goes on."""
    server = ending_by(kind)
    client, other = FakeClient(server), FakeClient(server)
    client.connect()
    other.connect()
    client.emit(event, place, ack_id=1)
    client.emit("go", "nothing", ack_id=2)
    client.emit("go later", "nothing", ack_id=3)
    other.emit("go", "nothing", ack_id=4)
    await asyncio.sleep(2)
    assert client.acks() == {1: MASKED, 2: FINE, 3: FINE}
    assert other.acks() == {4: FINE}
    assert len(errors(caplog)) == 1
    assert len(server.tasks) == 0


@in_fake_time
async def test_what_is_no_exception_is_answered_in_a_task_too(caplog: pytest.LogCaptureFixture) -> None:
    """An `async def` that raises such an error is one log line and the masked answer."""
    server = ending_by(Own)
    client = FakeClient(server)
    client.connect()
    client.emit("go later", "method, later", ack_id=1)
    client.emit("go later", "nothing", ack_id=2)
    await asyncio.sleep(2)
    assert client.acks() == {1: MASKED, 2: FINE}
    assert len(errors(caplog)) == 1
    assert len(server.tasks) == 0


@pytest.mark.parametrize(("event", "place"), EVENT_PLACES)
@pytest.mark.parametrize("kind", ENDING_THE_PROCESS)
def test_a_def_can_end_the_process(kind: type[BaseException], event: str, place: str) -> None:
    """From the loop, not from the reader of the client, which reads on until then."""
    answers: list[dict[int | None, Any]] = []

    async def main() -> None:
        server = ending_by(kind)
        client, other = FakeClient(server), FakeClient(server)
        client.connect()
        other.connect()
        client.emit(event, place, ack_id=1)
        client.emit("go", "nothing", ack_id=2)
        other.emit("go", "nothing", ack_id=3)
        answers.extend((client.acks(), other.acks()))
        await asyncio.sleep(5)
        raise AssertionError("the loop goes on")

    with pytest.raises(kind, match=place):
        run(main())
    assert answers == [{1: MASKED, 2: FINE}, {3: FINE}]


@pytest.mark.parametrize("kind", [GeneratorExit, Own, *ENDING_THE_PROCESS])
def test_on_connection_that_raises_no_exception_refuses_its_client(
    kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """With the masked error and one record; others get in, until the loop ends if that is meant."""
    packets: list[Packet] = []
    checked: list[bool] = []  # a check that fails there is not seen when the loop ends before
    ends = kind in ENDING_THE_PROCESS

    async def main() -> None:
        server = ending_by(kind)
        client, other = FakeClient(server), FakeClient(server)
        client.send_connect(auth={"fail": "on_connection"})
        packets.extend(client.receive())
        assert other.connect()
        assert client.connect(), "its reader goes on: it may try again"
        assert len(server.of("/").sockets) == 2
        checked.append(True)
        await asyncio.sleep(5)
        if ends:
            raise AssertionError("the loop goes on")

    if ends:
        with pytest.raises(kind, match="on_connection"):
            run(main())
    else:
        run(main())
    assert checked
    [packet] = packets
    assert isinstance(packet, ConnectError)
    assert packet.data == {"message": MASKED["error"]["message"], "data": {"code": "INTERNAL_SERVER_ERROR"}}  # type: ignore[index]
    assert len(errors(caplog)) == 1


@pytest.mark.parametrize("way", LEAVING)
@pytest.mark.parametrize("kind", [GeneratorExit, Own, *ENDING_THE_PROCESS])
def test_on_disconnect_that_raises_no_exception_leaves_nothing(
    kind: type[BaseException], way: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The client is gone from every table, others stay, and one record tells of it."""
    checked: list[bool] = []
    ends = kind in ENDING_THE_PROCESS

    async def main() -> None:
        server = ending_by(kind)
        client, other = FakeClient(server), FakeClient(server)
        client.send_connect(auth={"fail": "on_disconnect"})
        client.receive()
        sid = other.connect()
        LEAVING[way](client)
        assert list(server.of("/").sockets) == [sid]
        assert not server.of("/").adapter._joined
        assert len(server.clients) == (2 if way == "the namespace" else 1)
        other.emit("go", "nothing", ack_id=1)
        assert other.acks() == {1: FINE}
        checked.append(True)
        await asyncio.sleep(5)
        if ends:
            raise AssertionError("the loop goes on")

    if ends:
        with pytest.raises(kind, match="on_disconnect"):
            run(main())
    else:
        run(main())
    assert checked
    assert len(errors(caplog)) == 1


@in_fake_time
async def test_the_end_of_the_server_survives_what_is_no_exception(caplog: pytest.LogCaptureFixture) -> None:
    """Each client's on_disconnect raises; all are gone, and each is a log line."""
    server = ending_by(Own)
    for _ in range(3):
        client = FakeClient(server)
        client.send_connect(auth={"fail": "on_disconnect"})
        client.receive()
    await close_in_time(server)
    assert not server.clients
    assert not server.of("/").sockets
    assert len(errors(caplog)) == 3


@pytest.mark.parametrize("kind", [GeneratorExit, Own, asyncio.CancelledError])
@in_fake_time
async def test_an_event_that_was_kept_back_may_raise_no_exception(
    kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """Those behind it run, and the client is read again."""
    server = ending_by(kind, max_concurrent_events=1)
    client = FakeClient(server)
    client.connect()
    client.emit("go later", "nothing", ack_id=1)
    client.emit("go", "method", ack_id=2)
    client.emit("go", "hook", ack_id=3)
    client.emit("go later", "nothing", ack_id=4)
    client.emit("go", "post function", ack_id=5)
    client.emit("go", "nothing", ack_id=6)
    assert paused(client)
    await asyncio.sleep(5)
    assert client.acks() == {1: FINE, 2: MASKED, 3: MASKED, 4: FINE, 5: MASKED, 6: FINE}
    assert not paused(client)
    assert len(errors(caplog)) == 3


@pytest.mark.parametrize("kind", ENDING_THE_PROCESS)
def test_an_event_that_was_kept_back_can_end_the_process(kind: type[BaseException]) -> None:
    """From the loop; the client is not left paused by it."""
    clients: list[FakeClient] = []

    async def main() -> None:
        client = FakeClient(ending_by(kind, max_concurrent_events=1))
        clients.append(client)
        client.connect()
        client.emit("go later", "nothing", ack_id=1)
        client.emit("go", "method", ack_id=2)
        client.emit("go", "nothing", ack_id=3)
        assert paused(client)
        await asyncio.sleep(5)
        raise AssertionError("the loop goes on")

    with pytest.raises(kind, match="method"):
        run(main())
    [client] = clients
    assert not paused(client)
    assert client.acks() == {1: FINE, 2: MASKED, 3: FINE}


# who comes and goes with several controllers


class Watching:
    """Notes what it hears of clients, and fails as it is told."""

    fail: type[BaseException] | None = None
    heard: list[str]

    def note(self, reason: str) -> None:
        self.heard.append(f"{type(self).__name__}: {reason}")
        if self.fail is not None:
            raise self.fail


class Plain(Watching):
    def on_disconnect(self, ctx: WebsocketContext, reason: DisconnectReason) -> None:
        self.note(reason)


class Later(Watching):
    async def on_disconnect(self, ctx: WebsocketContext, reason: DisconnectReason) -> None:
        await asyncio.sleep(1)
        self.note(reason)


class Giving(Watching):
    def on_disconnect(self, ctx: WebsocketContext, reason: DisconnectReason) -> Awaitable[None]:
        async def later() -> None:
            await asyncio.sleep(1)
            self.note(reason)

        return later()


WATCHING = [Plain, Later, Giving]
FAILURES = [None, LookupError, asyncio.CancelledError, Own]


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("third", WATCHING)
@pytest.mark.parametrize("second", WATCHING)
@pytest.mark.parametrize("first", WATCHING)
@in_fake_time
async def test_on_disconnect_runs_from_the_root_down(
    first: type, second: type, third: type, failure: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """One after the other, each whether `def` or `async def`; one that fails is a log line and keeps none from it."""
    heard: list[str] = []
    parts = {"heard": heard, "fail": failure}
    leaf = type("Leaf", (third,), parts)
    branch = type("Branch", (second,), {**parts, "sub_controllers": (leaf,)})
    server = attach(type("Root", (first, SocketIOController), {**parts, "sub_controllers": (branch, leaf)}))
    client = FakeClient(server)
    client.connect()
    client.connection.receive("1")
    await asyncio.sleep(5)
    assert heard == [f"{name}: transport close" for name in ("Root", "Branch", "Leaf")]
    assert len(errors(caplog)) == (0 if failure is None else 3)
    assert len(server.tasks) == 0


@in_fake_time
async def test_on_connection_that_is_cancelled_by_hand_refuses_its_client(caplog: pytest.LogCaptureFixture) -> None:
    """A `def` that raises CancelledError is an error like any other: masked, and one log line."""

    class Root(SocketIOController):
        def on_connection(self, ctx: WebsocketContext) -> None:
            raise asyncio.CancelledError

    server = attach(Root)
    client = FakeClient(server)
    assert not client.connect()
    client.send_connect()
    [packet] = client.receive()
    assert isinstance(packet, ConnectError)
    assert packet.data == {"message": MASKED["error"]["message"], "data": {"code": "INTERNAL_SERVER_ERROR"}}  # type: ignore[index]
    assert len(errors(caplog)) == 2
    assert not server.of("/").sockets


@pytest.mark.parametrize("value", [WebsocketErrorResponse("no"), WebsocketResponse(), False, "", 0])
@pytest.mark.parametrize("how", ["def", "async", "def that gives a coroutine", "of a sub-controller"])
@in_fake_time
async def test_on_connection_returns_nothing(how: str, value: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What it returns would be lost without a word: the client is refused, and the log says what to do instead."""

    async def later(self: object, ctx: WebsocketContext) -> Any:
        await asyncio.sleep(1)
        return value

    def returning(self: object, ctx: WebsocketContext) -> Any:
        return value

    def giving(self: object, ctx: WebsocketContext) -> Any:
        return later(self, ctx)

    methods: dict[str, Any] = {"def": returning, "async": later, "def that gives a coroutine": giving}
    if how in methods:
        parts: dict[str, Any] = {"on_connection": methods[how]}
    else:
        parts = {"sub_controllers": (type("Sub", (), {"on_connection": returning}),)}
    server = attach(type("Root", (SocketIOController,), parts))
    client = FakeClient(server)
    client.send_connect()
    await asyncio.sleep(2)
    [packet] = client.receive()
    assert isinstance(packet, ConnectError)
    assert packet.data == {"message": MASKED["error"]["message"], "data": {"code": "INTERNAL_SERVER_ERROR"}}  # type: ignore[index]
    [record] = [record for record in caplog.records if record.levelno > logging.INFO]
    assert "must return None; raise ConnectionRefused" in str(record.exc_text)
    assert not server.of("/").sockets


# who hangs


async def hang(*_: object) -> None:
    """What never ends by itself."""
    await asyncio.Event().wait()


class Hanging(SocketIOController):
    """Hangs wherever the payload says, and notes who was ended."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    async def hang(self, place: str) -> None:
        try:
            await hang()
        finally:
            self.ended.append(place)

    async def before(self, ctx: WebsocketContext, services: object) -> Callable[[Any], Any]:
        if ctx.payload == "hook":
            await self.hang("hook")
        return lambda response: self.hang("post function") if ctx.payload == "post function" else None

    @event_name("go")
    @websocket_hook(lambda ctx, services: ctx.controller.before(ctx, services))
    async def go(self, ctx: WebsocketContext) -> None:
        if ctx.payload == "method":
            await self.hang("method")
        elif ctx.payload == "question":
            try:
                await ctx.socket.emit_with_ack("question")
            finally:
                self.ended.append("question")
        elif ctx.payload == "handle_error":
            raise LookupError

    async def handle_error(self, error: Exception, ctx: WebsocketContext) -> None:
        if ctx.payload == "handle_error":
            await self.hang("handle_error")

    async def on_connection(self, ctx: WebsocketContext) -> None:
        if ctx.socket.handshake.auth.get("hang"):
            await self.hang("on_connection")

    async def on_disconnect(self, ctx: WebsocketContext, reason: DisconnectReason) -> None:
        if ctx.socket.data.get("hang"):
            await self.hang("on_disconnect")


def root(server: Server) -> Any:
    """The controller of the namespace `/`."""
    return server.of("/").handler._errors._root  # type: ignore[union-attr]


async def close_in_time(server: Server) -> None:
    """Close the server; it must take no longer than its two graces, and leave no task."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await server.close()
    assert loop.time() - began <= 2 * GRACE
    assert len(server.tasks) == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("leaves", [False, True])
@pytest.mark.parametrize("place", ["hook", "method", "post function", "handle_error"])
@in_fake_time
async def test_what_hangs_is_ended_with_the_server(place: str, leaves: bool, caplog: pytest.LogCaptureFixture) -> None:
    """An event goes on when its client leaves; when the server ends, it is cancelled within the grace, in silence."""
    server = attach(Hanging)
    client, other = FakeClient(server), FakeClient(server)
    client.send_connect()
    other.send_connect()
    await turns()
    client.emit("go", place, ack_id=1)
    await turns()
    if leaves:
        client.connection.receive("1")
    other.emit("go", "nothing")
    await asyncio.sleep(1)
    assert root(server).ended == []
    await close_in_time(server)
    assert root(server).ended == [place]
    assert errors(caplog) == []


@pytest.mark.parametrize("leaves", [False, True])
@in_fake_time
async def test_on_connection_that_hangs_is_ended_with_its_client(
    leaves: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether the client leaves or the server ends, at once and in silence."""
    server = attach(Hanging)
    client = FakeClient(server)
    client.send_connect(auth={"hang": True})
    await turns()
    if leaves:
        client.connection.receive("1")
        await turns()
        assert root(server).ended == ["on_connection"]
    await close_in_time(server)
    assert root(server).ended == ["on_connection"]
    assert errors(caplog) == []


@in_fake_time
async def test_on_disconnect_that_hangs_is_ended_with_the_server(caplog: pytest.LogCaptureFixture) -> None:
    """Of a client that left before, and of one that the server's end disconnects."""
    server = attach(Hanging)
    clients = [FakeClient(server) for _ in range(2)]
    for client in clients:
        client.send_connect()
    await turns()
    for socket in server.of("/").sockets.values():
        socket.data["hang"] = True
    clients[0].connection.receive("1")
    await turns()
    await close_in_time(server)
    assert root(server).ended == ["on_disconnect"] * 2
    assert errors(caplog) == []


class Starting(SocketIOController):
    """Notes which of its events were started, and hangs."""

    options = ServerOptions(max_concurrent_events=2)

    def __init__(self) -> None:
        self.started: list[Any] = []

    @event_name("go")
    async def go(self, ctx: WebsocketContext) -> None:
        self.started.append(ctx.payload)
        await hang()

    @event_name("ask")
    async def ask(self, ctx: WebsocketContext) -> None:
        self.started.append(ctx.payload)
        await ctx.socket.emit_with_ack("question")

    @event_name("now")
    def now(self, ctx: WebsocketContext) -> None:
        self.started.append(ctx.payload)


@pytest.mark.parametrize("event", ["go", "ask"])
@pytest.mark.parametrize("kept", ["go", "ask", "now"])
@in_fake_time
async def test_the_end_of_the_server_starts_nothing(event: str, kept: str) -> None:
    """Events that wait for others to end are dropped when the server ends; only those that ran are ended."""
    server = attach(Starting)
    clients = [FakeClient(server) for _ in range(2)]
    for client in clients:
        client.connect()
        for number in range(6):
            client.emit(event if number < 2 else kept, number)
    await turns()
    assert sorted(root(server).started) == [0, 0, 1, 1]
    await close_in_time(server)
    await turns()
    assert sorted(root(server).started) == [0, 0, 1, 1]
    assert not server.clients


@in_fake_time
async def test_who_will_not_be_cancelled_does_not_hold_up_the_end() -> None:
    """A method that goes on when it is cancelled is left alone after a moment."""
    over = asyncio.Event()

    class Root(SocketIOController):
        @event_name("go")
        async def go(self) -> None:
            while not over.is_set():
                try:
                    await over.wait()
                except asyncio.CancelledError:
                    continue

    server = attach(Root)
    client = FakeClient(server)
    client.connect()
    client.emit("go")
    await turns()
    loop = asyncio.get_running_loop()
    began = loop.time()
    await server.close()
    assert loop.time() - began <= 2 * GRACE + 1
    over.set()
    await turns()
    assert len(server.tasks) == 0


@pytest.mark.parametrize("way", LEAVING)
@in_fake_time
async def test_a_question_ends_with_its_client(way: str, caplog: pytest.LogCaptureFixture) -> None:
    """ClientDisconnected ends the method that asked; not caught, it is one log line like any error."""
    server = attach(Hanging)
    client = FakeClient(server)
    client.send_connect()
    await turns()
    client.emit("go", "question", ack_id=1)
    await turns()
    LEAVING[way](client)
    await turns()
    assert root(server).ended == ["question"]
    assert len(errors(caplog)) == 1
    assert len(server.tasks) == 0


@in_fake_time
async def test_a_question_to_many_goes_on_without_who_leaves(caplog: pytest.LogCaptureFixture) -> None:
    """Of a room, those who are left answer; also when it is the asking event's own client that leaves."""
    answers: list[list[Any]] = []

    class Root(SocketIOController):
        @event_name("ask all")
        async def ask_all(self, ctx: WebsocketContext) -> None:
            answers.append(await ctx.socket.namespace.emit_with_ack("question", timeout=100))

    server = attach(Root)
    asking, answering, leaving = (FakeClient(server) for _ in range(3))
    for client in (asking, answering, leaving):
        client.connect()
    asking.emit("ask all")
    await turns()
    [question] = answering.receive()
    assert isinstance(question, Event)
    leaving.connection.receive("1")
    asking.connection.receive("41")
    await turns()
    assert answers == []
    answering.send(Ack("/", ["mine"], question.id))
    await turns()
    assert answers == [["mine"]]
    assert errors(caplog) == []


# who outlives the client


@pytest.mark.parametrize("way", LEAVING)
@in_fake_time
async def test_a_socket_that_is_gone_can_still_be_used(way: str, caplog: pytest.LogCaptureFixture) -> None:
    """What a method does with it then has no effect on itself, reaches the others and leaves nothing behind."""
    seen: list[Any] = []

    class Root(SocketIOController):
        @event_name("go")
        async def go(self, ctx: WebsocketContext) -> WebsocketResponse:
            socket = ctx.socket
            socket.join("a", "b")
            await asyncio.sleep(1)
            seen.append((socket.connected, socket.rooms - {socket.id}))
            socket.emit("nobody hears it")
            socket.volatile.emit("nobody hears it")
            socket.join("late")
            socket.leave("a")
            socket.data["late"] = True
            socket.broadcast.emit("others")
            socket.to("room").emit("room")
            with pytest.raises(ClientDisconnected):
                await socket.emit_with_ack("question")
            with pytest.raises(ClientDisconnected):
                await socket.timeout(3).emit_with_ack("question")
            socket.disconnect()
            seen.append((socket.connected, socket.rooms - {socket.id}))
            return WebsocketResponse()

    server = attach(Root)
    client, other = FakeClient(server), FakeClient(server)
    client.connect()
    sid = other.connect()
    server.of("/").sockets[sid].join("room")
    client.emit("go", ack_id=1)
    await turns()
    client.receive()
    LEAVING[way](client)
    await asyncio.sleep(2)
    assert seen == [(False, {"a", "b"})] * 2
    assert other.events() == [["others"], ["room"]]
    assert client.receive() == []
    assert errors(caplog) == []
    adapter = server.of("/").adapter
    assert list(adapter.members) == [sid]
    assert adapter.room_names() == {"room"}


@in_fake_time
async def test_closing_the_connection_of_who_has_left_the_namespace() -> None:
    """`disconnect(close=True)` ends the connection that is still open, with all that is in it."""

    class Root(SocketIOController):
        @event_name("go")
        async def go(self, ctx: WebsocketContext) -> None:
            await asyncio.sleep(1)
            ctx.socket.disconnect(close=True)

    server = attach(Root)
    client = FakeClient(server)
    client.connect()
    client.emit("go")
    await turns()
    client.connection.receive("41")
    client.connect()
    await asyncio.sleep(2)
    client.receive()
    assert client.connection.state == "closed"
    assert not server.of("/").sockets
    assert not server.clients


# what stays behind


def alive() -> dict[str, int]:
    """How many of the objects that belong to clients there are."""
    gc.collect()
    kinds = (Socket, Client, Connection, WebsocketContext, asyncio.Task)
    # By type: a lazy object of another library would look at itself when it is asked what it is an instance of.
    return Counter(kind.__name__ for thing in gc.get_objects() for kind in kinds if issubclass(type(thing), kind))


class Sub:
    """A controller that hears of clients as well."""

    async def on_connection(self, ctx: WebsocketContext) -> None:
        await asyncio.sleep(0.1)
        if ctx.socket.handshake.auth.get("refuse"):
            raise LookupError

    async def on_disconnect(self, ctx: WebsocketContext) -> None:
        await asyncio.sleep(0.1)
        raise LookupError


class Everything(Failing):
    """All of it at once."""

    sub_controllers = (ws_controller("", Sub),)

    @event_name("ask")
    async def ask(self, ctx: WebsocketContext) -> WebsocketResponse:
        ctx.socket.join("room", f"room of {ctx.socket.id}")
        ctx.socket.data["ctx"] = ctx
        return WebsocketResponse(await ctx.socket.emit_with_ack("question"))

    @event_name("leave")
    async def leave(self, ctx: WebsocketContext) -> None:
        ctx.socket.disconnect(close=ctx.payload)
        await asyncio.sleep(1)


@in_fake_time
async def test_nothing_stays_behind() -> None:
    """Clients that come, are refused, fail, ask and leave in every way leave no object, task or table entry."""
    server = attach(Everything, log_errors=False)  # pytest keeps the records, these the errors, and these the frames
    before = alive()
    client = None
    for number in range(30):
        client = FakeClient(server)
        client.send_connect(auth={"refuse": number % 5 == 4})
        if number % 7 == 6:
            client.connection.receive("1")
            continue
        await asyncio.sleep(0.2)
        client.receive()
        if number % 5 == 4:
            client.connection.receive("1")
            continue
        for event, place in PLACES:
            if place != "task group":
                client.emit(event, place, ack_id=1)
        client.emit("ask", ack_id=2)
        await asyncio.sleep(number % 4)
        if number % 3 == 2:
            client.emit("leave", number % 2 == 0)
            client.receive()
        list(LEAVING.values())[number % 3](client)
        client.connection.receive("1")
    del client
    await asyncio.sleep(100)
    assert alive() == before
    adapter = server.of("/").adapter
    assert not adapter.members
    assert not adapter.room_names()
    assert not adapter._joined
    assert not server.clients
    assert not server.engine.connections
    assert len(server.engine.heartbeat) == 0
    assert len(server.tasks) == 0
