"""The scenario controller in every kind of host: alone, around other apps, and mounted in a router."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.routing import Mount, Route, WebSocketRoute

from apps.scenarios import ScenarioController
from apps.scenarios_http import hello, inner_app, own_websocket
from whinny import ServiceManager, WsServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp, Receive, Scope, Send


def around(inner: ASGIApp | None) -> Any:
    """The Socket.IO app around another one."""
    return ServiceManager().get(ScenarioController).attach(inner)


alone = ServiceManager().get(ScenarioController).attach()


starlette_services = ServiceManager()
starlette = starlette_services.get(ScenarioController).attach(inner_app(starlette_services))


async def without_lifespan_inner(scope: Scope, receive: Receive, send: Send) -> None:
    """An ASGI app that knows HTTP alone and says so, as the specification allows."""
    assert scope["type"] == "http", "only HTTP is served here"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": f"hello from {scope['path']}".encode()})


without_lifespan = around(without_lifespan_inner)


fastapi_services = ServiceManager()


@asynccontextmanager
async def fastapi_lifespan(app: FastAPI) -> AsyncIterator[None]:
    print("the inner lifespan has begun")
    yield
    print("the inner lifespan has ended")


api = FastAPI(lifespan=fastapi_lifespan)
Io = Annotated[WsServer, Depends(lambda: fastapi_services.get(WsServer))]


@api.post("/announce")
async def announce(text: str, ws_server: Io) -> dict[str, int]:
    """Tell all clients."""
    ws_server.io.emit("announcement", text)
    return {"clients": len(await ws_server.io.fetch_sockets())}


@api.post("/announce-from-a-thread")
def announce_from_a_thread(text: str, ws_server: Io) -> None:
    """Tell all clients, from the thread pool in which FastAPI runs a `def`."""
    ws_server.io.emit("announcement", text)


@api.get("/")
async def fastapi_hello() -> str:
    return "hello from /"


@api.websocket("/own-websocket")
async def fastapi_websocket(websocket: WebSocket) -> None:
    await own_websocket(websocket)


fastapi = fastapi_services.get(ScenarioController).attach(api)


mounted = Starlette(
    routes=[
        Route("/", hello),
        WebSocketRoute("/own-websocket", own_websocket),
        Mount("/realtime", around(None)),
    ]
)


sio_app = around(None)


@asynccontextmanager
async def outer_lifespan(app: Starlette) -> AsyncIterator[None]:
    print("the inner lifespan has begun")
    async with sio_app.lifespan():
        yield
    print("the inner lifespan has ended")


mounted_with_lifespan = Starlette(
    routes=[
        Route("/", hello),
        WebSocketRoute("/own-websocket", own_websocket),
        Mount("/realtime", sio_app),
    ],
    lifespan=outer_lifespan,
)
