"""The ids of sessions where an app makes them, at a moment that no client can choose."""

from __future__ import annotations

import asyncio
from typing import Any

from unit.clock import in_fake_time
from whinny import Server, ServerOptions, ServiceManager, Settings
from whinny.serving import Lifecycle, SocketIOApp


@in_fake_time
async def test_two_handshakes_with_one_id_at_once() -> None:
    """Of two WebSockets that are given the same id while both are being accepted, one is served and one is closed."""
    server = Server(ServerOptions(generate_id=lambda request: "same"))
    app = SocketIOApp(server, Lifecycle(server, ServiceManager(Settings())))
    both_accepted = asyncio.Barrier(2)

    async def handshake() -> list[dict[str, Any]]:
        sent: list[Any] = []

        async def receive() -> Any:
            if not sent:
                return {"type": "websocket.connect"}
            await asyncio.sleep(1)
            return {"type": "websocket.disconnect", "code": 1000}

        async def send(message: Any) -> None:
            sent.append(message)
            if message["type"] == "websocket.accept":
                await both_accepted.wait()

        query = b"EIO=4&transport=websocket"
        await app({"type": "websocket", "path": "/socket.io/", "query_string": query}, receive, send)
        return sent

    first, second = await asyncio.gather(handshake(), handshake())
    closed = {"type": "websocket.close", "code": 1000}
    assert [sent[1] == closed for sent in (first, second)].count(True) == 1
    assert server.engine.connections == {}
    await server.close()
