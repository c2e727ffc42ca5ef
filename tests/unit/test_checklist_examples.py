"""The checklist of the framework that the page was written for: its tests of the page's own examples."""

from __future__ import annotations

import asyncio
from typing import Any

from unit.apps import attach
from unit.clock import in_fake_time
from unit.fakes import FakeClient
from whinny import (
    ServiceManager,
    SocketIOController,
    WebsocketContext,
    WebsocketErrorResponse,
    WebsocketResponse,
    event_name,
    validate_payload,
    websocket_hook,
    ws_controller,
)
from whinny.protocol import Ack, Event


async def ask(controller: type[SocketIOController], event: str, *args: Any, **settings: Any) -> Any:
    """What the client's callback is called with."""
    client = FakeClient(attach(controller, **settings))
    client.connect()
    client.emit(event, *args, ack_id=1)
    await asyncio.sleep(1)
    return client.acks()[1]


async def two_clients(root: type[SocketIOController]) -> tuple[FakeClient, FakeClient]:
    server = attach(root)
    clients = FakeClient(server), FakeClient(server)
    for client in clients:
        client.connect()
    return clients


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


@in_fake_time
async def test_messages_to_the_caller_come_raw_and_in_order() -> None:
    """What is emitted comes as it is, before the acknowledgement of the event that emitted it."""

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
async def test_a_broadcast_reaches_the_others_in_order() -> None:
    """All but the sender hear it."""

    class Root(SocketIOController):
        @event_name("create")
        def create(self, ctx: WebsocketContext) -> None:
            ctx.socket.broadcast.emit("event 1", "first message")
            ctx.socket.broadcast.emit("event 1", "second message")

    own, other = await two_clients(Root)
    own.emit("create")
    assert own.events() == []
    assert other.events() == [["event 1", "first message"], ["event 1", "second message"]]


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


@in_fake_time
async def test_handle_error_may_answer_with_an_error_of_its_own() -> None:
    """An error that the app knows gets the words that the app chooses."""

    class Denied(Exception): ...

    class Root(SocketIOController):
        @event_name("create")
        def create(self) -> None:
            raise Denied

        def handle_error(self, error: Exception, ctx: WebsocketContext) -> WebsocketErrorResponse | None:
            return WebsocketErrorResponse("Permission is denied") if isinstance(error, Denied) else None

    assert await ask(Root, "create") == {"status": "error", "error": "Permission is denied"}


@in_fake_time
async def test_a_missing_name_is_told_as_ajv_tells_it() -> None:
    """The keyword, the path in the schema and what is missing."""

    class Root(SocketIOController):
        @event_name("create product")
        @validate_payload({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]})
        def create(self) -> WebsocketResponse:
            return WebsocketResponse()

    answer = await ask(Root, "create product", {})
    assert answer["error"]["payload"] == [
        {
            "instancePath": "",
            "schemaPath": "#/required",
            "keyword": "required",
            "params": {"missingProperty": "name"},
            "message": "must have required property 'name'",
        }
    ]
