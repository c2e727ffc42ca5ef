"""The native path under uvicorn: a class for its `ws` setting (`--ws`, `UVICORN_WS`), which `whinny run` uses.

The ASGI app runs for the handshake as ever: routing, middleware, refusals, the headers of the answer. An app that asks
for the socket (`SOCKET_EXTENSION`) has it from the accept on; every other WebSocket endpoint goes on by ASGI.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from whinny.serving.types import SOCKET_EXTENSION

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent
    from websockets.http11 import Request

    from whinny.serving.types import TakeSocket

EXTENSIONS: Final = "Sec-WebSocket-Extensions"

DRAIN_TIMEOUT: Final = 5.0
"""Seconds in which a client must take a part of what is left for it once the app is done with its WebSocket."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Uvicorn's own, but it hands the socket over to an app that asks for it.

    Also, a client that never reads does not keep its connection, and what waits for it, for ever.
    """

    _take: TakeSocket | None = None
    _early: bytes | None = None  # what the client sent before it was let in

    def handle_connect(self, event: Request) -> None:
        """The request of the handshake came."""
        super().handle_connect(event)
        if self.tasks and (scope := getattr(self, "scope", None)) is not None:
            scope["extensions"][SOCKET_EXTENSION] = self._give_to
            self._early = b""

    def _give_to(self, take: TakeSocket) -> None:
        self._take = take

    def data_received(self, data: bytes) -> None:
        """Bytes came. Those of a client that does not wait for its answer are kept for whoever reads it then."""
        if self._early is None:
            super().data_received(data)
        else:
            self._early += data
            self.transport.pause_reading()

    async def send(self, message: ASGISendEvent) -> None:
        """ASGI's `send`."""
        accepted = message["type"] == "websocket.accept"
        if accepted and self._take is not None and EXTENSIONS in self.response.headers:
            del self.response.headers[EXTENSIONS]  # on the native path there is no permessage-deflate
        await super().send(message)
        if accepted and self._take is not None and not self.transport.is_closing():
            self._hand_over(self._take)
        elif self._early is not None and (early := self._read_on()):
            self.data_received(early)

    def _read_on(self) -> bytes | None:
        early, self._early = self._early, None
        if not early or self.transport.is_closing():
            return None
        self.transport.resume_reading()
        return early

    def _hand_over(self, take: TakeSocket) -> None:
        self.stop_keepalive()
        self.connections.discard(self)
        early = self._read_on()
        socket, self.transport = self.transport, _HandedOver()
        self.disconnected = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1000, "reason": "handed over"})
        try:
            take(socket, self.connections)
        except BaseException:
            socket.abort()  # nobody else would
            raise
        if early:
            cast("asyncio.Protocol", socket.get_protocol()).data_received(early)

    def on_task_complete(self, task: asyncio.Task[Any]) -> None:
        """The app has left the WebSocket."""
        super().on_task_complete(task)
        if not isinstance(self.transport, _HandedOver):
            self._drain()

    def _drain(self, left: int | None = None) -> None:
        """Drop the socket when the client has taken nothing for a while; `left` is what waited for it before."""
        if self.disconnected:
            return
        waiting = self.transport.get_write_buffer_size()
        if left is None or 0 < waiting < left:
            self.loop.call_later(DRAIN_TIMEOUT, self._drain, waiting)
        else:
            self.transport.abort()


class _HandedOver(asyncio.Transport):
    """What is left of a socket that has been handed over: it is another's to write and to close."""

    def close(self) -> None:
        """Leave it open."""

    def is_closing(self) -> bool:
        """Whether it can be used here."""
        return True
