"""When events run: in the order of arrival, each on its own, and not too many at a time."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.apps import attach
from unit.clock import in_fake_time, run, turns
from unit.fakes import FakeClient
from whinny import (
    Server,
    ServerOptions,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    event_name,
    websocket_hook,
)
from whinny.protocol import Event

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from whinny.server import Socket

KINDS = ("def", "async", "async that waits", "def that returns an awaitable", "def with an async hook")


class Base(SocketIOController):
    """One event of each kind; all note when they start and end."""

    def __init__(self) -> None:
        self.started: list[Any] = []
        self.ended: list[Any] = []
        self.most = 0

    def start(self, ctx: WebsocketContext) -> None:
        self.started.append(ctx.payload)
        self.most = max(self.most, len(self.started) - len(self.ended))

    def end(self, ctx: WebsocketContext) -> WebsocketResponse:
        self.ended.append(ctx.payload)
        return WebsocketResponse(ctx.payload)

    @event_name("def")
    def plain(self, ctx: WebsocketContext) -> WebsocketResponse:
        self.start(ctx)
        return self.end(ctx)

    @event_name("async")
    async def asynchronous(self, ctx: WebsocketContext) -> WebsocketResponse:
        self.start(ctx)
        return self.end(ctx)

    @event_name("async that waits")
    async def waiting(self, ctx: WebsocketContext) -> WebsocketResponse:
        self.start(ctx)
        await asyncio.sleep(1)
        return self.end(ctx)

    @event_name("def that returns an awaitable")
    def returning(self, ctx: WebsocketContext) -> Coroutine[Any, Any, WebsocketResponse]:
        self.start(ctx)

        async def later() -> WebsocketResponse:
            await asyncio.sleep(1)
            return self.end(ctx)

        return later()

    @event_name("def with an async hook")
    @websocket_hook(lambda ctx, services: asyncio.sleep(0))
    def hooked(self, ctx: WebsocketContext) -> WebsocketResponse:
        self.start(ctx)
        return self.end(ctx)


def root(client: FakeClient) -> Any:
    """The controller behind a client's namespace."""
    return client.connection.handler.server.of("/").handler._errors._root  # type: ignore[attr-defined]


# order


IN_ORDER = KINDS[:4]  # a hook that waits holds its own event up, and no other


@given(st.lists(st.sampled_from([*IN_ORDER, "turn"]), max_size=25))
def test_events_start_in_the_order_of_arrival(kinds: list[str]) -> None:
    """Whether `def` or `async def`, an event starts after all that came before it, and each is answered once."""

    async def main() -> None:
        client = FakeClient(attach(Base))
        client.connect()
        count = 0
        for kind in kinds:
            if kind == "turn":
                await asyncio.sleep(0)
            else:
                client.emit(kind, count, ack_id=count)
                count += 1
        await asyncio.sleep(3)
        assert root(client).started == list(range(count))
        assert client.acks() == {number: {"status": "ok", "data": number} for number in range(count)}

    run(main())


@given(st.lists(st.sampled_from([*IN_ORDER, "turn", "second"]), max_size=25), st.integers(1, 4))
def test_the_order_holds_when_too_many_run(kinds: list[str], most: int) -> None:
    """Events that must wait for others start in order as well, never more at a time than allowed, and none is lost."""

    class Root(Base):
        options = ServerOptions(max_concurrent_events=most, ping_interval=1000)

    async def main() -> None:
        client = FakeClient(attach(Root))
        client.connect()
        count = 0
        for kind in kinds:
            if kind in ("turn", "second"):
                await asyncio.sleep(kind == "second")
            else:  # also while reading is paused: it had been read before
                client.emit(kind, count, ack_id=count)
                count += 1
        await asyncio.sleep(60)
        assert root(client).started == list(range(count))
        assert root(client).most <= most
        assert client.acks() == {number: {"status": "ok", "data": number} for number in range(count)}
        assert not client.transport.paused

    run(main())


@in_fake_time
async def test_async_events_overlap() -> None:
    """An event that waits holds up no other."""
    client = FakeClient(attach(Base))
    client.connect()
    client.emit("async that waits", 1)
    client.emit("def", 2)
    client.emit("async", 3)
    await turns()
    assert root(client).ended == [2, 3]
    await asyncio.sleep(1.1)
    assert root(client).ended == [2, 3, 1]


@in_fake_time
async def test_a_hook_that_waits_holds_up_its_own_event_only() -> None:
    """Events behind one whose hook waits go on."""
    client = FakeClient(attach(Base))
    client.connect()
    client.emit("def with an async hook", 1)
    client.emit("def", 2)
    await turns()
    assert sorted(root(client).ended) == [1, 2]


# tasks


@in_fake_time
async def test_a_def_runs_at_once_and_without_a_task() -> None:
    """A `def` has run and answered when the message has been taken in, and no task was made for it."""

    class Root(SocketIOController):
        @event_name("where")
        def where(self, ctx: WebsocketContext) -> WebsocketResponse:
            ctx.socket.data["task"] = asyncio.current_task()
            return WebsocketResponse()

    server = attach(Root)
    client = FakeClient(server)
    client.connect()
    client.emit("where", ack_id=1)
    assert client.acks() == {1: {"status": "ok"}}
    [socket] = server.of("/").sockets.values()
    assert socket.data["task"] is asyncio.current_task()
    assert socket.runner is None
    assert len(server.tasks) == 0


class Tasks(SocketIOController):
    """Notes in which task things run."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[Any] | None] = []

    async def note(self) -> WebsocketResponse:
        self.tasks.append(asyncio.current_task())
        async with asyncio.timeout(10):
            await asyncio.sleep(0.1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await asyncio.sleep(10)
        return WebsocketResponse()

    @event_name("async")
    async def asynchronous(self) -> WebsocketResponse:
        return await self.note()

    @event_name("def")
    def returning(self) -> Coroutine[Any, Any, WebsocketResponse]:
        return self.note()

    @event_name("future")
    def future(self) -> asyncio.Future[WebsocketResponse]:
        return asyncio.ensure_future(self.note())

    @event_name("hook")
    @websocket_hook(lambda ctx, services: ctx.controller.skip(services))
    def hooked(self) -> WebsocketResponse:
        return WebsocketResponse()

    async def skip(self, services: object) -> None:
        await self.note()

    @event_name("post")
    @websocket_hook(lambda ctx, services: lambda response: ctx.controller.skip(services))
    def posted(self) -> WebsocketResponse:
        return WebsocketResponse()

    @event_name("error")
    def failing(self) -> WebsocketResponse:
        raise ValueError

    async def handle_error(self, error: Exception, ctx: WebsocketContext) -> WebsocketResponse:
        return await self.note()


@pytest.mark.parametrize("event", ["async", "def", "future", "hook", "post", "error"])
@in_fake_time
async def test_whatever_waits_does_so_in_a_task_of_its_own(event: str) -> None:
    """What a `def` returns to be awaited runs in another task than the reader's, and `asyncio.timeout` works there."""
    server = attach(Tasks)
    clients = [FakeClient(server) for _ in range(2)]
    for client in clients:
        client.connect()
        client.emit(event, ack_id=1)
        client.emit(event, ack_id=2)
    await asyncio.sleep(1)
    for client in clients:
        assert client.acks() == {1: {"status": "ok"}, 2: {"status": "ok"}}
    tasks = root(clients[0]).tasks
    assert len(set(tasks)) == len(tasks) == 4
    assert asyncio.current_task() not in tasks
    assert len(server.tasks) == 0


# contextvars

trace: ContextVar[str] = ContextVar("trace", default="nothing")


class Tracing(SocketIOController):
    """Each event tells what it finds in a variable, and leaves something else there."""

    def swap(self, ctx: WebsocketContext) -> WebsocketResponse:
        found = trace.get()
        trace.set(f"left by {ctx.payload}")
        return WebsocketResponse(found)

    @event_name("def")
    def plain(self, ctx: WebsocketContext) -> WebsocketResponse:
        return self.swap(ctx)

    @event_name("async")
    async def asynchronous(self, ctx: WebsocketContext) -> WebsocketResponse:
        return self.swap(ctx)

    @event_name("async that waits")
    async def waiting(self, ctx: WebsocketContext) -> WebsocketResponse:
        first = self.swap(ctx)
        await asyncio.sleep(1)
        assert trace.get() == f"left by {ctx.payload}"
        return first

    @event_name("def that returns an awaitable")
    def returning(self, ctx: WebsocketContext) -> Coroutine[Any, Any, WebsocketResponse]:
        return self.waiting(ctx)

    @event_name("def that waits later")
    def setting(self, ctx: WebsocketContext) -> Coroutine[Any, Any, WebsocketResponse]:
        trace.set(f"left by {ctx.payload}")

        async def later() -> WebsocketResponse:
            assert trace.get() == f"left by {ctx.payload}", "the context goes on into the task"
            await asyncio.sleep(1)
            return WebsocketResponse("nothing")

        return later()

    def on_disconnect(self, ctx: WebsocketContext, reason: str) -> None:
        trace.set("left by on_disconnect")


kinds_of_tracing = st.sampled_from(["def", "async", "async that waits", *KINDS[3:4], "def that waits later", "turn"])


@given(st.lists(kinds_of_tracing, max_size=20), st.integers(1, 5))
def test_contextvars_never_leak_between_events(kinds: list[str], most: int) -> None:
    """What an event sets is seen by itself alone, before and after it has waited, kept back or not."""

    class Root(Tracing):
        options = ServerOptions(max_concurrent_events=most, ping_interval=1000)

    async def main() -> None:
        client = FakeClient(attach(Root))
        client.connect()
        for number, kind in enumerate(kinds):
            if kind == "turn":
                await asyncio.sleep(0)
            else:
                client.emit(kind, number, ack_id=number)
        await asyncio.sleep(60)
        assert all(answer == {"status": "ok", "data": "nothing"} for answer in client.acks().values())
        assert trace.get() == "nothing"

    run(main())


@in_fake_time
async def test_contextvars_of_on_connection_do_not_reach_the_reader() -> None:
    """A `def` on_connection keeps to its own context, as an `async` one does."""

    class Root(Tracing):
        def on_connection(self, ctx: WebsocketContext) -> None:
            trace.set("left by on_connection")

    client = FakeClient(attach(Root))
    client.connect()
    client.emit("def", 1, ack_id=1)
    assert client.acks() == {1: {"status": "ok", "data": "nothing"}}
    assert trace.get() == "nothing"


@in_fake_time
async def test_contextvars_of_an_async_on_connection_do_not_reach_the_reader() -> None:
    """An `async` on_connection keeps to its own context."""

    class Root(Tracing):
        async def on_connection(self, ctx: WebsocketContext) -> None:
            trace.set("left by on_connection")

    client = FakeClient(attach(Root))
    client.connect()
    await turns()
    client.emit("def", 1, ack_id=1)
    assert client.acks() == {1: {"status": "ok", "data": "nothing"}}


@in_fake_time
async def test_contextvars_of_on_disconnect_do_not_reach_the_reader() -> None:
    """`on_disconnect` keeps to its own context."""
    client = FakeClient(attach(Tracing))
    client.connect()
    client.connection.receive("1")
    assert trace.get() == "nothing"


# how many at a time


class Gated(SocketIOController):
    """Events that wait until they are let go."""

    options = ServerOptions(max_concurrent_events=3)

    def __init__(self) -> None:
        self.gates: dict[Any, asyncio.Event] = {}

    @event_name("wait")
    async def wait(self, ctx: WebsocketContext, payload: Any) -> WebsocketResponse:
        self.gates[payload] = asyncio.Event()
        await self.gates[payload].wait()
        return WebsocketResponse(payload)


@in_fake_time
async def test_reading_pauses_while_too_many_run() -> None:
    """With max_concurrent_events running, reading pauses; with one less, it goes on."""
    client = FakeClient(attach(Gated))
    client.connect()
    for number in range(3):
        assert not client.transport.paused
        client.emit("wait", number)
        await turns()
    assert client.transport.paused
    gates = root(client).gates
    gates[1].set()
    await turns()
    assert not client.transport.paused
    client.emit("wait", 3)
    assert client.transport.paused


@in_fake_time
async def test_what_was_read_already_waits_its_turn() -> None:
    """Events beyond the limit are kept, and start one by one as others end."""
    client = FakeClient(attach(Gated))
    client.connect()
    for number in range(6):
        client.emit("wait", number)
    await turns()
    gates = root(client).gates
    assert list(gates) == [0, 1, 2]
    for number in range(3):
        gates[number].set()
        await turns()
        assert list(gates) == list(range(4 + number))
        assert client.transport.paused
    gates[3].set()
    await turns()
    assert not client.transport.paused


@in_fake_time
async def test_the_limit_is_that_of_one_socket() -> None:
    """A client that has too many running holds up no other client."""
    server = attach(Gated)
    busy, idle = FakeClient(server), FakeClient(server)
    busy.connect()
    idle.connect()
    for number in range(4):
        busy.emit("wait", number)
    idle.emit("wait", "idle")
    await turns()
    assert busy.transport.paused
    assert not idle.transport.paused
    assert list(root(busy).gates) == [0, 1, 2, "idle"]


class Handler:
    """A handler without controllers: nothing but what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[list[Any], int | None]] = []
        self.disconnected: list[str] = []

    def on_connect(self, socket: Socket) -> None:
        return None

    def on_event(self, socket: Socket, data: list[Any], ack_id: int | None) -> None:
        self.events.append((data, ack_id))

    def on_disconnect(self, socket: Socket, reason: str) -> None:
        self.disconnected.append(reason)


@in_fake_time
async def test_a_task_that_is_cancelled_before_it_starts_holds_up_nobody() -> None:
    """It neither keeps later events from running at once, nor counts as running."""
    client = FakeClient(attach(type("Root", (Base,), {"options": ServerOptions(max_concurrent_events=1)})))
    client.connect()
    client.emit("async that waits", 0)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    client.emit("def", 1, ack_id=1)
    assert client.acks() == {1: {"status": "ok", "data": 1}}
    assert not client.transport.paused


@in_fake_time
async def test_a_handler_needs_no_job() -> None:
    """A NamespaceHandler may do all its work in `on_event`."""
    server = Server()
    handler = server.of("/").handler = Handler()
    client = FakeClient(server)
    client.connect()
    client.emit("a", 1, b"x", ack_id=7)
    client.send(Event("/", ["b"]))
    assert handler.events == [(["a", 1, b"x"], 7), (["b"], None)]
    client.connection.receive("1")
    assert handler.disconnected == ["transport close"]
