"""What happens on an event: hooks, method, post functions, answer."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final, cast

from whinny.errors import EncodeError
from whinny.framework import ServiceManager
from whinny.server import Job, Pending, Socket
from whinny.types import DisconnectReason
from whinny.websocket.connections import Connections
from whinny.websocket.context import WebsocketContext
from whinny.websocket.errors import ErrorHandler, kind
from whinny.websocket.response import RESPONSES, AnyResponse, WebsocketErrorResponse
from whinny.websocket.run import Run

if TYPE_CHECKING:
    from whinny.websocket.controller import SocketIOController
    from whinny.websocket.decorators import PostFunction
    from whinny.websocket.routing import ControllerTree, Route

log = logging.getLogger("whinny.websocket")

_HOOK_RULE: Final = "it must return nothing, a WebsocketResponse, a WebsocketErrorResponse or a function."
_METHOD_RULE: Final = "it must return a WebsocketResponse, a WebsocketErrorResponse or None."
_LOGGED_NAME: Final = 200  # characters of an event's name; a client may choose any


class Dispatcher:
    """Handles the clients of a root controller; the NamespaceHandler of its namespace."""

    __slots__ = ("_connections", "_errors", "_routes", "_services")

    def __init__(self, root: SocketIOController, tree: ControllerTree, services: ServiceManager) -> None:
        self._routes = tree.routes
        self._services = services
        self._errors = ErrorHandler(root, services.settings)
        self._connections = Connections(tree, self._errors)

    def on_connect(self, socket: Socket) -> Pending | None:
        """A client wants in."""
        return self._connections.on_connect(socket)

    def on_disconnect(self, socket: Socket, reason: DisconnectReason) -> Coroutine[Any, Any, None] | None:
        """A client is gone."""
        return self._connections.on_disconnect(socket, reason)

    def on_event(self, socket: Socket, data: list[Any], ack_id: int | None) -> Job | None:
        """An event came: the job that handles it."""
        name = data[0]
        route = self._routes.get(name)
        if route is None:
            self._answer_unknown(socket, name, ack_id)
            return None
        args = tuple(data[1:])
        ctx: WebsocketContext[Any] = WebsocketContext(
            name,
            args[0] if args else None,
            socket,
            args=args,
            controller_name=route.controller_name,
            controller_method_name=route.method_name,
        )
        return Job(self._handle(route, ctx, ack_id), route.waits)

    @staticmethod
    def _answer_unknown(socket: Socket, name: str, ack_id: int | None) -> None:
        log.debug("No method handles the event %r", name[:_LOGGED_NAME])
        if ack_id is not None:
            error = {"code": "UNKNOWN_EVENT", "message": "The server does not know this event."}
            socket.acknowledge(ack_id, WebsocketErrorResponse(error))

    async def _handle(self, route: Route, ctx: WebsocketContext[Any], ack_id: int | None) -> None:
        run = Run(route.waits)
        posts: list[PostFunction] = []
        try:
            response = await self._run_hooks_and_method(run, route, ctx, posts)
        except BaseException as error:
            response = await self._errors.respond(run, error, ctx)
        for post in reversed(posts):
            try:
                result = post(response)
                if inspect.isawaitable(result):
                    await run.settle(result)
            except BaseException as error:
                response = await self._errors.respond(run, error, ctx)
        if log.isEnabledFor(logging.DEBUG):
            _log_event(ctx, response)
        if response is not None and ack_id is not None:
            await self._acknowledge(run, response, ctx, ack_id)

    async def _run_hooks_and_method(
        self, run: Run, route: Route, ctx: WebsocketContext[Any], posts: list[PostFunction]
    ) -> AnyResponse | None:
        for hook in route.hooks:
            ctx.controller = hook.controller
            result = hook.function(ctx, self._services)
            if result is None:
                continue
            if inspect.isawaitable(result):
                result = await run.settle(result)
            if isinstance(result, RESPONSES):
                return result
            if callable(result):
                posts.append(cast("PostFunction", result))
            elif result is not None:
                raise TypeError(f"A hook of {route.name} returned {kind(result)}: {_HOOK_RULE}")
        ctx.controller = route.controller
        answer = route.call(ctx)
        if answer is not None and not isinstance(answer, RESPONSES) and inspect.isawaitable(answer):
            answer = await run.settle(answer)
        if answer is None or isinstance(answer, RESPONSES):
            return answer
        raise TypeError(f"{route.name} returned {kind(answer)}: {_METHOD_RULE}")

    async def _acknowledge(self, run: Run, response: AnyResponse, ctx: WebsocketContext[Any], ack_id: int) -> None:
        try:
            ctx.socket.acknowledge(ack_id, response)
            return
        except EncodeError as error:
            response = await self._errors.respond(run, error, ctx)
        try:
            ctx.socket.acknowledge(ack_id, response)
        except EncodeError as error:  # what handle_error has answered cannot be sent either
            ctx.socket.acknowledge(ack_id, self._errors.render(error, ctx))


def _log_event(ctx: WebsocketContext[Any], response: AnyResponse | None) -> None:
    status = None if response is None else response.envelope()["status"]
    log.debug(
        "Event %r: %s",
        ctx.event_name[:_LOGGED_NAME],
        status or "no answer",
        extra={"event_name": ctx.event_name, "status": status, "message_id": ctx.message_id},
    )
