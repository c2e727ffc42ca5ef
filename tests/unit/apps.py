"""Servers with a controller, and without a network; and what they answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from unit.fakes import FakeClient
from whinny import ServiceManager, Settings, WsServer

if TYPE_CHECKING:
    from whinny import Server, SocketIOController


def attach(controller: type[SocketIOController], **settings: Any) -> Server:
    """The server of a root controller with these settings."""
    services = ServiceManager(Settings(**settings))
    services.get(controller).attach()
    return services.get(WsServer).io


async def ask(controller: type[SocketIOController], event: str = "go", *args: Any, **settings: Any) -> Any:
    """What the client's callback is called with; an empty text if it is not called."""
    client = FakeClient(attach(controller, **settings))
    assert client.connect()
    client.emit(event, *args, ack_id=5)
    await asyncio.sleep(1)
    assert client.connection.state == "open"
    acks = client.acks()
    assert list(acks) in ([5], [])
    return acks.get(5, "")
