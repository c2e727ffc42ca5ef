"""Context variables: what one event sets is there for all of that event, and for nothing else."""

from __future__ import annotations

import asyncio
import sys
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import whinny.server.tasks
from unit.apps import attach
from unit.clock import in_fake_time, run, turns
from unit.fakes import FakeClient
from whinny import (
    ServerOptions,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    event_name,
    websocket_hook,
    ws_controller,
)
from whinny.protocol import Ack, Event

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from whinny import Server
    from whinny.types import DisconnectReason

user: ContextVar[str] = ContextVar("user", default="nobody")

EAGER = sys.version_info >= (3, 12)


@pytest.fixture(params=["started in the next turn", *(["started at once"] if EAGER else [])])
def start_of_tasks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks start in the loop's next turn on Python 3.11, and at once later on: a test runs both ways where it can."""
    monkeypatch.setattr(whinny.server.tasks, "STARTS_EAGERLY", request.param == "started at once")


pytestmark = pytest.mark.usefixtures("start_of_tasks")


def log_in(ctx: WebsocketContext, services: object) -> Callable[[Any], None]:
    """A hook that sets the variable, and whose post function finds it as it was."""
    assert user.get() == "nobody", "something has leaked into a hook"
    user.set(str(ctx.payload))

    def after(response: object) -> None:
        ctx.socket.data.setdefault("after", []).append(user.get())

    return after


async def log_in_later(ctx: WebsocketContext, services: object) -> Callable[[Any], Awaitable[None]]:
    """The same, with waits."""
    await asyncio.sleep(0.1)
    after = log_in(ctx, services)

    async def after_later(response: object) -> None:
        await asyncio.sleep(0.1)
        after(response)

    return after_later


class Users(SocketIOController):
    """Events in which a hook logs somebody in; and one without, which finds nobody."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    @event_name("def")
    @websocket_hook(log_in)
    def plain(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(user.get())

    @event_name("async")
    @websocket_hook(log_in)
    async def asynchronous(self, ctx: WebsocketContext) -> WebsocketResponse:
        first = user.get()
        await asyncio.sleep(1)
        assert user.get() == first
        return WebsocketResponse(first)

    @event_name("def behind an async hook")
    @websocket_hook(log_in_later)
    def plain_later(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(user.get())

    @event_name("async behind both")
    @websocket_hook(log_in_later)
    @websocket_hook(lambda ctx, services: user.set(f"{user.get()}!") and None)
    async def asynchronous_later(self, ctx: WebsocketContext) -> WebsocketResponse:
        await asyncio.sleep(1)
        return WebsocketResponse(user.get().removesuffix("!"))

    @event_name("def that gives a coroutine")
    @websocket_hook(log_in)
    def giving(self, ctx: WebsocketContext) -> Awaitable[WebsocketResponse]:
        return self.asynchronous(ctx)

    @event_name("error")
    @websocket_hook(log_in)
    def failing(self, ctx: WebsocketContext) -> None:
        raise LookupError

    def handle_error(self, error: Exception, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(user.get())

    @event_name("who")
    def who(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(user.get())

    @event_name("who, later")
    async def who_later(self, ctx: WebsocketContext) -> WebsocketResponse:
        await asyncio.sleep(0)
        return WebsocketResponse(user.get())

    def on_connection(self, ctx: WebsocketContext) -> None:
        self.heard.append(("on_connection", user.get()))
        user.set("set by on_connection")

    async def on_disconnect(self, ctx: WebsocketContext, reason: DisconnectReason) -> None:
        self.heard.append(("on_disconnect", user.get()))
        user.set("set by on_disconnect")


SETTING = [
    "def", "async", "def behind an async hook", "async behind both", "def that gives a coroutine", "error",
]  # fmt: skip


def root(server: Server) -> Any:
    """The controller of the namespace `/`."""
    return server.of("/").handler._errors._root  # type: ignore[union-attr]


def given_to(answers: dict[int | None, Any]) -> dict[int | None, str]:
    """The data of positive answers by the ids of their events."""
    return {number: answer["data"] for number, answer in answers.items()}


@pytest.mark.parametrize("event", SETTING)
@in_fake_time
async def test_what_a_hook_sets_is_its_events_own(event: str) -> None:
    """The method and the post function see it; later events, other clients and those who come and go do not."""
    server = attach(Users)
    client, other, leaving = (FakeClient(server) for _ in range(3))
    client.connect()
    other.connect()
    leaving.connect()
    client.emit(event, "ada", ack_id=1)
    client.emit("who", ack_id=2)
    client.emit("who, later", ack_id=3)
    other.emit("who", ack_id=4)
    leaving.connection.receive("1")
    await turns()
    other.emit("who, later", ack_id=5)
    other.emit(event, "bob", ack_id=6)
    await asyncio.sleep(5)
    client.connection.receive("41")
    await turns()
    late = FakeClient(server)
    late.connect()
    late.emit("who", ack_id=7)
    assert given_to(client.acks()) == {1: "ada", 2: "nobody", 3: "nobody"}
    assert given_to(other.acks()) == {4: "nobody", 5: "nobody", 6: "bob"}
    assert given_to(late.acks()) == {7: "nobody"}
    assert all(found == "nobody" for _, found in root(server).heard)
    assert [name for name, _ in root(server).heard].count("on_disconnect") == 2
    assert user.get() == "nobody"


@pytest.mark.parametrize("event", SETTING)
@in_fake_time
async def test_a_post_function_is_in_its_events_context(event: str) -> None:
    """It finds what the hooks have set, whatever else has run meanwhile."""
    server = attach(Users)
    client = FakeClient(server)
    sid = client.connect()
    for name in ("ada", "bob", "eve"):
        client.emit(event, name)
        client.emit("who")
    data = server.of("/").sockets[sid].data
    await asyncio.sleep(5)
    assert sorted(found.removesuffix("!") for found in data["after"]) == ["ada", "bob", "eve"]


@given(st.lists(st.sampled_from([*SETTING, "who", "who, later", "turn"]), max_size=20), st.integers(1, 4))
def test_no_order_of_events_leaks(events: list[str], most: int) -> None:
    """However events of two clients mix and wait for each other, each finds its own user, or nobody."""

    class Root(Users):
        options = ServerOptions(max_concurrent_events=most, ping_interval=1000)

    async def main() -> None:
        server = attach(Root)
        clients = [FakeClient(server), FakeClient(server)]
        for client in clients:
            client.connect()
        expected: list[dict[int | None, str]] = [{}, {}]
        for number, event in enumerate(events):
            if event == "turn":
                await asyncio.sleep(0)
                continue
            name = f"user {number}"
            clients[number % 2].emit(event, name, ack_id=number)
            expected[number % 2][number] = "nobody" if event.startswith("who") else name
        await asyncio.sleep(100)
        assert [given_to(client.acks()) for client in clients] == expected

    run(main())


@in_fake_time
async def test_a_task_of_an_event_has_a_copy_of_its_context() -> None:
    """What an event starts sees what it had set until then; what that sets, nobody else sees."""
    seen: list[str] = []

    async def background() -> None:
        seen.append(user.get())
        user.set("set in the background")
        await asyncio.sleep(1)
        seen.append(user.get())

    class Root(Users):
        @event_name("start")
        @websocket_hook(log_in)
        async def start(self, ctx: WebsocketContext) -> WebsocketResponse:
            task = asyncio.create_task(background())
            asyncio.get_running_loop().call_later(0.5, lambda: seen.append(user.get()))
            user.set("set later")
            await task
            return WebsocketResponse(user.get())

    client = FakeClient(attach(Root))
    client.connect()
    client.emit("start", "ada", ack_id=1)
    await asyncio.sleep(0.7)
    client.emit("who", ack_id=2)
    await asyncio.sleep(5)
    assert seen == ["ada", "ada", "set in the background"]
    assert given_to(client.acks()) == {1: "set later", 2: "nobody"}


@in_fake_time
async def test_work_in_the_background_sees_no_event() -> None:
    """A service's task, and server-side code that waits for what events bring, keep to their own context."""
    seen: list[str] = []
    wake = asyncio.Queue[str]()

    async def work() -> None:
        while await wake.get() != "end":
            seen.append(user.get())

    class Root(Users):
        @event_name("wake")
        @websocket_hook(log_in)
        def wake(self, ctx: WebsocketContext) -> None:
            wake.put_nowait("go on")

    working = asyncio.create_task(work())
    client = FakeClient(attach(Root))
    client.connect()
    for name in ("ada", "bob"):
        client.emit("wake", name)
        await turns()
    wake.put_nowait("end")
    await working
    assert seen == ["nobody", "nobody"]


@in_fake_time
async def test_a_question_comes_back_to_its_own_context() -> None:
    """While an event waits for an acknowledgement others run; then it goes on with what it had set."""

    class Root(Users):
        @event_name("ask")
        @websocket_hook(log_in)
        async def ask(self, ctx: WebsocketContext) -> WebsocketResponse:
            await ctx.socket.emit_with_ack("question", ctx.payload)
            return WebsocketResponse(user.get())

    client = FakeClient(attach(Root))
    client.connect()
    client.emit("ask", "ada", ack_id=1)
    client.emit("ask", "bob", ack_id=2)
    await turns()
    questions = client.receive()
    assert len(questions) == 2
    for question in reversed(questions):
        assert isinstance(question, Event)
        client.emit("def", "eve", ack_id=3)
        client.send(Ack("/", [], question.id))
        await turns()
    assert given_to(client.acks()) == {1: "ada", 2: "bob", 3: "eve"}


@in_fake_time
async def test_what_one_event_wakes_in_another_is_apart() -> None:
    """An event that another one lets go on does not go on in that one's context."""
    gates: dict[str, asyncio.Event] = {}

    class Root(Users):
        @event_name("wait")
        @websocket_hook(log_in)
        async def wait(self, ctx: WebsocketContext) -> WebsocketResponse:
            gates[ctx.payload] = asyncio.Event()
            await gates[ctx.payload].wait()
            return WebsocketResponse(user.get())

        @event_name("open")
        @websocket_hook(log_in)
        def open(self, ctx: WebsocketContext) -> None:
            for gate in gates.values():
                gate.set()

    server = attach(Root)
    client, other = FakeClient(server), FakeClient(server)
    client.connect()
    other.connect()
    client.emit("wait", "ada", ack_id=1)
    other.emit("wait", "bob", ack_id=1)
    await turns()
    other.emit("open", "eve")
    await turns()
    assert given_to(client.acks()) == {1: "ada"}
    assert given_to(other.acks()) == {1: "bob"}


class Sub:
    """Its `on_connection` follows that of the root, its `on_disconnect` too."""

    seen: list[tuple[str, str]]

    async def on_connection(self, ctx: WebsocketContext) -> None:
        self.seen.append(("on_connection", user.get()))

    async def on_disconnect(self, ctx: WebsocketContext, reason: DisconnectReason) -> None:
        self.seen.append(("on_disconnect", user.get()))


@in_fake_time
async def test_the_controllers_of_one_connection_share_a_context() -> None:
    """What the root's `on_connection` sets is seen by those below it, and by no event and no other client."""
    seen: list[tuple[str, str]] = []

    class Below(Sub):
        def __init__(self) -> None:
            self.seen = seen

    class Root(Users):
        sub_controllers = (ws_controller("", Below),)

        def on_connection(self, ctx: WebsocketContext) -> None:
            assert user.get() == "nobody"
            user.set(ctx.socket.handshake.auth["name"])

    server = attach(Root)
    clients = [FakeClient(server) for _ in range(2)]
    for client, name in zip(clients, ("ada", "bob"), strict=True):
        client.send_connect(auth={"name": name})
    await turns()
    for client in clients:
        client.emit("who", ack_id=1)
        client.emit("who, later", ack_id=2)
    await turns()
    for client in clients:
        assert given_to(client.acks()) == {1: "nobody", 2: "nobody"}
        client.connection.receive("1")
    await turns()
    assert seen[:2] == [("on_connection", "ada"), ("on_connection", "bob")]
    assert user.get() == "nobody"


# who comes, and who is ended by somebody else


class Watched(Users):
    """Notes who is there when clients come and go; its events end other clients."""

    options = ServerOptions(max_send_buffer=1000)

    def on_connection(self, ctx: WebsocketContext) -> None:
        self.heard.append(("on_connection", user.get()))

    @event_name("end others")
    @websocket_hook(log_in)
    def end_others(self, ctx: WebsocketContext) -> None:
        ctx.socket.broadcast.disconnect_sockets(close=True)

    @event_name("end others, later")
    @websocket_hook(log_in)
    async def end_others_later(self, ctx: WebsocketContext) -> None:
        await asyncio.sleep(0.1)
        ctx.socket.broadcast.disconnect_sockets()

    @event_name("flood others")
    @websocket_hook(log_in)
    def flood_others(self, ctx: WebsocketContext) -> None:
        for _ in range(10):
            ctx.socket.broadcast.emit("flood", "x" * 500)

    @event_name("close the server")
    @websocket_hook(log_in)
    async def close_server(self, ctx: WebsocketContext) -> None:
        ctx.socket.namespace.server.begin_close()  # type: ignore[attr-defined]


class WatchedPlain(Watched):
    """The same with a `def`."""

    def on_disconnect(self, ctx: WebsocketContext, reason: DisconnectReason) -> None:  # type: ignore[override]
        self.heard.append(("on_disconnect", user.get()))
        user.set("set by on_disconnect")


class WatchedGiving(Watched):
    """The same with a `def` that gives a coroutine."""

    def on_disconnect(self, ctx: WebsocketContext, reason: DisconnectReason) -> Awaitable[None]:  # type: ignore[override]
        return super().on_disconnect(ctx, reason)


WATCHED = [Watched, WatchedPlain, WatchedGiving]


def as_user(name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call something in a context in which somebody is logged in, as a request's middleware does."""

    def call() -> Any:
        user.set(name)
        return function(*args, **kwargs)

    return copy_context().run(call)


@pytest.mark.parametrize("controller", WATCHED)
@pytest.mark.parametrize("event", ["end others", "end others, later", "flood others", "close the server"])
@in_fake_time
async def test_on_disconnect_does_not_see_who_ended_its_client(event: str, controller: type[Watched]) -> None:
    """Another client's event may disconnect it, send it more than it takes, or end the server: it sees nobody."""
    server = attach(controller)
    ending = FakeClient(server)
    ending.connect()
    for _ in range(3):
        FakeClient(server).connect()
    ending.emit(event, "eve")
    await asyncio.sleep(5)
    gone = [found for found in root(server).heard if found[0] == "on_disconnect"]
    assert gone == [("on_disconnect", "nobody")] * (4 if event == "close the server" else 3)
    assert user.get() == "nobody"


@pytest.mark.parametrize("controller", WATCHED)
@pytest.mark.parametrize("beats", ["alone", "with another client"])
@in_fake_time
async def test_on_disconnect_after_a_ping_timeout_sees_its_own_request(beats: str, controller: type[Watched]) -> None:
    """Clients share one timer; whoever has set it going, each sees its own."""

    class Root(controller):  # type: ignore[misc, valid-type]
        options = ServerOptions(ping_interval=1, ping_timeout=1)

    server = attach(Root)
    as_user("ada", FakeClient, server).connect()
    if beats == "with another client":
        as_user("bob", lambda: FakeClient(server).connect())
    silent = as_user("eve", FakeClient, server)
    as_user("the silent one", silent.connect)
    await asyncio.sleep(5)
    expected = ["nobody", *(["bob"] if beats == "with another client" else []), "the silent one"]
    assert sorted(found for name, found in root(server).heard if name == "on_disconnect") == sorted(expected)
    assert not server.clients


@pytest.mark.parametrize("controller", WATCHED)
@pytest.mark.parametrize("way", ["itself", "another", "the server"])
@in_fake_time
async def test_its_own_request_is_seen_when_a_client_comes_and_goes(way: str, controller: type[Watched]) -> None:
    """What the request that brought the client has set, on_connection and on_disconnect see, whoever ends it."""
    server = attach(controller)
    ending, client = FakeClient(server), FakeClient(server)
    ending.connect()
    as_user("ada", client.connect)
    if way == "itself":
        client.connection.receive("1")
    elif way == "another":
        ending.emit("end others", "eve")
    else:
        as_user("eve", server.of("/").disconnect_sockets)
    await asyncio.sleep(5)
    heard = root(server).heard
    assert heard[:2] == [("on_connection", "nobody"), ("on_connection", "ada")]
    assert ("on_disconnect", "ada") in heard[2:]
    assert ("on_disconnect", "eve") not in heard
    assert user.get() == "nobody"


@in_fake_time
async def test_what_a_def_has_set_is_there_in_what_it_gives() -> None:
    """An on_connection or on_disconnect that is a `def` and gives a coroutine is one piece; the next method goes on."""
    seen: list[tuple[str, str]] = []

    class Below(Sub):
        def __init__(self) -> None:
            self.seen = seen

    class Root(SocketIOController):
        sub_controllers = (Below,)

        def on_connection(self, ctx: WebsocketContext) -> Awaitable[None]:
            user.set("set by on_connection")
            return self.note("first")

        def on_disconnect(self, ctx: WebsocketContext, reason: DisconnectReason) -> Awaitable[None]:
            assert user.get() == "nobody"
            user.set("set by on_disconnect")
            return self.note("last")

        async def note(self, name: str) -> None:
            await asyncio.sleep(0.1)
            seen.append((name, user.get()))

    server = attach(Root)
    clients = [FakeClient(server) for _ in range(2)]
    for client in clients:
        client.send_connect()
    await asyncio.sleep(1)
    for client in clients:
        client.connection.receive("1")
    await asyncio.sleep(1)
    assert sorted(seen[:4]) == [("first", "set by on_connection")] * 2 + [("on_connection", "set by on_connection")] * 2
    assert sorted(seen[4:]) == [("last", "set by on_disconnect")] * 2 + [("on_disconnect", "set by on_disconnect")] * 2
    assert user.get() == "nobody"
