"""The native path under uvicorn: a class for its `ws` setting (`--ws`, `UVICORN_WS`), which `whinny run` uses.

The ASGI app runs for the handshake as ever: routing, middleware, refusals, the headers of the answer. An app that asks
for the socket (`SOCKET_EXTENSION`) has it from the accept on; every other WebSocket endpoint goes on by ASGI.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from whinny.serving.types import SOCKET_EXTENSION

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent
    from websockets.http11 import Request

    from whinny.serving.types import TakeSocket

DRAIN_TIMEOUT: Final = 5.0
"""Seconds in which a client must take what is left for it once the app is done with its WebSocket."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Uvicorn's own, but it hands the socket over to an app that asks for it.

    Also, a client that never reads does not keep its connection, and what waits for it, for ever.
    """

    _take: TakeSocket | None = None

    def handle_connect(self, event: Request) -> None:
        """The request of the handshake came."""
        super().handle_connect(event)
        if self.tasks and (scope := getattr(self, "scope", None)) is not None:
            scope["extensions"][SOCKET_EXTENSION] = self._give_to

    def _give_to(self, take: TakeSocket) -> None:
        self._take = take

    async def send(self, message: ASGISendEvent) -> None:
        """ASGI's `send`."""
        await super().send(message)
        if self._take is not None and message["type"] == "websocket.accept" and not self.transport.is_closing():
            self._hand_over(self._take)

    def _hand_over(self, take: TakeSocket) -> None:
        self.stop_keepalive()
        self.connections.discard(self)
        socket, self.transport = self.transport, _HandedOver()
        self.disconnected = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1000, "reason": "handed over"})
        take(socket, self.connections)

    def on_task_complete(self, task: asyncio.Task[Any]) -> None:
        """The app has left the WebSocket."""
        super().on_task_complete(task)
        if not isinstance(self.transport, _HandedOver):
            self.loop.call_later(DRAIN_TIMEOUT, self.transport.abort)


class _HandedOver(asyncio.Transport):
    """What is left of a socket that has been handed over: it is another's to write and to close."""

    def close(self) -> None:
        """Leave it open."""

    def is_closing(self) -> bool:
        """Whether it can be used here."""
        return True
