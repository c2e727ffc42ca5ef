"""What `on_connection` changes in a session that was forwarded is kept, if the client is let in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sessions.test_socket_sessions import data_of
from whinny import (
    ConnectionRefused,
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    dependency,
    event_name,
    forward_http_session_to_websocket,
    use_websocket_sessions,
)
from whinny.sessions import Session, Sessions
from whinny.testing import TestClient

pytestmark = pytest.mark.anyio

Change = Callable[[WebsocketContext, Sessions], Awaitable[None]]


class Coming(SocketIOController):
    """Does with the session of who comes what a test says."""

    sessions = dependency(Sessions)

    def __init__(self) -> None:
        self.changes: list[Change] = []

    async def on_connection(self, ctx: WebsocketContext) -> None:
        await forward_http_session_to_websocket(ctx)
        for change in self.changes:
            await change(ctx, self.sessions)

    @event_name("me")
    @use_websocket_sessions(create=False)
    def me(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse({"user": ctx.session.user_id, "came": ctx.session.get("came")})


async def come(change: Change) -> tuple[Any, Session, Sessions]:
    """What an event sees after `on_connection` has made this change, and the session that the client came with."""
    controller = ServiceManager(Settings(session_store="memory:")).get(Coming)
    controller.changes.append(change)
    session = controller.sessions.create()
    session.set_user("ada")
    await session.commit()
    async with TestClient(controller.attach(), auth={"token": session.token}) as client:
        return await data_of(client, "me"), session, controller.sessions


async def test_a_value_is_kept() -> None:
    async def change(ctx: WebsocketContext, _: Sessions) -> None:
        ctx.session.set("came", 1)

    seen, session, sessions = await come(change)
    assert seen == {"user": "ada", "came": 1}
    kept = await sessions.read(session.token)
    assert kept is not None
    assert kept.get("came") == 1


async def test_a_regenerated_session_is_the_sockets_own() -> None:
    async def change(ctx: WebsocketContext, _: Sessions) -> None:
        ctx.session.regenerate()

    seen, session, sessions = await come(change)
    assert seen == {"user": "ada", "came": None}
    assert await sessions.read(session.token) is None


@pytest.mark.parametrize("is_kept", [False, True])
async def test_another_session_becomes_the_sockets(is_kept: bool) -> None:
    async def change(ctx: WebsocketContext, sessions: Sessions) -> None:
        ctx.session = sessions.create()
        ctx.session.set_user("bob")
        if is_kept:
            await ctx.session.commit()

    seen, session, sessions = await come(change)
    assert seen == {"user": "bob", "came": None}
    assert await sessions.read(session.token) is not None


async def test_who_is_refused_changes_nothing() -> None:
    async def change(ctx: WebsocketContext, sessions: Sessions) -> None:
        ctx.session.set("came", 1)
        raise ConnectionRefused("Not today.")

    controller = ServiceManager(Settings(session_store="memory:")).get(Coming)
    controller.changes.append(change)
    session = controller.sessions.create()
    await session.commit()
    with pytest.raises(ConnectionRefused, match=r"Not today\."):
        async with TestClient(controller.attach(), auth={"token": session.token}):
            pass
    kept = await controller.sessions.read(session.token)
    assert kept is not None
    assert kept.get("came") is None


async def test_a_session_that_ends_before_that_lets_nobody_in() -> None:
    async def change(ctx: WebsocketContext, sessions: Sessions) -> None:
        ctx.session.set("came", 1)
        await sessions.store.destroy(ctx.session.id)  # as another process would

    with pytest.raises(ConnectionRefused) as refused:
        await come(change)
    assert refused.value.data == {"code": "invalid_token"}
