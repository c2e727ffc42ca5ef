"""The native path under uvicorn: a class for its `ws` setting (`--ws`, `UVICORN_WS`), which `whinny run` uses.

The ASGI app runs for the handshake as ever: routing, middleware, refusals, the headers of the answer. An app that asks
for the socket (`SOCKET_EXTENSION`) has it from the accept on; every other WebSocket endpoint goes on by ASGI, and is
served by uvicorn's own class, which refuses and fails for all.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import unquote

from uvicorn.protocols.utils import ClientDisconnected, get_local_addr, get_remote_addr, is_ssl
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from whinny.serving.opening import Opening, read_opening
from whinny.serving.types import SOCKET_EXTENSION

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent
    from uvicorn.config import Config
    from uvicorn.server import ServerState
    from websockets.http11 import Request

    from whinny.serving.types import ASGIApp, Message, OpenSockets, Receive, Scope, Send, TakeSocket

DRAIN_TIMEOUT: Final = 5.0
"""Seconds in which a client must take a part of what is left for it once the app is done with its WebSocket."""

BAD_REQUEST: Final = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"

log = logging.getLogger("uvicorn.error")

quiet_log = logging.getLogger("uvicorn.error.taken")
"""For who would have the socket: it logs its own connections, and a request of Socket.IO names the session besides."""
quiet_log.setLevel(logging.WARNING)


class WebSocketProtocol(asyncio.Protocol):
    """The handshake of a WebSocket: runs the app, and gives the socket to who asks for it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._config = config
        self._state = server_state
        self._connections: OpenSockets = server_state.connections
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._socket: asyncio.Transport
        self._request: bytes | None = None
        self._opening: Opening | None = None
        self._early = b""  # what the client sent before it was let in
        self._scope: Scope = {}
        self._app: asyncio.Task[object] | None = None
        self._not_ours_yet = False  # whoever has given the request is to be done with the socket first
        self._knows_connect = False  # the app has received `websocket.connect`
        self._decided: asyncio.Future[None] | None = None  # made for an app that receives before it has let anybody in
        self._take: TakeSocket | None = None
        self._taken = False
        self._uvicorn: _ByAsgi | None = None

    # what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Uvicorn's HTTP class hands a socket over, and right after this the request that it has read."""
        self._socket = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        """The request came; or bytes of a client that does not wait for the answer, which are kept."""
        if self._request is not None:
            self._early += data
            self._socket.pause_reading()
            return
        self._request = data
        self._opening = opening = read_opening(data)
        if opening is None:
            self._loop.call_soon(self._leave)
            return
        self._scope = self._make_scope(opening)
        self._not_ours_yet = True
        self._app = self._loop.create_task(self._run())
        self._not_ours_yet = False
        cast("set[asyncio.Task[object]]", self._state.tasks).add(self._app)
        self._app.add_done_callback(self._on_app_done)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone before the app has decided."""
        if not self._taken:
            self._leave().connection_lost(exc)

    def shutdown(self) -> None:
        """Uvicorn ends."""
        if (uvicorn := self._leave()).is_open:
            uvicorn.shutdown()

    # the app

    def _make_scope(self, opening: Opening) -> Scope:
        path, _, query = opening.target.partition(b"?")
        root = self._config.root_path
        return {
            "type": "websocket",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss" if is_ssl(self._socket) else "ws",
            "server": get_local_addr(self._socket),
            "client": get_remote_addr(self._socket),
            "root_path": root,
            "path": root + unquote(path.decode("ascii")),
            "raw_path": root.encode("ascii") + path,
            "query_string": query,
            "headers": opening.headers,
            "subprotocols": opening.subprotocols,
            "state": self._app_state.copy(),
            "extensions": {"websocket.http.response": {}, SOCKET_EXTENSION: self._give_to},
        }

    async def _run(self) -> object:
        if self._not_ours_yet:  # tasks start eagerly
            await asyncio.sleep(0)
        app = cast("ASGIApp", self._config.loaded_app)
        try:
            return cast("object", await app(self._scope, self._receive, self._send))
        except (KeyboardInterrupt, SystemExit) as error:  # out of a task they would end the loop
            raise RuntimeError(f"the app raised {error!r}") from error

    def _on_app_done(self, task: asyncio.Task[object]) -> None:
        cast("set[asyncio.Task[object]]", self._state.tasks).discard(task)
        error = None if task.cancelled() else task.exception()
        if not self._taken:
            self._leave()  # it answers in the app's place, and logs
            return
        self._app = None
        if error is not None and not isinstance(error, ClientDisconnected):
            log.error("Exception in ASGI application", exc_info=error)

    async def _receive(self) -> Message:
        if not self._knows_connect and self._uvicorn is None:
            self._knows_connect = True
            return {"type": "websocket.connect"}
        if self._uvicorn is None and not self._taken:
            self._decided = self._decided or self._loop.create_future()
            await asyncio.shield(self._decided)
        if self._uvicorn is None:
            return {"type": "websocket.disconnect", "code": 1000, "reason": "the app took the socket"}
        return cast("Message", await self._uvicorn.receive())

    async def _send(self, message: Message) -> None:
        if self._taken:
            raise ClientDisconnected
        is_open = self._uvicorn is None and not self._socket.is_closing()
        if self._take is not None and is_open and message["type"] == "websocket.accept":
            self._hand_over(self._take, message)
        else:
            await self._leave().send(cast("ASGISendEvent", message))

    # the socket

    def _give_to(self, take: TakeSocket) -> None:
        self._take = take

    def _hand_over(self, take: TakeSocket, accept: Message) -> None:
        headers = [*self._state.default_headers, *accept.get("headers", ())]
        if subprotocol := accept.get("subprotocol"):
            headers.append((b"Sec-WebSocket-Protocol", subprotocol.encode()))
        answer = cast("Opening", self._opening).answer(headers)
        self._taken = True
        self._decide()
        self._scope = {}  # it holds this object, by its offer of the socket
        self._connections.discard(self)
        if self._early:
            self._socket.resume_reading()
        try:
            take(self._socket, answer, self._connections)
            if self._early:
                cast("asyncio.Protocol", self._socket.get_protocol()).data_received(self._early)
        except BaseException:
            self._socket.abort()
            raise

    def _decide(self) -> None:
        if self._decided is not None and not self._decided.done():
            self._decided.set_result(None)

    def _leave(self) -> _ByAsgi:
        """Leave the WebSocket to uvicorn's own class, once and for all; the app goes on talking to that."""
        if self._uvicorn is None:
            self._uvicorn = uvicorn = _ByAsgi(self._config, self._state, self._app_state, self._loop)
            self._connections.discard(self)
            self._socket.set_protocol(uvicorn)
            uvicorn.connection_made(self._socket)
            if self._app is not None:
                uvicorn.app = self._go_on
                cast("set[asyncio.Task[object]]", self._state.tasks).discard(self._app)  # the other waits for it
            if self._take is not None:
                uvicorn.logger = uvicorn.conn.logger = quiet_log
            try:
                if self._request:
                    uvicorn.data_received(self._request)
            except Exception:  # it fails on some requests with a body
                log.exception("The request of a WebSocket could not be read")
                self._socket.abort()
            if not uvicorn.is_open:
                self._refuse()
            elif self._app is not None:
                uvicorn.scope = cast("Any", self._scope)  # middleware may have changed it
                if self._knows_connect:
                    uvicorn.queue.get_nowait()
            if self._early:
                uvicorn.data_received(self._early)
            self._decide()
        return self._uvicorn

    def _refuse(self) -> None:
        """Uvicorn's class does not take the request, whatever the app would have done."""
        if self._app is not None:
            self._app.cancel()
        if not self._socket.is_closing():  # it has no answer to a request with a body, and would wait for ever
            self._socket.write(BAD_REQUEST)
            self._socket.close()

    async def _go_on(self, scope: Scope, receive: Receive, send: Send) -> object:
        return await cast("asyncio.Task[object]", self._app)


class _ByAsgi(WebSocketsSansIOProtocol):
    """Uvicorn's own.

    What a client sends before it is let in is kept until then, and one that never reads does not keep its connection,
    and what waits for it, for ever.
    """

    _early: bytes | None = None

    def handle_connect(self, event: Request) -> None:
        """The request of the handshake came."""
        self._early = b""
        super().handle_connect(event)

    @property
    def is_open(self) -> bool:
        """Whether it has taken the request, and runs an app for it."""
        return self.handshake_initiated and not self.close_sent

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._early is None:
            super().data_received(data)
        else:
            self._early += data
            self.transport.pause_reading()

    async def send(self, message: ASGISendEvent) -> None:
        """ASGI's `send`."""
        if not self.handshake_complete and not self.close_sent and self.transport.is_closing():
            # It ends: uvicorn has answered in the place of an app that had not begun to, and nobody may answer again.
            self.handshake_complete = True
            raise ClientDisconnected
        await super().send(message)
        if self._early is None:
            return
        early, self._early = self._early, None
        if early and not self.transport.is_closing():
            self.transport.resume_reading()
            self.data_received(early)

    def on_task_complete(self, task: asyncio.Task[Any]) -> None:
        """The app has left the WebSocket."""
        super().on_task_complete(task)
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
