"""The native path under uvicorn: a class for its `ws` setting (`--ws`, `UVICORN_WS`), which `whinny run` uses.

The ASGI app runs for the handshake as ever: routing, middleware, refusals, the headers of the answer. An app that asks
for the socket (`SOCKET_EXTENSION`) has it from the accept on; every other WebSocket endpoint goes on by ASGI.
"""

from __future__ import annotations

import asyncio
import logging
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

_SILENT: Final = logging.Logger("whinny.serving.handshake", logging.WARNING)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Uvicorn's own, but it hands the socket over to an app that asks for it.

    Also, a client that never reads does not keep its connection, and what waits for it, for ever.
    """

    _take: TakeSocket | None = None
    _early: bytes | None = None  # what the client sent before it was let in

    def handle_connect(self, event: Request) -> None:
        """The request of the handshake came."""
        self._early = b""
        super().handle_connect(event)

    async def run_asgi(self) -> None:
        """Run the app, which the scope offers the socket."""
        cast("Any", self.scope)["extensions"][SOCKET_EXTENSION] = self._give_to
        # Tasks may start eagerly, but uvicorn has not done with the socket before this turn of the loop ends.
        await asyncio.sleep(0)
        await super().run_asgi()

    def _give_to(self, take: TakeSocket) -> None:
        self._take = take
        # Who takes the socket logs its own connections; a request of Socket.IO names the session besides.
        self.logger = self.conn.logger = _SILENT

    def data_received(self, data: bytes) -> None:
        """Bytes came. Those of a client that does not wait for its answer are kept for whoever reads it then."""
        if self._early is None:
            super().data_received(data)
        else:
            self._early += data
            self.transport.pause_reading()

    async def send(self, message: ASGISendEvent) -> None:
        """ASGI's `send`."""
        gone = self.disconnected or self.transport.is_closing()
        if self._take is None or message["type"] != "websocket.accept" or gone:
            await super().send(message)
            if self._early is not None and (early := self._read_on()):
                self.data_received(early)
            return
        if EXTENSIONS in self.response.headers:
            del self.response.headers[EXTENSIONS]  # who takes the socket knows no permessage-deflate
        take, self._take = self._take, None
        early = self._read_on()
        socket, self.transport = self.transport, _Answer()
        try:
            await super().send(message)
        except BaseException:
            self.transport = socket
            raise
        self._hand_over(take, socket, b"".join(self.transport.written), early)

    def _read_on(self) -> bytes | None:
        early, self._early = self._early, None
        if not early or self.transport.is_closing():
            return None
        self.transport.resume_reading()
        return early

    def _hand_over(self, take: TakeSocket, socket: asyncio.Transport, answer: bytes, early: bytes | None) -> None:
        self.stop_keepalive()
        self.connections.discard(self)
        self.disconnected = True
        del cast("Any", self.scope)["extensions"][SOCKET_EXTENSION]
        self.conn.parser.close()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1000, "reason": "the app took the socket"})
        try:
            take(socket, answer, self.connections)
            if early:
                cast("asyncio.Protocol", socket.get_protocol()).data_received(early)
        except BaseException:
            socket.abort()
            raise

    def on_task_complete(self, task: asyncio.Task[Any]) -> None:
        """The app has left the WebSocket."""
        super().on_task_complete(task)
        if not isinstance(self.transport, _Answer):
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
