"""An app for several workers: tells its process, and broadcasts; others beside it that cannot have workers."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount

from whinny import (
    RedisAdapter,
    ServerOptions,
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    WsServer,
    dependency,
    event_name,
)
from whinny.websocket.response import AnyResponse

if "UNLOADABLE" in os.environ and multiprocessing.parent_process() is not None:
    raise RuntimeError("no database")

WEBSOCKET = ServerOptions(transports=["websocket"])
REDIS = RedisAdapter(os.environ.get("REDIS", "redis://127.0.0.1:1"))


class Controller(SocketIOController):
    options = WEBSOCKET
    adapter = REDIS
    ws_server = dependency(WsServer)

    @event_name("which process")
    def which_process(self, ctx: WebsocketContext) -> AnyResponse:
        return WebsocketResponse([os.getpid(), os.getppid()])

    @event_name("how many servers")
    async def how_many_servers(self, ctx: WebsocketContext) -> AnyResponse:
        return WebsocketResponse(await self.ws_server.io.server_count())

    @event_name("tell all")
    def tell_all(self, ctx: WebsocketContext, payload: str) -> AnyResponse:
        self.ws_server.io.emit("told", payload)
        return WebsocketResponse()


class Polling(Controller):
    options = ServerOptions()


class Broken:
    def boot(self) -> None:
        raise RuntimeError("no database")


class Failing(Controller):
    broken = dependency(Broken)


class Database:
    """Away while there is a file."""

    def boot(self) -> None:
        if Path(os.environ["DOWN"]).exists():
            raise RuntimeError("no database")


class Dependent(Controller):
    database = dependency(Database)


class Alone(SocketIOController):
    options = WEBSOCKET


def attached(root: type[SocketIOController]) -> object:
    return ServiceManager(Settings()).get(root).attach()


app = attached(Controller)
polling = attached(Polling)
alone = attached(Alone)
failing = attached(Failing)
dependent = attached(Dependent)
mounted = Starlette(routes=[Mount("/live", app=polling)])
without = Starlette()
