"""What the clients of a root controller do: they connect, send events, leave."""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from whinny.framework import AnsweringRun, ControllerNode, Pipeline, ServiceManager
from whinny.logs import escape
from whinny.server import Job, Pending, Socket
from whinny.types import DisconnectReason
from whinny.websocket.connections import Connections
from whinny.websocket.context import LOGGED_NAME, WebsocketContext
from whinny.websocket.errors import RESPONSES, WebsocketErrorHandler
from whinny.websocket.response import AnyResponse, WebsocketErrorResponse
from whinny.websocket.routing import routes_of
from whinny.websocket.typed import TypedContext, TypedPayload

if TYPE_CHECKING:
    from whinny.websocket.controller import SocketIOController

log = logging.getLogger("whinny.websocket")


class Dispatcher:
    """Handles the clients of a root controller; the NamespaceHandler of its namespace."""

    __slots__ = ("_by_name", "_connections", "_errors", "_pipeline", "event_decoders", "routes")

    def __init__(self, root: SocketIOController, tree: ControllerNode, services: ServiceManager) -> None:
        """Raises ConfigurationError when something is wrong with a controller, naming it."""
        self.routes = routes_of(tree)
        self._by_name = {route.event_name: route for route in self.routes}
        self.event_decoders = {route.event_name: route.decode for route in self.routes if route.decode is not None}
        self._errors = WebsocketErrorHandler(root, services.settings)
        self._pipeline: Pipeline[WebsocketContext[Any], AnyResponse] = Pipeline(services, RESPONSES, self._errors)
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
        payload = args[0] if args else None
        ctx: WebsocketContext[Any]
        if type(payload) is TypedPayload:
            ctx = TypedContext(name, payload, socket, route.controller_name, route.method_name)
        else:
            ctx = WebsocketContext(name, payload, socket, args, route.controller_name, route.method_name)
        return self._pipeline.run(EventRun(route.waits, socket, ack_id), route, ctx), route.waits

    @staticmethod
    def _answer_unknown(socket: Socket, name: str, ack_id: int | None) -> None:
        if log.isEnabledFor(logging.DEBUG):
            shown = name[:LOGGED_NAME]
            log.debug("No method handles the event %r", shown, extra={"event_name": escape(shown)})
        if ack_id is not None:
            error = {"code": "UNKNOWN_EVENT", "message": "The server does not know this event."}
            socket.acknowledge(ack_id, WebsocketErrorResponse(error).envelope())


class EventRun(AnsweringRun[WebsocketContext[Any], AnyResponse], eq=False):
    """An event on its way: the client is answered if it has asked for that with an `ack_id`."""

    socket: Socket
    ack_id: int | None

    def check(self, response: AnyResponse) -> None:
        """Raises EncodeError for a response that cannot be sent."""
        self.socket.check_answer(response.envelope())

    def send(self, response: AnyResponse) -> None:
        """Acknowledge. Raises EncodeError."""
        if self.ack_id is not None:
            self.socket.acknowledge(self.ack_id, response.envelope())

    def finish(self, response: AnyResponse | None, ctx: WebsocketContext[Any]) -> None:
        """Log the event, and acknowledge."""
        if log.isEnabledFor(logging.DEBUG):
            _log_event(ctx, response)
        if response is not None:
            self.send(response)


def _log_event(ctx: WebsocketContext[Any], response: AnyResponse | None) -> None:
    status = None if response is None else response.envelope()["status"]
    extra = {**ctx.log_extra(), "status": status}
    log.debug("Event %r: %s", ctx.event_name[:LOGGED_NAME], status or "no answer", extra=extra)
