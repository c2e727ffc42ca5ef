"""HTTP hooks on events: they see the request with which the client came, and their refusals become its answers."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from whinny.errors import ConfigurationError
from whinny.framework import (
    ControllerHook,
    Hook,
    HookDecorator,
    HungHook,
    ServiceManager,
    bind_hook,
    hook_name,
    kind,
    shown,
)
from whinny.websocket.decorators import EVENTS
from whinny.websocket.response import WebsocketErrorResponse

if TYPE_CHECKING:
    from whinny.websocket.context import WebsocketContext


def http_to_websocket_hook(hook: HookDecorator) -> HookDecorator:
    """An HTTP hook, `user_required()` for example, for events: all its functions if it is a merged one.

    Its context has a `request` made of the client's handshake: a GET with the headers, cookies and query of that, and
    without a body; the same for each event. `user`, `session` and `state` are the event's, and what the hook makes of
    them the event sees.

    A response of 4xx or 5xx is answered as `{"statusCode", "statusMessage", "body"}`; so is an HTTPException, unless
    `handle_error` answers it. Any other response, and a function to run afterwards, is an error that names the hook:
    there is nothing on a socket that it could mean. Raises ConfigurationError for what is no HTTP hook, and where
    Starlette is not installed.
    """
    if not isinstance(hook, HookDecorator):
        raise ConfigurationError(f"http_to_websocket_hook needs a hook, such as user_required(), not {shown(hook)}.")
    try:
        from whinny.http.decorators import HTTP  # it needs Starlette, which not everybody has
    except ModuleNotFoundError as error:
        raise ConfigurationError(f'HTTP hooks need the package {error.name}: pip install "whinny[http]".') from None
    if hook.kind is not HTTP:
        raise ConfigurationError(f"http_to_websocket_hook needs an HTTP hook: {hook.name} is one for events already.")
    return HookDecorator(EVENTS, *(_HttpHook(HungHook(each, HTTP)) for each in hook.hooks))


class _HttpHook(ControllerHook):
    __slots__ = ("__qualname__", "_hung")

    def __init__(self, hung: HungHook) -> None:
        self._hung = hung
        self.__qualname__ = hook_name(hung.hook)

    def bind(self, controller: object, where: str) -> Hook:
        """The hook for a controller."""
        bound = bind_hook(self._hung, controller, where)
        return lambda ctx, services: _call(bound.function, bound.name, ctx, services)

    def __call__(self, ctx: WebsocketContext[Any], services: ServiceManager) -> Any:
        """Called alone, in a test."""
        return self.bind(ctx.controller, "http_to_websocket_hook")(ctx, services)


def _call(hook: Hook, name: str, ctx: WebsocketContext[Any], services: ServiceManager) -> Any:
    http = _context_of(ctx)
    with _taken_back(http, name, ctx):
        result = hook(http, services)
    if inspect.isawaitable(result):
        return _later(result, name, http, ctx)
    return _answer(result, name)


async def _later(result: Awaitable[Any], name: str, http: Any, ctx: WebsocketContext[Any]) -> Any:
    with _taken_back(http, name, ctx):
        result = await result
    return _answer(result, name)


@contextmanager
def _taken_back(http: Any, name: str, ctx: WebsocketContext[Any]) -> Iterator[None]:
    """Gives the event what the hook has left in its context, and notes the error that the hook raises."""
    try:
        yield
    except Exception as error:
        ctx._http_hook_error = (error, name)
        raise
    finally:
        ctx.user, ctx.session = http.user, http.session
        if http.state is not ctx.state:
            state = dict(http.state)
            ctx.state.clear()
            ctx.state.update(state)


def answer_of_http_hook(error: Exception, ctx: WebsocketContext[Any]) -> WebsocketErrorResponse | None:
    """The answer that an error is which an HTTP hook has raised: that which it is over HTTP; None for any other error.

    Raises TypeError for an answer that means nothing for an event, ValueError for one that is none.
    """
    raised, name = getattr(ctx, "_http_hook_error", (None, ""))
    if raised is not error:
        return None
    from whinny.http.errors import answer_to

    return _answer(answer_to(error), name, error, ctx)


def _answer(
    result: Any, name: str, exception: Exception | None = None, ctx: WebsocketContext[Any] | None = None
) -> WebsocketErrorResponse | None:
    from whinny.http import HttpResponse

    if result is None:
        return None
    if isinstance(result, HttpResponse) and result.status_code >= 400:
        error = {"statusCode": result.status_code, "statusMessage": result.status_message}
        if result.body is not None:
            error["body"] = result.body
        return WebsocketErrorResponse(error, exception=exception, ctx=ctx)
    given = "a function to run afterwards" if callable(result) and not isinstance(result, type) else kind(result)
    raise TypeError(
        f"The HTTP hook {name} gave {given}, which means nothing for an event: http_to_websocket_hook takes hooks that "
        "give nothing, or a response of 4xx or 5xx."
    )


def _context_of(ctx: WebsocketContext[Any]) -> Any:
    from whinny.http.handshake import context_of_handshake

    http = context_of_handshake(ctx.socket.handshake.request, ctx.controller_name, ctx.controller_method_name)
    http.controller = ctx.controller
    http.user, http.session, http.state = ctx.user, ctx.session, ctx.state
    return http
