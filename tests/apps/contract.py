"""The app of tests/serving/test_uvicorn_contract.py: Socket.IO around an app with WebSockets of its own.

`plain` has no middleware, `app` has some of every kind, and each of them does a thing that middleware may do.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, WebSocket
from starlette.applications import Starlette
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from apps.wire import WireController
from whinny import ServerOptions, ServiceManager, WebsocketContext, WebsocketResponse, WsServer, dependency, event_name

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

api = FastAPI()


@api.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    """Text as text and binary as binary, with the subprotocol `second` if it is offered."""
    offered = websocket.scope["subprotocols"]
    await websocket.accept(subprotocol="second" if "second" in offered else None)
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                print(f"the echo heard {message['code']}")
                return
            if message.get("text") is not None:
                await websocket.send_text(message["text"])
            else:
                await websocket.send_bytes(message["bytes"])
    except WebSocketDisconnect:
        pass


@api.websocket("/refuse")
async def refuse(websocket: WebSocket) -> None:
    """No entry."""
    await websocket.close()


@api.websocket("/refuse-with-words")
async def refuse_with_words(websocket: WebSocket) -> None:
    """No entry, and why."""
    await websocket.send_denial_response(PlainTextResponse("not today", 418, {"x-reason": "tea"}))


@api.websocket("/close")
async def close(websocket: WebSocket) -> None:
    """In and out again."""
    await websocket.accept()
    await websocket.close(4001, "enough")


@api.websocket("/crash")
async def crash(websocket: WebSocket) -> None:
    """An endpoint that fails before the accept."""
    raise ValueError("a crash of an endpoint")


@api.get("/log-in")
async def log_in(request: Request, name: str) -> None:
    """Begin a session, where there are any."""
    request.session["name"] = name


@api.websocket("/session")
async def session(websocket: WebSocket) -> None:
    """Say whose session it is."""
    await websocket.accept()
    await websocket.send_text(websocket.session.get("name", "nobody's"))
    await websocket.close()


api.mount("/starlette", Starlette(routes=[Mount("/", routes=[WebSocketRoute("/echo", echo)])]))


class ContractController(WireController):
    ws_server = dependency(WsServer)
    options = ServerOptions(cookie=True)

    @event_name("connections")
    def connections(self, ctx: WebsocketContext) -> WebsocketResponse:
        """How many the server has."""
        return WebsocketResponse(len(self.ws_server.io.engine.connections))

    @event_name("transport")
    def transport(self, ctx: WebsocketContext) -> WebsocketResponse:
        """How its WebSocket is served."""
        return WebsocketResponse(type(ctx.socket.connection.transport).__name__)


class Wrapper:
    """An ASGI middleware; its subclasses change what goes through it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        await self.serve(scope, receive, send)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket."""
        raise NotImplementedError


class Refusing(Wrapper):
    """Lets nobody in whose query says so."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        how = parse_qs(scope["query_string"].decode()).get("middleware", [""])[0]
        if how == "crash":
            raise ValueError("a crash of a middleware")
        if how == "close":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif how == "answer":
            await receive()
            start = {"type": "websocket.http.response.start", "status": 451, "headers": [(b"x-reason", b"the law")]}
            await send(start)
            await send({"type": "websocket.http.response.body", "body": b"by ", "more_body": True})
            await send({"type": "websocket.http.response.body", "body": b"order"})
        else:
            await self.app(scope, receive, send)


class Replacing(Wrapper):
    """Sends something else in place of the accept, if the query says so."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        replace = b"middleware=replace" in scope["query_string"]

        async def send_instead(message: Message) -> None:
            if replace and message["type"] == "websocket.accept":
                message = {"type": "websocket.close", "code": 1008}
            await send(message)

        await self.app(scope, receive, send_instead)


class Adding(Wrapper):
    """Adds a header to the accept."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def add(message: Message) -> None:
            if message["type"] == "websocket.accept":
                message = {**message, "headers": [*message.get("headers", ()), (b"x-added", b"by a middleware")]}
            await send(message)

        await self.app(scope, receive, add)


class Noting(Wrapper):
    """Prints what goes through it, and when the endpoint is over."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        seen: list[str] = []

        async def note_received() -> Message:
            message = await receive()
            seen.append(message["type"])
            return message

        async def note_sent(message: Message) -> None:
            seen.append(message["type"])
            await send(message)

        try:
            await self.app(scope, note_received, note_sent)
        finally:
            print(f"{scope['path']} {scope['query_string'].decode()} saw {' '.join(seen)}.")


class Waiting(Wrapper):
    """Awaits other things before and after the accept."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def wait(message: Message) -> None:
            if message["type"] == "websocket.accept":
                await asyncio.sleep(0.02)
                await send(message)
                await asyncio.sleep(0.02)
            else:
                await send(message)

        query = scope["query_string"].decode()
        print(f"{query} waits")
        await asyncio.sleep(0.5 if "mark=slow" in query else 0.02)
        await self.app(scope, receive, wait)
        await asyncio.sleep(0.02)


plain = ServiceManager().get(ContractController).attach(api)
app = Refusing(Replacing(Adding(Noting(Waiting(SessionMiddleware(plain, secret_key="of the tests"))))))


async def logging_itself(scope: Scope, receive: Receive, send: Send) -> None:
    """`plain` under a server that sets up no logging for it."""
    logging.basicConfig(level=logging.INFO)
    await plain(scope, receive, send)
