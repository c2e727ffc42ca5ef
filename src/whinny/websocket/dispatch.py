"""What the clients of a root controller do: they connect, send events, leave."""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, cast

from whinny.framework import ControllerNode, Pipeline, Run, ServiceManager
from whinny.logs import escape
from whinny.server import Job, Pending, Socket
from whinny.types import DisconnectReason
from whinny.websocket.connections import Connections
from whinny.websocket.context import LOGGED_NAME, WebsocketContext
from whinny.websocket.errors import RESPONSES, WebsocketErrorHandler
from whinny.websocket.response import AnyResponse, WebsocketErrorResponse
from whinny.websocket.routing import Route, routes_of

if TYPE_CHECKING:
    from whinny.websocket.controller import SocketIOController

log = logging.getLogger("whinny.websocket")


class Dispatcher:
    """Handles the clients of a root controller; the NamespaceHandler of its namespace."""

    __slots__ = ("_by_name", "_connections", "_errors", "_pipeline", "routes")

    def __init__(self, root: SocketIOController, tree: ControllerNode, services: ServiceManager) -> None:
        """Raises ConfigurationError when something is wrong with a controller, naming it."""
        self.routes = routes_of(tree)
        self._by_name = {route.event_name: route for route in self.routes}
        self._errors = WebsocketErrorHandler(root, services.settings)
        self._pipeline: Pipeline[WebsocketContext[Any], AnyResponse] = Pipeline(
            services, RESPONSES, self._errors, _check
        )
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
        route = self._by_name.get(name)
        if route is None:
            self._answer_unknown(socket, name, ack_id)
            return None
        args = tuple(data[1:])
        ctx: WebsocketContext[Any] = WebsocketContext(
            name, args[0] if args else None, socket, args, route.controller_name, route.method_name
        )
        return self._handle(route, ctx, socket, ack_id), route.waits

    @staticmethod
    def _answer_unknown(socket: Socket, name: str, ack_id: int | None) -> None:
        if log.isEnabledFor(logging.DEBUG):
            shown = name[:LOGGED_NAME]
            log.debug("No method handles the event %r", shown, extra={"event_name": escape(shown)})
        if ack_id is not None:
            error = {"code": "UNKNOWN_EVENT", "message": "The server does not know this event."}
            socket.acknowledge(ack_id, WebsocketErrorResponse(error).envelope())

    async def _handle(self, route: Route, ctx: WebsocketContext[Any], socket: Socket, ack_id: int | None) -> None:
        run = Run(route.waits)
        response = await self._pipeline.run(run, route, ctx)
        if log.isEnabledFor(logging.DEBUG):
            _log_event(ctx, response)
        if response is None or ack_id is None:
            return
        try:
            socket.acknowledge(ack_id, response.envelope())
        except Exception as error:

            def send(answer: AnyResponse, _: object) -> None:
                socket.acknowledge(ack_id, answer.envelope())

            await self._errors.deliver_instead(run, error, ctx, send)


def _check(response: AnyResponse, ctx: WebsocketContext[Any]) -> None:
    """Raises EncodeError for a response that cannot be sent."""
    cast("Socket", ctx.socket).check_answer(response.envelope())


def _log_event(ctx: WebsocketContext[Any], response: AnyResponse | None) -> None:
    status = None if response is None else response.envelope()["status"]
    extra = {**ctx.log_extra(), "status": status}
    log.debug("Event %r: %s", ctx.event_name[:LOGGED_NAME], status or "no answer", extra=extra)
