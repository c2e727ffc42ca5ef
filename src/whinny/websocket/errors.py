"""How an error that nobody caught becomes an answer, and how it is logged."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any

from whinny.errors import ConnectionRefused
from whinny.framework import find_services, render_error
from whinny.websocket.response import RESPONSES, AnyResponse, WebsocketErrorResponse

if TYPE_CHECKING:
    from whinny.framework import Settings
    from whinny.websocket.context import WebsocketContext
    from whinny.websocket.controller import SocketIOController
    from whinny.websocket.run import Run

log = logging.getLogger("whinny.websocket")


def render_websocket_error(
    error: BaseException, ctx: WebsocketContext[Any], *, debug: bool | None = None
) -> WebsocketErrorResponse:
    """The answer to an error that nobody caught: masked, or whole where the setting `debug` is on."""
    if debug is None:
        manager = find_services(ctx.controller)
        debug = manager is not None and manager.settings.debug
    return WebsocketErrorResponse(render_error(error, debug))


class ErrorHandler:
    """Answers the errors under a root controller: by its `handle_error`, else as the settings say."""

    __slots__ = ("_root", "_settings")

    def __init__(self, root: SocketIOController, settings: Settings) -> None:
        self._root = root
        self._settings = settings

    async def respond(self, run: Run, raised: BaseException, ctx: WebsocketContext[Any]) -> AnyResponse:
        """The answer to an error of an event. Raises it again where it means that the event itself is cancelled."""
        error = run.own_error(raised)
        try:
            answer = self._root.handle_error(error, ctx)
            if inspect.isawaitable(answer):
                answer = await run.settle(answer)
            if isinstance(answer, RESPONSES):
                log.debug("handle_error answered an error", exc_info=error)
                return answer
            if answer is not None:
                raise TypeError(f"handle_error returned {kind(answer)}: it must return a response or None.")
        except BaseException as second:
            error = run.own_error(second)
        return self.render(error, ctx)

    def render(self, error: Exception, ctx: WebsocketContext[Any]) -> WebsocketErrorResponse:
        """Log an error and give the default answer."""
        self.log(error, f"{ctx.controller_name}.{ctx.controller_method_name}", ctx)
        return render_websocket_error(error, ctx, debug=self._settings.debug)

    def refusal(self, error: Exception, ctx: WebsocketContext[Any]) -> ConnectionRefused:
        """What a client hears of an error of `on_connection`."""
        if isinstance(error, ConnectionRefused):
            return error
        self.log(error, "on_connection", ctx)
        data = render_error(error, self._settings.debug)
        return ConnectionRefused(data.pop("message"), data)

    def log(self, error: BaseException, where: str, ctx: WebsocketContext[Any]) -> None:
        """Log an error that nobody caught, unless the settings say otherwise."""
        if self._settings.log_errors:
            extra = {"event_name": ctx.event_name, "socket_id": getattr(ctx.socket, "id", None)}
            log.error("An error in %s was not caught", where, exc_info=error, extra=extra)


def kind(value: object) -> str:
    """What a value is, in words that show nothing of it."""
    return f"an object of the type {type(value).__name__}"
