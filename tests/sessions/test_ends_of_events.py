"""A session that ends in an event: the event is answered before its client is disconnected, which happens always."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sessions.test_socket_sessions import data_of, error_of
from unit.clock import in_fake_time
from unit.fakes import FakeClient
from whinny import (
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    WsServer,
    dependency,
    event_name,
    forward_http_session_to_websocket,
    use_websocket_sessions,
    websocket_hook,
)
from whinny.sessions import Sessions
from whinny.testing import TestClient

pytestmark = pytest.mark.anyio


def slow_after(ctx: WebsocketContext, services: ServiceManager) -> Any:
    async def wait(response: object) -> None:
        await asyncio.sleep(0.02)

    return wait


class Ending(SocketIOController):
    """Ends its clients' sessions."""

    sessions = dependency(Sessions)

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    @event_name("log in")
    @use_websocket_sessions()
    def log_in(self, ctx: WebsocketContext) -> WebsocketResponse:
        ctx.session.set_user(1)
        return WebsocketResponse()

    @event_name("me")
    @websocket_hook(slow_after)
    @use_websocket_sessions(user=lambda id: None)  # noqa: A006
    def me(self, ctx: WebsocketContext) -> WebsocketResponse:
        raise AssertionError("there is no such user")

    @event_name("log out")
    @websocket_hook(slow_after)
    @use_websocket_sessions()
    async def log_out(self, ctx: WebsocketContext) -> WebsocketResponse:
        await ctx.session.destroy()
        self.over.set()
        return WebsocketResponse("bye")

    @event_name("meanwhile")
    @use_websocket_sessions()
    async def meanwhile(self, ctx: WebsocketContext) -> WebsocketResponse:
        await self.over.wait()
        return WebsocketResponse("done")

    @event_name("end later")
    @use_websocket_sessions()
    def end_later(self, ctx: WebsocketContext) -> WebsocketResponse:
        async def end(id_: str) -> None:
            await self.over.wait()
            await self.sessions.destroy(id_)

        self.tasks.append(asyncio.create_task(end(ctx.session.id)))
        return WebsocketResponse()


@pytest.fixture
def controller() -> Ending:
    return ServiceManager(Settings(session_store="memory:")).get(Ending)


async def test_the_answer_comes_first_though_an_outer_hook_waits_after_a_logout(controller: Ending) -> None:
    async with TestClient(controller.attach()) as client:
        await data_of(client, "log in")
        assert await data_of(client, "log out") == "bye"
        assert await client.wait_disconnected() == "io server disconnect"


async def test_the_refusal_comes_first_though_an_outer_hook_waits_after_it(controller: Ending) -> None:
    async with TestClient(controller.attach()) as client:
        await data_of(client, "log in")
        assert (await error_of(client, "me"))["code"] == "invalid_token"
        assert await client.wait_disconnected() == "io server disconnect"


async def test_another_event_that_ends_meanwhile_disconnects_nobody(controller: Ending) -> None:
    """Only the event that ends the session does, once it is answered."""
    async with TestClient(controller.attach()) as client:
        await data_of(client, "log in")
        answers = await asyncio.gather(data_of(client, "meanwhile"), data_of(client, "log out"))
        assert answers == ["done", "bye"]
        assert await client.wait_disconnected() == "io server disconnect"


async def test_a_task_that_an_event_has_started_ends_the_session(controller: Ending) -> None:
    """The event is long over then: there is no answer to wait for."""
    async with TestClient(controller.attach()) as client:
        await data_of(client, "log in")
        await data_of(client, "end later")
        controller.over.set()
        assert await client.wait_disconnected() == "io server disconnect"


class Forwarding(Ending):
    """The same for clients that have a session already."""

    async def on_connection(self, ctx: WebsocketContext) -> None:
        await forward_http_session_to_websocket(ctx)


class Admins(Forwarding):
    """The same, for another namespace."""

    namespace = "/admins"


@in_fake_time
async def test_what_else_the_client_has_joined_waits_for_the_answer_too() -> None:
    """The connection is closed with it."""
    services = ServiceManager(Settings(session_store="memory:"))
    services.get(Forwarding).attach()
    services.get(Admins).attach()
    session = services.get(Sessions).create()
    await session.commit()
    client = FakeClient(services.get(WsServer).io)
    for namespace in ("/", "/admins"):
        client.send_connect(namespace, {"token": session.token})
    await asyncio.sleep(1)
    client.emit("log out", ack_id=1)
    await asyncio.sleep(1)
    assert client.acks() == {1: {"status": "ok", "data": "bye"}}
    assert client.connection.state == "closed"
