"""A FastAPI app whose endpoints, background tasks and threads use services and the Socket.IO server."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, FastAPI

from whinny import (
    AckTimeout,
    EncodeError,
    Server,
    ServerNotAttached,
    ServiceManager,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    WsServer,
    dependency,
    event_name,
)

services = ServiceManager()


def get_io() -> Server:
    """The server, for endpoints."""
    return services.get(WsServer).io


Io = Annotated[Server, Depends(get_io)]
api = FastAPI()


@api.post("/async")
async def emit_async(count: int, io: Io) -> None:
    """On the loop."""
    for number in range(count):
        io.emit("news", number)


@api.post("/def")
def emit_def(count: int, io: Io) -> None:
    """In the thread pool."""
    for number in range(count):
        io.emit("news", number)


@api.post("/background-async")
async def emit_background_async(count: int, io: Io, background: BackgroundTasks) -> None:
    """On the loop, after the answer."""
    background.add_task(emit_async, count, io)


@api.post("/background-def")
async def emit_background_def(count: int, io: Io, background: BackgroundTasks) -> None:
    """In the thread pool, after the answer."""
    background.add_task(emit_def, count, io)


tasks: set[asyncio.Task[None]] = set()


@api.post("/task")
async def emit_task(count: int, io: Io) -> None:
    """In a task that outlives the request."""
    task = asyncio.create_task(emit_async(count, io))
    tasks.add(task)
    task.add_done_callback(tasks.discard)


@api.post("/thread")
async def emit_thread(count: int) -> None:
    """In a thread that outlives the request, and takes the server by itself."""
    threading.Thread(target=lambda: emit_def(count, get_io())).start()


@api.post("/executor")
async def emit_executor(count: int, io: Io) -> None:
    """In the loop's executor."""
    await asyncio.get_running_loop().run_in_executor(None, emit_def, count, io)


@api.post("/other-loop")
def emit_other_loop(count: int, io: Io) -> None:
    """In another event loop."""
    asyncio.run(emit_async(count, io))


async def ask(io: Server) -> dict[str, Any]:
    """What only the server's loop knows."""
    [socket] = await io.to("answering").fetch_sockets()
    here = threading.get_ident()
    answers = await io.to("answering").emit_with_ack("question", "all", timeout=5)
    answer = await socket.emit_with_ack("question", "one", timeout=5)
    try:
        await socket.emit_with_ack("unanswered", timeout=0.05)
    except AckTimeout:
        late = True
    else:
        late = False
    return {
        "id": socket.id,
        "answers": [*answers, answer],
        "late": late,
        "same thread": here == threading.get_ident(),
        "servers": await io.server_count(),
    }


@api.get("/ask")
async def ask_async(io: Io) -> dict[str, Any]:
    """From an endpoint on the loop."""
    return await ask(io)


@api.get("/ask-from-another-loop")
def ask_def(io: Io) -> dict[str, Any]:
    """From a loop of its own in a thread of the pool."""
    return asyncio.run(ask(io))


@api.get("/ask-from-a-thread")
async def ask_thread(io: Io) -> dict[str, Any]:
    """From a loop of its own in a thread of its own."""
    return await asyncio.to_thread(asyncio.run, ask(io))


def refusals(io: Server, target: Callable[..., Any]) -> dict[str, str]:
    """The errors of emits that cannot be, as the caller's thread gets them."""
    found: dict[str, str] = {}
    for name, args in {"object": ("news", object()), "reserved": ("connect",)}.items():
        try:
            target(*args)
        except (EncodeError, ValueError) as error:
            found[name] = type(error).__name__
    return found


@api.post("/unsendable-async")
async def unsendable_async(io: Io) -> dict[str, str]:
    """On the loop."""
    return refusals(io, io.emit)


@api.post("/unsendable-def")
def unsendable_def(io: Io) -> dict[str, str]:
    """In the thread pool."""
    return refusals(io, io.to("answering").emit)


@api.post("/rooms")
def change_rooms(io: Io) -> None:
    """In the thread pool: rooms and emits in the order of the calls."""
    for number in range(20):
        io.to("answering").sockets_join(f"room {number}")
        io.to(f"room {number}").emit("news", number)
        io.to("answering").sockets_leave(f"room {number}")
        io.to(f"room {number}").emit("news", "to nobody")


class Slow:
    """A service that takes its time to be made, with a dependency that does so too."""

    made: list[int] = []  # noqa: RUF012
    ws_server = dependency(WsServer)

    def __init__(self) -> None:
        self.made.append(id(self))
        time.sleep(0.2)
        self.ready = self.ws_server.io is not None


class Slower:
    """Needs the other one."""

    slow = dependency(Slow)

    def __init__(self) -> None:
        time.sleep(0.2)
        self.ready = self.slow.ready


@api.get("/slow")
def make_slow(first: bool) -> list[Any]:
    """In the thread pool: the services are made at the first request."""
    service = services.get(Slower) if first else services.get(Slow)
    return [service.ready, id(services.get(Slower)), len(Slow.made)]


unattached = ServiceManager()


@api.get("/not-attached")
def not_attached() -> str:
    """A manager without a controller."""
    try:
        unattached.get(WsServer).io.emit("news")
    except ServerNotAttached as error:
        return str(error)
    return ""


class Controller(SocketIOController):
    """Clients enter the room whose name is in their auth."""

    def on_connection(self, ctx: WebsocketContext) -> None:
        if room := ctx.socket.handshake.auth.get("room"):
            ctx.socket.join(room)

    @event_name("settle")
    def settle(self) -> WebsocketResponse:
        return WebsocketResponse()


app = services.get(Controller).attach(api)
