"""The HTTP app inside the scenario apps, with a lifespan, routes and a WebSocket of its own."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute

from whinny import ServiceManager, WsServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.websockets import WebSocket


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"hello from {request.url.path}")


async def own_websocket(websocket: WebSocket) -> None:
    """Shout back what is said."""
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text.upper())


def tables(io: Any) -> dict[str, int]:
    """How much the server holds for its clients: the entries of its tables, and the objects that are alive."""
    sizes = {
        "connections": len(io.engine.connections),
        "heartbeats": len(io.engine.heartbeat),
        "clients": len(io.clients),
        "tasks of the server": len(io.tasks),
        "tasks of the loop": len(asyncio.all_tasks()),
    }
    for name, namespace in io.namespaces.items():
        adapter = namespace.adapter
        sizes[f"sockets of {name}"] = len(adapter.members)
        sizes[f"rooms of {name}"] = len(adapter.room_names())
        sizes[f"members of rooms of {name}"] = len(adapter._joined)
    gc.collect()
    types = [type(thing) for thing in gc.get_objects()]
    alive = Counter(cls.__name__ for cls in types if str(cls.__module__).startswith("whinny."))
    return sizes | {f"{name} objects": count for name, count in alive.items()}


def inner_app(services: ServiceManager) -> Starlette:
    """The app; `/lifespan` tells how often its lifespan has begun and `/tables` what the Socket.IO server holds."""
    begun: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        begun.append("begun")
        print("the inner lifespan has begun")
        yield
        print("the inner lifespan has ended")

    async def lifespans(request: Request) -> JSONResponse:
        return JSONResponse(len(begun))

    async def show_tables(request: Request) -> JSONResponse:
        return JSONResponse(tables(services.get(WsServer).io))

    return Starlette(
        routes=[
            Route("/", hello),
            Route("/socket.io", hello),
            Route("/socket.ioo/", hello),
            Route("/lifespan", lifespans),
            Route("/tables", show_tables),
            WebSocketRoute("/own-websocket", own_websocket),
        ],
        lifespan=lifespan,
    )
