"""What an event finds when it comes, from its hooks to its answer, and what is logged of it."""

from __future__ import annotations

import asyncio
import logging
from contextvars import ContextVar
from typing import Any

import pytest

from support.answers import MASKED, MASKED_ERROR
from unit.apps import ask, attach
from unit.clock import in_fake_time, turns
from unit.fakes import FakeClient
from whinny import (
    ConnectionRefused,
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketContext,
    WebsocketErrorResponse,
    WebsocketResponse,
    event_name,
    websocket_hook,
    ws_controller,
)
from whinny.framework import HookDecorator
from whinny.protocol import Ack, ConnectError, Disconnect, Event

# contexts


@in_fake_time
async def test_what_an_event_finds_in_its_context() -> None:
    """A real event has the socket of its client, the names of class and method, and nothing left from before."""
    seen: list[WebsocketContext] = []

    class Users:
        @event_name("create")
        def create(self, ctx: WebsocketContext, payload: Any) -> WebsocketResponse:
            assert payload is ctx.payload
            assert ctx.controller is self
            seen.append(ctx)
            return WebsocketResponse()

    class Root(SocketIOController):
        sub_controllers = (ws_controller("users ", Users),)

    server = attach(Root)
    client = FakeClient(server)
    sid = client.connect()
    client.emit("users create", {"name": "x"})
    [ctx] = seen
    assert (ctx.event_name, ctx.payload, ctx.args) == ("users create", {"name": "x"}, ({"name": "x"},))
    assert ctx.socket is server.of("/").sockets[sid]
    assert (ctx.user, ctx.session, ctx.state) == (None, None, {})
    assert (ctx.controller_name, ctx.controller_method_name) == ("Users", "create")
    assert isinstance(ctx.message_id, str)


@pytest.mark.parametrize("later", [False, True])
@in_fake_time
async def test_what_on_connection_finds_in_its_context(later: bool) -> None:
    """No event, no payload, nobody logged in; the socket is the one that the events will have."""
    seen: list[WebsocketContext] = []

    class Sync(SocketIOController):
        def on_connection(self, ctx: WebsocketContext) -> None:
            seen.append(ctx)
            ctx.state["left"] = ctx.user = "by on_connection"
            ctx.socket.data["left"] = True

        @event_name("go")
        def go(self, ctx: WebsocketContext) -> None:
            seen.append(ctx)

    class Async(Sync):
        async def on_connection(self, ctx: WebsocketContext) -> None:  # type: ignore[override]
            await asyncio.sleep(0)
            super().on_connection(ctx)

    server = attach(Async if later else Sync)
    client = FakeClient(server)
    client.send_connect()
    await turns()
    client.emit("go")
    connection, event = seen
    assert (connection.event_name, connection.payload, connection.args) == ("", None, ())
    assert (connection.session, connection.controller) == (None, event.controller)
    assert (connection.controller_name, connection.controller_method_name) == (event.controller_name, "on_connection")
    assert connection.socket is event.socket
    assert [event.socket] == list(server.of("/").sockets.values())
    assert event.socket.data == {"left": True}
    assert (event.user, event.state) == (None, {}), "what is left in one context is in no other"


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("error", [asyncio.CancelledError(), Exception(), ConnectionRefused("")])
@in_fake_time
async def test_whatever_is_raised_no_client_gets_in(error: BaseException, later: bool) -> None:
    """An error without words, and even one that is no Exception, refuses the client."""

    class Sync(SocketIOController):
        def on_connection(self, ctx: WebsocketContext) -> None:
            raise error

    class Async(SocketIOController):
        async def on_connection(self, ctx: WebsocketContext) -> None:
            await asyncio.sleep(0)
            raise error

    server = attach(Async if later else Sync)
    client = FakeClient(server)
    client.send_connect()
    await turns()
    [packet] = client.receive()
    assert isinstance(packet, ConnectError)
    assert server.of("/").sockets == {}


# the way of an event


@in_fake_time
async def test_hooks_and_method_get_the_very_same_things() -> None:
    """One context, one payload and the app's own manager, from the first hook to the last post function."""
    contexts: list[Any] = []
    managers: list[Any] = []

    def hook(ctx: WebsocketContext, services: ServiceManager) -> Any:
        contexts.append((ctx, ctx.payload))
        managers.append(services)
        return lambda response: contexts.append((ctx, ctx.payload))

    @websocket_hook(hook)
    class Root(SocketIOController):
        @event_name("go")
        @websocket_hook(hook)
        def go(self, ctx: WebsocketContext, payload: Any) -> None:
            contexts.append((ctx, payload))
            managers.append(self.services)

    client = FakeClient(attach(Root))
    client.connect()
    client.emit("go", [1])
    assert len(contexts) == 5
    first, payload = contexts[0]
    assert all(ctx is first and each is payload for ctx, each in contexts)
    assert len(managers) == 3
    assert len({id(each) for each in managers}) == 1


@in_fake_time
async def test_hooks_see_the_stand_ins_of_a_test() -> None:
    """What was given to the manager in place of a service is what a hook gets from it."""

    class Users:
        def name(self) -> str:
            return "real"

    class Fake(Users):
        def name(self) -> str:
            return "fake"

    class Root(SocketIOController):
        @event_name("go")
        @websocket_hook(lambda ctx, services: WebsocketResponse(services.get(Users).name()))
        def go(self) -> None: ...

    services = ServiceManager(Settings()).set(Users, Fake())
    client = FakeClient(services.get(Root).attach().server)
    client.connect()
    client.emit("go", ack_id=1)
    assert client.acks() == {1: {"status": "ok", "data": "fake"}}


def watched(place: str, later: bool, order: list[Any]) -> type[SocketIOController]:
    """A controller that fails in one place and notes what runs, and what the post functions are given."""

    def fail(*_: Any) -> Any:
        raise LookupError(place)

    async def fail_later(*_: Any) -> Any:
        await asyncio.sleep(0)
        raise LookupError(place)

    failing = fail_later if later else fail

    def hook(name: str) -> HookDecorator:
        def run(ctx: WebsocketContext, services: ServiceManager) -> Any:
            order.append(name)
            if place == name:
                return failing()
            if place == f"after {name}":
                return failing
            return lambda response: order.append((f"after {name}", response))

        return websocket_hook(run)

    class Controller(SocketIOController):
        @event_name("go")
        @hook("one")
        @hook("two")
        @hook("three")
        def go(self, ctx: WebsocketContext) -> Any:
            order.append("go")
            return failing() if place == "go" else 5 if place == "wrong" else WebsocketResponse("fine")

    return Controller


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    ("place", "runs", "told"),
    [
        ("two", ["one", "two"], ["after one"]),
        ("go", ["one", "two", "three", "go"], ["after three", "after two", "after one"]),
        ("wrong", ["one", "two", "three", "go"], ["after three", "after two", "after one"]),
        ("after two", ["one", "two", "three", "go"], ["after one"]),
    ],
)
@in_fake_time
async def test_an_error_stops_what_follows_and_is_told_to_the_post_functions(
    place: str, later: bool, runs: list[str], told: list[str]
) -> None:
    """Later hooks and the method do not run; post functions that wait get the answer to the error, as the client."""
    order: list[Any] = []
    assert await ask(watched(place, later, order), "go") == MASKED
    responses = {each[0]: each[1] for each in order if isinstance(each, tuple)}
    assert [each for each in order if isinstance(each, str)] == runs
    if place == "after two":
        assert responses.pop("after three") == WebsocketResponse("fine")
    assert list(responses) == told
    expected = TypeError if place == "wrong" else LookupError
    for response in responses.values():
        assert response.error == MASKED_ERROR
        assert isinstance(response.exception, expected)
        assert response.ctx.event_name == "go"


@pytest.mark.parametrize("later", [False, True])
@in_fake_time
async def test_each_post_function_that_fails_gives_a_new_answer(later: bool) -> None:
    """The next one gets the answer to the last error, and the client the last of all."""
    received: list[Any] = []

    def failing(name: str) -> HookDecorator:
        def post(response: Any) -> Any:
            received.append(response)
            raise LookupError(name)

        async def post_later(response: Any) -> Any:
            await asyncio.sleep(0)
            post(response)

        return websocket_hook(lambda ctx, services: post_later if later else post)

    class Controller(SocketIOController):
        @event_name("go")
        @failing("first")
        @failing("second")
        def go(self) -> WebsocketResponse:
            return WebsocketResponse("fine")

    answer = await ask(Controller, "go", debug=True)
    assert answer["error"]["message"] == "first"
    assert received[0] == WebsocketResponse("fine")
    assert received[1].error["message"] == "second"


request_name: ContextVar[str] = ContextVar("request_name", default="nobody")


@pytest.mark.parametrize("later", [False, True])
@in_fake_time
async def test_what_a_hook_sets_in_the_context_is_there_in_the_method(later: bool) -> None:
    """Contextvars go from hook to method and post function, as loggers need it, and to no other event."""
    seen: list[str] = []

    def hook(ctx: WebsocketContext, services: ServiceManager) -> Any:
        seen.append(request_name.get())
        request_name.set(ctx.payload)
        return lambda response: seen.append(request_name.get())

    async def hook_later(ctx: WebsocketContext, services: ServiceManager) -> Any:
        await asyncio.sleep(0)
        return hook(ctx, services)

    class Root(SocketIOController):
        @event_name("go")
        @websocket_hook(hook_later if later else hook)
        def go(self) -> None:
            seen.append(request_name.get())

    client = FakeClient(attach(Root))
    client.connect()
    for name in ("ada", "bob"):
        client.emit("go", name)
        await turns()
    assert seen == ["nobody", "ada", "ada", "nobody", "bob", "bob"]


@pytest.mark.parametrize("wrong", ["raises", "returns"])
@in_fake_time
async def test_a_handle_error_that_fails_later_is_rendered_from_its_own_error(wrong: str) -> None:
    """An `async` handle_error that raises, or gives no response, is answered as a `def` is."""

    class Controller(SocketIOController):
        @event_name("go")
        def go(self) -> None:
            raise LookupError("first")

        async def handle_error(self, error: Exception, ctx: WebsocketContext) -> Any:
            await asyncio.sleep(0)
            if wrong == "raises":
                raise ZeroDivisionError("second")
            return "no response"

    assert await ask(Controller, "go") == MASKED
    shown = (await ask(Controller, "go", debug=True))["error"]
    assert shown["name"] == ("ZeroDivisionError" if wrong == "raises" else "TypeError")


# what clients get


@in_fake_time
async def test_a_hooks_own_error_reaches_the_callback() -> None:
    """What a hook answers is what the client's callback gets, behind whatever prefix the event stands."""

    def check_name(ctx: WebsocketContext, services: ServiceManager) -> WebsocketErrorResponse | None:
        return None if isinstance(ctx.payload, str) else WebsocketErrorResponse("Invalid name type")

    class Users:
        @event_name("create")
        @websocket_hook(check_name)
        def create(self, ctx: WebsocketContext, payload: str) -> WebsocketResponse:
            return WebsocketResponse(payload)

    class Root(SocketIOController):
        sub_controllers = (ws_controller("user:", Users),)

    assert await ask(Root, "user:create", 5) == {"status": "error", "error": "Invalid name type"}
    assert await ask(Root, "user:create", "Ada") == {"status": "ok", "data": "Ada"}


async def two_clients(root: type[SocketIOController]) -> tuple[FakeClient, FakeClient]:
    server = attach(root)
    clients = FakeClient(server), FakeClient(server)
    for client in clients:
        client.connect()
    return clients


@in_fake_time
async def test_messages_come_before_the_answer_of_their_event() -> None:
    """What is emitted comes before the acknowledgement of the event that emitted it."""

    class Root(SocketIOController):
        @event_name("create")
        def create(self, ctx: WebsocketContext) -> WebsocketResponse:
            ctx.socket.emit("event 1", "first message")
            ctx.socket.emit("event 1", "second message")
            return WebsocketResponse()

    own, other = await two_clients(Root)
    own.emit("create", ack_id=1)
    assert own.receive() == [
        Event("/", ["event 1", "first message"]),
        Event("/", ["event 1", "second message"]),
        Ack("/", [{"status": "ok"}], 1),
    ]
    assert other.receive() == []


@in_fake_time
async def test_a_room_joined_on_connection_hears_its_messages() -> None:
    """Clients that `on_connection` puts into a room are in it when they are connected."""

    class Root(SocketIOController):
        def on_connection(self, ctx: WebsocketContext) -> None:
            ctx.socket.join("some room")

        @event_name("create")
        def create(self, ctx: WebsocketContext) -> None:
            ctx.socket.to("some room").emit("event 1", "hello")

    own, other = await two_clients(Root)
    own.emit("create")
    assert own.events() == []
    assert other.events() == [["event 1", "hello"]]


# what is logged


@in_fake_time
async def test_connections_events_and_the_end_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Each line has as `extra` what a log is searched by: socket, namespace, reason, event, status, message."""
    caplog.set_level(logging.DEBUG, "whinny")
    ids: list[str] = []

    class Root(SocketIOController):
        @event_name("fine")
        def fine(self, ctx: WebsocketContext) -> WebsocketResponse:
            ids.append(ctx.message_id)
            return WebsocketResponse()

        @event_name("not fine")
        async def not_fine(self, ctx: WebsocketContext) -> WebsocketErrorResponse:
            ids.append(ctx.message_id)
            return WebsocketErrorResponse()

    client = FakeClient(attach(Root))
    sid = client.connect()
    client.emit("fine")
    client.emit("not fine")
    await turns()
    client.send(Disconnect("/"))
    records = [record for record in caplog.records if getattr(record, "socket_id", None) == sid]
    extras = [
        {name: value for name, value in vars(record).items() if name in ("namespace", "reason", "event_name", "status")}
        for record in records
    ]
    assert [(record.levelname, extra) for record, extra in zip(records, extras, strict=True)] == [
        ("INFO", {"namespace": "/"}),
        ("DEBUG", {"event_name": "fine", "status": "ok"}),
        ("DEBUG", {"event_name": "not fine", "status": "error"}),
        ("INFO", {"namespace": "/", "reason": "client namespace disconnect"}),
    ]
    assert [vars(record)["message_id"] for record in records[1:3]] == ids
    assert all(record.name.startswith("whinny.") for record in records)


class Silent(SocketIOController):
    """A method that says nothing."""

    @event_name("go")
    def go(self) -> None: ...


@in_fake_time
async def test_what_is_not_logged_costs_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At info level no event makes a line, nor the id that would stand in it; above it connections make none."""
    made: list[int] = []
    monkeypatch.setattr("whinny.websocket.context.new_message_id", lambda: made.append(1))
    caplog.set_level(logging.INFO, "whinny")
    client = FakeClient(attach(Silent))
    client.connect()
    client.emit("go")
    client.emit("unknown")
    assert [record.levelname for record in caplog.records] == ["INFO"]
    caplog.set_level(logging.WARNING, "whinny")
    FakeClient(attach(Silent)).connect()
    client.connection.receive("1")
    assert len(caplog.records) == 1
    assert made == []
