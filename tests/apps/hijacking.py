"""The apps of tests/browser/test_hijacking.py: one that a victim is logged in to, and a page that is after the session.

The settings `WHINNY_CSRF` and, with the origins that may connect, `ALLOWED_ORIGINS` say which checks `victim` makes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from support.servers import ROOT
from whinny import (
    ServerOptions,
    ServiceManager,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    create_app,
    event_name,
    forward_http_session_to_websocket,
    http_to_websocket_hook,
    use_websocket_sessions,
)
from whinny.http import (
    Context,
    HttpResponse,
    HttpResponseNoContent,
    HttpResponseOK,
    get,
    post,
    use_sessions,
    user_required,
)
from whinny.sessions import MemoryStore, Store

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

CLIENT = ROOT / "node_modules" / "socket.io-client" / "dist"

PAGE = """<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>A page</title><link rel="icon" href="data:,"></head>
  <body>
    <script type="module">
      import { io } from "/client/socket.io.esm.min.js";

      // What comes of connecting to a server by one transport, with the cookies that the browser has for it.
      window.connect = (url, transport, auth) => new Promise((resolve) => {
        const socket = io(url, { transports: [transport], withCredentials: true, reconnection: false, auth });
        socket.on("connect", async () => {
          resolve({ connected: true, answer: await socket.timeout(5000).emitWithAck("read secret") });
          socket.disconnect();
        });
        socket.on("connect_error", ({ message, data }) => resolve({ connected: false, message, data: data ?? null }));
      });
    </script>
  </body>
</html>
"""


class LoginController:
    """Logs in whoever asks for it; a GET, so that a window has only to be opened."""

    @get("/log-in/{name}")
    @use_sessions(cookie=True)
    def log_in(self, ctx: Context) -> HttpResponse:
        ctx.session.set_user(ctx.path_params["name"])
        return HttpResponseOK(f"Hello, {ctx.path_params['name']}.")

    @post("/log-out")
    @use_sessions(cookie=True)
    async def log_out(self, ctx: Context) -> HttpResponse:
        await ctx.session.destroy()
        return HttpResponseNoContent()


class SecretController(SocketIOController):
    """Tells users their secret, on a socket that has their session."""

    options = ServerOptions(cors_allowed_origins=os.getenv("ALLOWED_ORIGINS", "").split(), cors_credentials=True)

    async def on_connection(self, ctx: WebsocketContext) -> None:
        await forward_http_session_to_websocket(ctx, cookie=True, user=lambda name: name)

    @event_name("read secret")
    @use_websocket_sessions(create=False, user=lambda name: name)
    @http_to_websocket_hook(user_required())
    def read_secret(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(f"the secret of {ctx.user}")


class Witness:
    """Stands before an app, and tells at `/witness` what has arrived at Socket.IO, and what became of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._arrived: list[dict[str, Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/witness":
            await JSONResponse(self._arrived)(scope, receive, send)
        elif scope["type"] in ("http", "websocket") and scope["path"].startswith("/socket.io"):
            await self._watch(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _watch(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        query = parse_qs(scope["query_string"].decode())
        seen: dict[str, Any] = {
            "transport": query["transport"][0],
            "handshake": "sid" not in query,
            "websocket": scope["type"] == "websocket",
            "origin": headers.get("origin"),
            "cookie": headers.get("cookie", ""),
            "status": None,
        }
        self._arrived.append(seen)

        async def watch(message: Message) -> None:
            if message["type"] == "websocket.accept":
                seen["status"] = 101
            elif message["type"] in ("http.response.start", "websocket.http.response.start"):
                seen["status"] = message["status"]
            elif message["type"] == "websocket.close" and seen["status"] is None:
                seen["status"] = 403
            await send(message)

        await self._app(scope, receive, watch)


async def page(request: Request) -> HTMLResponse:
    return HTMLResponse(PAGE)


services = ServiceManager().set(Store, MemoryStore())
http = create_app(LoginController, services)
http.add_route("/", page)
http.mount("/client", StaticFiles(directory=CLIENT))
victim = Witness(services.get(SecretController).attach(http))

attacker = Starlette(routes=[Route("/", page), Mount("/client", StaticFiles(directory=CLIENT))])
