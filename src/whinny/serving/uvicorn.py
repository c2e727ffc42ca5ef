"""The native path under uvicorn: a class for its `ws` setting (`--ws`, `UVICORN_WS`), which `whinny run` uses.

The ASGI app runs for the handshake as ever: routing, middleware, refusals, the headers of the answer. An app that asks
for the socket (`SOCKET_EXTENSION`) has it from the accept on; every other WebSocket endpoint goes on by ASGI.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from whinny.serving.types import SOCKET_EXTENSION

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent
    from websockets.http11 import Request

    from whinny.serving.types import TakeSocket

DRAIN_TIMEOUT: Final = 5.0
"""Seconds in which a client must take what is left for it once the app is done with its WebSocket."""


_SILENT: Final = logging.Logger("whinny.serving.handshake", logging.WARNING)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Uvicorn's own, but it hands the socket over to an app that asks for it.

    Also, a client that never reads does not keep its connection, and what waits for it, for ever.
    """

    _take: TakeSocket | None = None

    def handle_connect(self, event: Request) -> None:
        """The request of the handshake came."""
        super().handle_connect(event)
        if hasattr(self, "scope"):  # the request was in order, and the app is about to hear of it
            self.scope["extensions"][SOCKET_EXTENSION] = self._give_to  # type: ignore[assignment]

    def _give_to(self, take: TakeSocket) -> None:
        self._take = take
        # Who takes the socket logs its own connections; a request of Socket.IO names the session besides.
        self.logger = self.conn.logger = _SILENT

    async def send(self, message: ASGISendEvent) -> None:
        """ASGI's `send`."""
        if self._take is None or message["type"] != "websocket.accept" or self.disconnected:
            await super().send(message)
            return
        take, self._take = self._take, None
        socket, self.transport = self.transport, _Answer()
        try:
            await super().send(message)
        except BaseException:
            self.transport = socket
            raise
        self._hand_over(take, socket, b"".join(self.transport.written))

    def _hand_over(self, take: TakeSocket, socket: asyncio.Transport, answer: bytes) -> None:
        self.stop_keepalive()
        self.connections.discard(self)
        self.disconnected = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1000, "reason": "the app took the socket"})
        try:
            take(socket, answer, self.connections)
        except BaseException:
            socket.abort()
            raise

    def on_task_complete(self, task: asyncio.Task[Any]) -> None:
        """The app has left the WebSocket."""
        super().on_task_complete(task)
        if not isinstance(self.transport, _Answer):
            self.loop.call_later(DRAIN_TIMEOUT, self.transport.abort)


class _Answer(asyncio.Transport):
    """In the place of a socket that is handed over: keeps what was to be written, so that it goes out with more."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        """Whether it is of no use any more."""
        return False

    def close(self) -> None:
        """The app is done; the socket stays open."""
