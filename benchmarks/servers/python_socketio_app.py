"""The benchmark's events for python-socketio: bare handlers."""

from __future__ import annotations

import os
from typing import Any

import socketio  # type: ignore[import-untyped]

manager = socketio.AsyncRedisManager(os.environ["REDIS"]) if "CLUSTER" in os.environ else None
io: Any = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*", client_manager=manager)
app = socketio.ASGIApp(io)

OK = {"status": "ok"}


async def echo(sid: str, payload: Any) -> dict[str, Any]:
    """Answer with what came."""
    return {"status": "ok", "data": payload}


async def publish(sid: str, payload: Any) -> dict[str, str]:
    """Send to every client."""
    await io.emit("msg", payload)
    return OK


async def join(sid: str, payload: dict[str, int]) -> dict[str, str]:
    """Enter a number of rooms."""
    for number in range(payload["first"], payload["first"] + payload["count"]):
        await io.enter_room(sid, f"room {number}")
    return OK


async def publish_room(sid: str, payload: Any) -> dict[str, str]:
    """Send to the first room."""
    await io.emit("msg", payload, to="room 0")
    return OK


async def disconnect_all(sid: str, *payload: Any) -> None:
    """Disconnect every client, which then closes its connection."""
    for member, _ in list(io.manager.get_participants("/", None)):
        await io.disconnect(member)


for name, handler in {
    "echo": echo,
    "echo async": echo,
    "echo plain": echo,
    "publish": publish,
    "join": join,
    "publish room": publish_room,
    "disconnect all": disconnect_all,
}.items():
    io.on(name, handler)
