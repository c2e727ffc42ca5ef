"""The ASGI app: answers Socket.IO on its path, and passes everything else on to the app that it stands around."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from whinny.engine import FORBIDDEN, EngineRequest, Rejection
from whinny.serving.client_files import client_files
from whinny.serving.lifespan import Lifespan
from whinny.serving.origin import OriginPolicy
from whinny.serving.polling import PollingEndpoint
from whinny.serving.response import reject, respond
from whinny.serving.websocket import WebSocketEndpoint, reject_websocket

if TYPE_CHECKING:
    from whinny.server import Server
    from whinny.serving.lifecycle import Lifecycle
    from whinny.serving.types import ASGIApp, Receive, Scope, Send

UNAVAILABLE: Final = Rejection(None, "The server is shutting down", 503)


class SocketIOApp:
    """Serves a Socket.IO server under any ASGI server, alone or around another ASGI app."""

    def __init__(self, server: Server, lifecycle: Lifecycle, inner: ASGIApp | None = None) -> None:
        self.server = server
        self.inner = inner
        self._lifecycle = lifecycle
        self._prefix = server.options.full_path
        self._origins = OriginPolicy(server.options)
        self._client_files = client_files(server.options)
        self._polling = PollingEndpoint(server.engine)
        self._websocket = WebSocketEndpoint(server)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        kind = scope["type"]
        if kind == "lifespan":
            await Lifespan(self._lifecycle, self.inner).run(scope, receive, send)
        elif _relative_path(scope).startswith(self._prefix) and kind in ("http", "websocket"):
            if not self._lifecycle.started:
                await self._lifecycle.start()
                self._lifecycle.listen_for_signals()
            if kind == "http":
                await self._serve_http(scope, receive, send)
            else:
                await self._serve_websocket(scope, receive, send)
        elif self.inner is not None:
            await self.inner(scope, receive, send)
        elif kind == "http":
            await respond(send, 404, b"Not Found", b"text/plain; charset=utf-8")
        elif kind == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:
        """Starts the server and stops it again, for an app that is mounted in another one.

        Routers pass no lifespan on to what is mounted in them: `async with` this in the outer app's lifespan, or give
        it to the outer app as its lifespan.
        """
        await self._lifecycle.hold()
        self._lifecycle.listen_for_signals()
        try:
            yield
        finally:
            await self._lifecycle.stop()

    async def _serve_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _request(scope)
        headers = self._origins.headers(request)
        if (file := self._client_files.get(_relative_path(scope))) is not None:
            await file.serve(request, send, headers)  # to every page: it holds nothing of anybody
        elif not self._origins.allows(request):
            await reject(send, FORBIDDEN)
        elif (preflight := self._origins.preflight(request)) is not None:
            await respond(send, 204, b"", b"text/plain", preflight)
        elif isinstance(admitted := self._admit(request, websocket=False), Rejection):
            await reject(send, admitted, headers)
        else:
            await self._polling.handle(request, admitted, receive, send, headers)

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _request(scope)
        await receive()  # websocket.connect
        admitted = self._admit(request, websocket=True) if self._origins.allows(request) else FORBIDDEN
        if isinstance(admitted, Rejection):
            await reject_websocket(scope, send, admitted)
        else:
            await self._websocket.handle(request, admitted, scope, receive, send)

    def _admit(self, request: EngineRequest, websocket: bool) -> str | Rejection:
        """The id of the session that the request is for or begins, or why it is refused."""
        if self.server.closing and request.sid is None:
            return UNAVAILABLE
        engine = self.server.engine
        return engine.verify(request, websocket) or request.sid or engine.make_id(request)


def socket_io_apps(app: Any, _seen: set[int] | None = None) -> Iterator[SocketIOApp]:
    """The Socket.IO apps in an app, in the routes of a router and behind middleware."""
    seen: set[int] = set() if _seen is None else _seen
    if app is None or id(app) in seen:
        return
    seen.add(id(app))
    if isinstance(app, SocketIOApp):
        yield app
        yield from socket_io_apps(app.inner, seen)
        return
    yield from socket_io_apps(getattr(app, "app", None), seen)
    routes = getattr(app, "routes", ())
    for route in routes if isinstance(routes, (list, tuple)) else ():
        yield from socket_io_apps(route, seen)


def _relative_path(scope: Scope) -> str:
    path: str = scope["path"]
    root: str = scope.get("root_path") or ""
    return path[len(root) :] if root and path.startswith(root) else path


def _request(scope: Scope) -> EngineRequest:
    client = scope.get("client")
    return EngineRequest(
        scope.get("method", "GET"),
        scope["path"],
        scope.get("query_string") or b"",
        [(bytes(name), bytes(value)) for name, value in scope.get("headers") or ()],
        (client[0], client[1]) if client else None,
        scope.get("scheme", "http"),
    )
