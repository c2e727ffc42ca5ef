"""Acknowledgements at the limit of concurrent events: asked for there, they are read, and the limit holds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.apps import attach
from unit.clock import in_fake_time, run, turns
from unit.fakes import FakeClient
from whinny import (
    ServerOptions,
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    WsServer,
    event_name,
)
from whinny.protocol import Ack, Disconnect, Event
from whinny.server.client import MOST_JOINS

if TYPE_CHECKING:
    from collections.abc import Callable

    from whinny import Server, Socket
    from whinny.protocol import Packet

MOST = 2


class Asking(SocketIOController):
    """Events that ask the client, wait for something else, or neither; it notes which were started."""

    options = ServerOptions(max_concurrent_events=MOST, ping_interval=1000, ping_timeout=1000)

    def __init__(self) -> None:
        self.started: list[Any] = []
        self.running = self.most = 0
        self.gate = asyncio.Event()

    async def count(self, ctx: WebsocketContext, question: Callable[[], Any]) -> WebsocketResponse:
        self.started.append(ctx.payload)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            return WebsocketResponse(await question())
        finally:
            self.running -= 1

    @event_name("ask")
    async def ask(self, ctx: WebsocketContext) -> WebsocketResponse:
        return await self.count(ctx, lambda: ctx.socket.emit_with_ack("question", ctx.payload))

    @event_name("ask for a second")
    async def ask_for_a_second(self, ctx: WebsocketContext) -> WebsocketResponse:
        return await self.count(ctx, lambda: ctx.socket.emit_with_ack("question", ctx.payload, timeout=1))

    @event_name("ask all")
    async def ask_all(self, ctx: WebsocketContext) -> WebsocketResponse:
        return await self.count(ctx, lambda: ctx.socket.namespace.emit_with_ack("question", ctx.payload, timeout=100))

    @event_name("wait")
    async def wait(self, ctx: WebsocketContext) -> WebsocketResponse:
        return await self.count(ctx, self.gate.wait)

    @event_name("now")
    def now(self, ctx: WebsocketContext) -> WebsocketResponse:
        self.started.append(ctx.payload)
        return WebsocketResponse(ctx.payload)


def root(server: Server) -> Any:
    """The controller of the namespace `/`."""
    return server.of("/").handler._errors._root  # type: ignore[union-attr]


def paused(client: FakeClient) -> bool:
    """Whether the server reads nothing of this client."""
    return client.transport.paused


def questions(packets: list[Packet]) -> list[Event]:
    """The events among packets; they ask for an acknowledgement here."""
    return [packet for packet in packets if isinstance(packet, Event)]


def answer(client: FakeClient, asked: list[Event]) -> None:
    """Acknowledge each question with what was asked."""
    for question in asked:
        client.send(Ack("/", question.data[1:], question.id))


def ok(data: Any) -> dict[str, Any]:
    """A positive answer."""
    return {"status": "ok", "data": data}


@pytest.mark.parametrize("event", ["ask", "ask for a second", "ask all"])
@in_fake_time
async def test_acknowledgements_are_read_at_the_limit(event: str) -> None:
    """With as many events waiting for the client as may run, its acknowledgements come through, in any order."""
    server = attach(Asking)
    client = FakeClient(server)
    client.connect()
    for number in range(MOST):
        client.emit(event, number, ack_id=number)
    await turns()
    assert not paused(client)
    asked = questions(client.receive())
    assert [question.data for question in asked] == [["question", number] for number in range(MOST)]
    answer(client, asked[::-1])
    await turns()
    told = {number: ok([number] if event == "ask all" else number) for number in range(MOST)}
    assert client.acks() == told
    assert not paused(client)
    assert len(server.tasks) == 0


@pytest.mark.parametrize("event", ["ask", "ask all"])
@in_fake_time
async def test_who_floods_and_never_acknowledges_is_paused(event: str) -> None:
    """While its acknowledgement is waited for, a client may send as many more events as may run, and then no more."""
    server = attach(Asking)
    client, other = FakeClient(server), FakeClient(server)
    client.connect()
    other.connect()
    sent = 0
    while not paused(client):
        client.emit(event if sent < MOST else "now", sent, ack_id=sent)
        sent += 1
        await turns()
        assert sent <= 2 * MOST
    assert sent == 2 * MOST
    assert root(server).started == list(range(MOST))
    other.emit("now", "other", ack_id=1)
    assert other.acks() == {1: ok("other")}
    assert not paused(other)


@in_fake_time
async def test_after_the_acknowledgements_what_was_kept_runs_in_order() -> None:
    """Each event that ends lets the next ones start; when none is left, the client is read as ever."""
    server = attach(Asking)
    client = FakeClient(server)
    client.connect()
    events = ["ask", "ask", "now", "ask", "now", "ask", "now"]
    for number, event in enumerate(events):  # the last of them had been read already
        client.emit(event, number, ack_id=number)
    await turns()
    assert paused(client)
    assert root(server).started == [0, 1]
    asked = questions(client.receive())
    answer(client, asked[:1])
    await turns()
    assert root(server).started == [0, 1, 2, 3], "the one that was answered makes room for one, and for those before it"
    asked = [*asked[1:], *questions(client.receive())]
    while asked:
        answer(client, asked)
        await turns()
        asked = questions(client.receive())
    assert root(server).started == list(range(len(events)))
    assert root(server).most == MOST
    assert not paused(client)
    client.emit("now", "after", ack_id=10)
    assert client.acks() == {10: ok("after")}


@in_fake_time
async def test_a_question_beside_other_events_is_read_too() -> None:
    """One that asks is enough to read on; when it has its answer and others fill the limit, reading pauses again."""
    server = attach(Asking)
    client = FakeClient(server)
    client.connect()
    client.emit("wait", "first")
    client.emit("ask", "second", ack_id=2)
    await turns()
    assert not paused(client)
    client.emit("wait", "third", ack_id=3)
    await turns()
    assert root(server).started == ["first", "second"]
    assert not paused(client)
    answer(client, questions(client.receive()))
    await turns()
    assert root(server).started == ["first", "second", "third"]
    assert paused(client), "nobody asks any more"
    root(server).gate.set()
    await turns()
    assert not paused(client)
    assert len(server.tasks) == 0


@in_fake_time
async def test_a_question_that_runs_out_lets_the_kept_ones_start() -> None:
    """After its timeout an event ends like any other, and reading goes on."""
    server = attach(Asking)
    client = FakeClient(server)
    client.connect()
    for number in range(2 * MOST):
        client.emit("ask for a second" if number < MOST else "now", number, ack_id=number)
    await turns()
    assert paused(client)
    await asyncio.sleep(2)
    assert root(server).started == list(range(2 * MOST))
    assert not paused(client)


@in_fake_time
async def test_a_question_of_the_server_lets_reading_go_on() -> None:
    """Whoever waits for the client, an event or other code: its acknowledgement is read although the limit is full."""
    server = attach(Asking)
    client = FakeClient(server)
    sid = client.connect()
    for number in range(MOST):
        client.emit("wait", number)
    await turns()
    assert paused(client)
    asking = asyncio.create_task(server.of("/").sockets[sid].emit_with_ack("question", "server"))
    await turns()
    assert not paused(client)
    answer(client, questions(client.receive()))
    await turns()
    assert await asking == "server"
    assert paused(client)
    cancelled = asyncio.create_task(server.of("/").sockets[sid].emit_with_ack("question", "server"))
    await turns()
    assert not paused(client)
    cancelled.cancel()
    await turns()
    assert paused(client)
    root(server).gate.set()
    await turns()
    assert not paused(client)


@pytest.mark.parametrize("wire", ["1", "41"])
@in_fake_time
async def test_who_leaves_at_the_limit_leaves_nothing(wire: str) -> None:
    """The questions end with the client, and so do the events; what had been read runs and is answered to nobody."""
    server = attach(Asking)
    client = FakeClient(server)
    client.connect()
    for number in range(2 * MOST):
        client.emit("ask" if number < MOST else "now", number)
    await turns()
    client.connection.receive(wire)
    await turns()
    assert root(server).running == 0
    assert len(server.tasks) == 0
    assert not paused(client)
    if wire == "41":
        assert client.connect()
        client.emit("now", "again", ack_id=1)
        assert client.acks() == {1: ok("again")}


@given(st.lists(st.sampled_from(["ask", "ask all", "now", "answer", "turn"]), max_size=30), st.integers(1, 4))
def test_any_mix_of_questions_is_answered(steps: list[str], most: int) -> None:
    """Events start in order and never too many at a time, each is answered, and the client is read in the end."""

    class Root(Asking):
        options = ServerOptions(max_concurrent_events=most, ping_interval=1000, ping_timeout=1000)

    async def main() -> None:
        server = attach(Root)
        client = FakeClient(server)
        client.connect()
        asked: list[Event] = []
        answers: dict[int | None, Any] = {}

        async def exchange() -> None:
            await turns()
            packets = client.receive()
            asked.extend(questions(packets))
            answers.update({packet.id: packet.data[0] for packet in packets if isinstance(packet, Ack)})

        count = 0
        for step in steps:
            if step == "answer":
                await exchange()
                answer(client, asked)
                asked.clear()
            elif step == "turn":
                await asyncio.sleep(0)
            elif not paused(client):
                client.emit(step, count, ack_id=count)
                count += 1
        for _ in range(count + 1):
            await exchange()
            answer(client, asked)
            asked.clear()
        await exchange()
        assert root(server).started == list(range(count))
        assert root(server).most <= most
        assert set(answers) == set(range(count))
        assert all(told["status"] == "ok" for told in answers.values())
        assert not paused(client)
        assert len(server.tasks) == 0

    run(main())


# across namespaces


def asking_in(name: str, sockets: dict[str, Socket]) -> type[SocketIOController]:
    """A root of a namespace that runs one event at a time, and asks the client in another namespace."""

    class Root(SocketIOController):
        namespace = name
        options = ServerOptions(max_concurrent_events=1, ping_interval=1000, ping_timeout=1000)

        def on_connection(self, ctx: WebsocketContext) -> None:
            sockets[name] = ctx.socket  # type: ignore[assignment]

        @event_name("ask")
        async def ask(self, ctx: WebsocketContext) -> WebsocketResponse:
            return WebsocketResponse(await sockets[ctx.payload].emit_with_ack("question"))

        @event_name("ask for a second")
        async def ask_for_a_second(self, ctx: WebsocketContext) -> WebsocketResponse:
            return WebsocketResponse(await sockets[ctx.payload].emit_with_ack("question", timeout=1))

        @event_name("ask all")
        async def ask_all(self, ctx: WebsocketContext) -> WebsocketResponse:
            namespace = sockets[ctx.payload].namespace
            return WebsocketResponse(await namespace.emit_with_ack("question", timeout=100))

        @event_name("wait")
        async def wait(self) -> WebsocketResponse:
            await asyncio.sleep(5)
            return WebsocketResponse("waited")

        @event_name("now")
        def now(self, ctx: WebsocketContext) -> WebsocketResponse:
            return WebsocketResponse(ctx.payload)

    return Root


NAMESPACES = ("/", "/a", "/b")


def in_all_namespaces() -> tuple[FakeClient, dict[str, Socket]]:
    """A client in each namespace of such a server, and its sockets."""
    sockets: dict[str, Socket] = {}
    services = ServiceManager(Settings())
    for name in NAMESPACES:
        services.get(asking_in(name, sockets)).attach()
    client = FakeClient(services.get(WsServer).io)
    for name in NAMESPACES:
        client.connect(name)
    return client, sockets


def answered(client: FakeClient) -> dict[tuple[str, int | None], Any]:
    """The answers that came, by namespace and id."""
    return {(packet.namespace, packet.id): packet.data[0] for packet in client.receive() if isinstance(packet, Ack)}


@pytest.mark.parametrize("event", ["ask", "ask for a second", "ask all"])
@pytest.mark.parametrize(("asking", "asked"), [("/", "/a"), ("/a", "/"), ("/a", "/b"), ("/a", "/a")])
@in_fake_time
async def test_a_question_in_another_namespace_is_read_at_the_limit(event: str, asking: str, asked: str) -> None:
    """The acknowledgement comes over the same connection, which is not paused meanwhile."""
    client, _ = in_all_namespaces()
    client.emit(event, asked, ack_id=1, namespace=asking)
    await turns()
    assert not paused(client)
    [question] = questions(client.receive())
    assert question.namespace == asked
    client.send(Ack(asked, ["yes"], question.id))
    await turns()
    assert answered(client) == {(asking, 1): ok(["yes"] if event == "ask all" else "yes")}
    assert not paused(client)


@in_fake_time
async def test_a_question_in_another_namespace_holds_the_limit_of_all() -> None:
    """Beyond what may be kept the client is paused, in whichever namespace, and all of it is answered in the end."""
    client, _ = in_all_namespaces()
    client.emit("ask", "/a", ack_id=1)
    client.emit("wait", ack_id=2, namespace="/b")
    await turns()
    assert not paused(client)
    client.emit("now", "kept", ack_id=3, namespace="/b")
    await turns()
    assert paused(client)
    [question] = questions(client.receive())
    client.send(Ack("/a", ["yes"], question.id))
    await asyncio.sleep(10)
    assert answered(client) == {("/", 1): ok("yes"), ("/b", 2): ok("waited"), ("/b", 3): ok("kept")}
    assert not paused(client)


@pytest.mark.parametrize("by", ["client", "server", "timeout"])
@in_fake_time
async def test_a_question_in_another_namespace_may_stay_without_answer(by: str) -> None:
    """When the client leaves that namespace, is put out of it or stays silent, its other events go on."""
    client, sockets = in_all_namespaces()
    client.emit("ask for a second" if by == "timeout" else "ask", "/a", ack_id=1)
    await turns()
    if by == "client":
        client.send(Disconnect("/a"))
    elif by == "server":
        sockets["/a"].disconnect()
    await asyncio.sleep(2)
    client.emit("now", "after", ack_id=2)
    found = answered(client)
    assert found["/", 1]["status"] == "error"
    assert found["/", 2] == ok("after")
    assert not paused(client)


class Crowd(SocketIOController):
    """Room for more events than Python has for calls inside of each other."""

    options = ServerOptions(max_concurrent_events=400, ping_interval=1000, ping_timeout=1000)

    @event_name("ask")
    async def ask(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(await ctx.socket.emit_with_ack("question", ctx.payload))

    @event_name("at once")
    async def at_once(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(ctx.payload)


@in_fake_time
async def test_many_kept_events_that_end_at_once_start_one_after_the_other() -> None:
    """Where tasks start eagerly, such an event has ended when it is made, and makes room for the next one."""
    client = FakeClient(attach(Crowd))
    client.connect()
    for number in range(800):
        client.emit("ask" if number < 400 else "at once", number, ack_id=number)
    await turns()
    answer(client, questions(client.receive()))
    await turns(20)
    assert client.acks() == {number: ok(number) for number in range(800)}
    assert not paused(client)


@in_fake_time
async def test_joins_are_counted() -> None:
    """A connection may join a hundred times in ten seconds."""
    client = FakeClient(attach(Asking))
    await asyncio.sleep(11)
    for _ in range(MOST_JOINS):
        client.connection.receive("40")
        client.connection.receive("41")
    assert client.connection.state == "open"
    client.connection.receive("40")
    assert client.connection.state == "closed"
