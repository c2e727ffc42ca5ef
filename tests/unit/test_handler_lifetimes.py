"""Handlers that fail, hang or outlive their client: what is logged, who notices, and what stays behind."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from unit.apps import attach
from unit.clock import in_fake_time, run, turns
from unit.fakes import FakeClient
from whinny import (
    ClientDisconnected,
    Server,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    event_name,
    websocket_hook,
    ws_controller,
)
from whinny.engine import Connection
from whinny.protocol import Ack, Event
from whinny.server import Socket
from whinny.server.client import Client
from whinny.server.server import GRACE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from whinny.types import DisconnectReason

MASKED = {
    "status": "error",
    "error": {"code": "INTERNAL_SERVER_ERROR", "message": "An internal server error has occurred."},
}
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
    return Counter(kind.__name__ for thing in gc.get_objects() for kind in kinds if isinstance(thing, kind))


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
