"""WebSockets by ASGI: a transport over `receive` and `send`.

One coroutine a connection reads. What is to be written goes out by one task for all connections, when the loop turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from functools import partial
from types import coroutine
from typing import TYPE_CHECKING, Any, ClassVar, Final

from whinny.engine import EngineRequest, Gate, Rejection
from whinny.serving.outbox import Outbox
from whinny.serving.types import SOCKET_EXTENSION

if TYPE_CHECKING:
    from whinny.engine import Peer, TransportName
    from whinny.server import Server
    from whinny.serving.native import NativePath, NativeWebSocket
    from whinny.serving.origin import Headers
    from whinny.serving.types import OpenSockets, Receive, Scope, Send

CLOSE_GRACE: Final = 5.0
"""Seconds in which the client must take what is left and answer the close frame; then the WebSocket is dropped."""

MESSAGE_TOO_BIG: Final = 1009


class AsgiWebSocket:
    """A transport over an accepted ASGI WebSocket."""

    __slots__ = (
        "_blocked",
        "_close_code",
        "_closed",
        "_deadline",
        "_flushing",
        "_gate",
        "_handler",
        "_outbox",
        "_send",
        "_writer",
        "peer",
    )

    name: ClassVar[TransportName] = "websocket"
    peer: Peer

    def __init__(self, outbox: Outbox, send: Send) -> None:
        outbox.enter()
        self._outbox = outbox
        self._send = send
        self._flushing = False  # somebody writes, or is about to
        self._blocked = False  # a write waits for the client
        self._close_code: int | None = None  # set when this side wants to close
        self._closed = False  # a close frame went out or came in
        self._deadline: asyncio.TimerHandle | None = None
        self._writer: asyncio.Task[None] | None = None
        self._handler = asyncio.current_task()
        self._gate = Gate()

    # out

    @property
    def ready(self) -> bool:
        """Whether the client takes what is written."""
        return not self._blocked

    def wake(self) -> None:
        """Write when the loop turns, unless somebody writes already."""
        if not self._flushing and not self._closed:
            self._flushing = True
            self._outbox.wake(self)

    def try_write(self) -> None:
        """Not possible: who sends may be in the middle of a broadcast, and writing calls the app's middleware."""

    def write(self) -> None:
        """Write in the task that runs; what the client does not take at once is left to one of its own."""
        writing = self._flush()
        try:
            waiting_for = writing.send(None)
        except StopIteration:
            return
        self._writer = asyncio.get_running_loop().create_task(_go_on(writing, waiting_for))

    async def _flush(self) -> None:
        try:
            while packets := self.peer.take():
                left = sum([packet.size for packet in packets])
                for packet in packets:
                    wire = packet.wire
                    self._blocked = True
                    await self._send({"type": "websocket.send", "text" if type(wire) is str else "bytes": wire})
                    self._blocked = False
                    left -= packet.size
                    self.peer.sent(left)
            if self._close_code is not None and not self._closed:
                self._closed = True
                await self._send({"type": "websocket.close", "code": self._close_code})
        except BaseException as error:
            # What was taken is gone with it: nobody may go on as if it had been sent.
            self.peer.lost(self, "transport close", str(error))
            if not isinstance(error, Exception):
                raise
        finally:
            self._flushing = False
            self._writer = None

    def close(self, code: int = 1000) -> None:
        """Send a close frame behind what is being written."""
        if self._close_code is not None or self._closed:
            return
        self._close_code = code
        self._gate.open(for_good=True)
        self.wake()
        self._deadline = asyncio.get_running_loop().call_later(CLOSE_GRACE, self.drop)

    def drop(self) -> None:
        """Let go of the WebSocket at once: its server does so when the app leaves it."""
        for task in (self._writer, self._handler):
            if task is not None and not task.done():
                task.cancel()

    # in

    async def read(self, receive: Receive, limit: int) -> None:
        """Give all messages to the peer until the WebSocket is closed."""
        try:
            while True:
                message = await receive()
                if message["type"] == "websocket.disconnect":
                    self._lost(message.get("code") or 1005)
                    return
                wire = message.get("text")
                if wire is None:
                    wire = message["bytes"]
                if len(wire) * 4 > limit and _too_large(wire, limit):  # a character takes at most four bytes
                    self.close(MESSAGE_TOO_BIG)
                    self.peer.lost(self, "transport error", "the message is larger than max_http_buffer_size")
                    continue
                self.peer.receive(wire)
                if self._gate.is_shut:
                    await self._gate.wait()
        except asyncio.CancelledError:
            if self._close_code is None:  # only a server that ends does so
                self.peer.lost(self, "server shutting down")
                raise
            # The client did not answer the close frame in time: leaving drops the WebSocket.
            if (task := asyncio.current_task()) is not None:
                task.uncancel()
        finally:
            self._handler = None
            self._closed = True
            if self._deadline is not None:
                self._deadline.cancel()
            self.peer.lost(self, "transport close")

    def _lost(self, code: int) -> None:
        self._closed = True
        too_big = code == MESSAGE_TOO_BIG  # the server has refused it while reading
        self.peer.lost(self, "transport error" if too_big else "transport close", f"WebSocket close code {code}")

    def pause(self) -> None:
        """Read no further message."""
        self._gate.shut()

    def resume(self) -> None:
        """Read on."""
        self._gate.open()


async def _go_on(writing: Coroutine[Any, Any, None], waiting_for: Any) -> None:
    """Go on with a coroutine that has begun and waits for a future."""
    await _resume(writing, waiting_for)


@coroutine
def _resume(writing: Coroutine[Any, Any, None], waiting_for: Any) -> Generator[Any, Any, None]:
    while True:
        try:
            result = yield waiting_for
        except BaseException as error:
            resume = partial(writing.throw, error)
        else:
            resume = partial(writing.send, result)
        try:
            waiting_for = resume()
        except StopIteration:
            return


def _too_large(wire: str | bytes, limit: int) -> bool:
    return len(wire) > limit or (type(wire) is str and not wire.isascii() and len(wire.encode()) > limit)


class WebSocketEndpoint:
    """Serves the WebSocket handshakes that a server's engine has verified."""

    __slots__ = ("_asgi", "_engine", "_native", "_shut_down")

    def __init__(self, server: Server) -> None:
        self._engine = server.engine
        self._asgi = Outbox(in_task=True)
        self._shut_down = server.begin_close
        self._native: NativePath | None = None  # made when an ASGI server offers a socket

    async def handle(self, request: EngineRequest, sid: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept the WebSocket, of the session `sid` or of one that it begins, and serve it until it is closed.

        Where the ASGI server lets go of its socket, this ends with the handshake.
        """
        headers: Headers = []
        if not request.sid and (cookie := self._engine.options.cookie_options) is not None:
            headers.append((b"set-cookie", cookie.header(sid).encode()))
        ask_for_socket = (scope.get("extensions") or {}).get(SOCKET_EXTENSION)
        if ask_for_socket is not None:
            ask_for_socket(partial(self._take, request, sid))
        await send({"type": "websocket.accept", "headers": headers})
        if ask_for_socket is not None:
            return
        if not self._engage(request, sid, transport := AsgiWebSocket(self._asgi, send)):
            await send({"type": "websocket.close", "code": 1000})
            return
        await transport.read(receive, self._engine.options.max_http_buffer_size)

    def _take(
        self, request: EngineRequest, sid: str, socket: asyncio.Transport, answer: bytes, open_sockets: OpenSockets
    ) -> None:
        from whinny.serving.native import NativePath, NativeWebSocket  # it needs websockets, which not everybody has

        if self._native is None:
            self._native = NativePath(self._engine.options.max_http_buffer_size, self._shut_down)
        transport = NativeWebSocket(self._native, socket, answer, open_sockets)
        engaged = self._engage(request, sid, transport)
        transport.start()
        if not engaged:
            transport.close()

    def _engage(self, request: EngineRequest, sid: str, transport: AsgiWebSocket | NativeWebSocket) -> bool:
        """Give the transport its peer; False where the reference server accepts and closes again."""
        if request.query["transport"] != "websocket":
            return False
        if request.sid:
            return self._engine.upgrade(sid, transport)
        if sid in self._engine.connections:  # another handshake was given the same id during the accept
            return False
        self._engine.open(request, transport, sid)
        return True


async def reject_websocket(scope: Scope, send: Send, rejection: Rejection) -> None:
    """Refuse a handshake before the accept: with an HTTP answer where the server lets us, else with its own 403."""
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": 1008, "reason": rejection.message})
        return
    body, content_type = rejection.body, b"application/json"
    if rejection.status == 400:  # the reference server answers aborted upgrades in plain words
        body, content_type = rejection.message.encode(), b"text/html"
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "websocket.http.response.start", "status": rejection.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
