"""The answers to errors of events, and of `on_connection`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from whinny.errors import ConnectionRefused
from whinny.framework import ErrorHandler, Responses, find_services, render_error
from whinny.websocket.http_hooks import answer_of_http_hook
from whinny.websocket.response import AnyResponse, WebsocketErrorResponse, WebsocketResponse

if TYPE_CHECKING:
    from whinny.framework import Settings
    from whinny.websocket.context import WebsocketContext
    from whinny.websocket.controller import SocketIOController

log = logging.getLogger("whinny.websocket")

RESPONSES: Final[Responses[AnyResponse]] = Responses((WebsocketResponse, WebsocketErrorResponse), optional=True)


def render_websocket_error(
    error: BaseException, ctx: WebsocketContext[Any], *, debug: bool | None = None
) -> WebsocketErrorResponse:
    """The answer to an error that nobody caught: masked, or whole where the setting `debug` is on."""
    if debug is None:
        manager = find_services(ctx.controller)
        debug = manager is not None and manager.settings.debug
    return WebsocketErrorResponse(render_error(error, debug), exception=error, ctx=ctx)


class WebsocketErrorHandler(ErrorHandler["WebsocketContext[Any]", AnyResponse]):
    """Answers the errors under a root controller."""

    __slots__ = ()

    def __init__(self, root: SocketIOController, settings: Settings) -> None:
        super().__init__(root, settings, RESPONSES, _render, log)

    def own_answer(self, error: Exception, ctx: WebsocketContext[Any]) -> AnyResponse | None:
        """That of an HTTPException which an HTTP hook has raised."""
        return answer_of_http_hook(error, ctx)

    def refusal(self, error: Exception, ctx: WebsocketContext[Any]) -> ConnectionRefused:
        """What a client hears of an error of `on_connection`."""
        if isinstance(error, ConnectionRefused):
            return error
        self.log_uncaught(error, ctx)
        data = self.describe(error)
        return ConnectionRefused(data.pop("message"), data)


def _render(error: Exception, ctx: WebsocketContext[Any], debug: bool) -> WebsocketErrorResponse:
    return render_websocket_error(error, ctx, debug=debug)
