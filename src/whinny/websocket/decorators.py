"""What stands on the methods and classes of controllers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from whinny.errors import ConfigurationError
from whinny.framework import (
    ControllerKind,
    Hook,
    HookDecorator,
    ServiceManager,
    SubController,
    first_function_of,
    functions_of,
    make_hook,
    mark_method,
    merged,
    shown,
)
from whinny.websocket.context import WebsocketContext
from whinny.websocket.response import AnyResponse

EventMethod = Callable[..., Awaitable[AnyResponse | None] | AnyResponse | None]
M = TypeVar("M", bound=EventMethod)

EVENTS: Final = ControllerKind(
    name="events",
    decorators="event_name",
    hook="websocket_hook",
    instead="on an event write use_websocket_sessions(), or http_to_websocket_hook(…) around another HTTP hook",
    context=WebsocketContext,
    data="payload",
    more=True,
)

PostFunction = Callable[[AnyResponse | None], Awaitable[None] | None]
HookResult = AnyResponse | PostFunction | None
WebsocketHookFunction = Callable[[Any, ServiceManager], Awaitable[HookResult] | HookResult]


def event_name(name: str) -> Callable[[M], M]:
    """The method handles the events of this name. Raises ConfigurationError when the name is empty or no text."""
    if not isinstance(name, str) or not name:
        raise ConfigurationError(
            f'event_name needs the name of an event, event_name("create product"), not {shown(name)}.'
        )

    def decorate(method: M) -> M:
        mark_method(method, EVENTS, f'event_name("{name}")', name)
        return method

    return decorate


def websocket_hook(function: WebsocketHookFunction) -> HookDecorator:
    """A hook: `function(ctx, services)` runs before the method.

    It returns nothing, a response, which is the answer then, or a function that is called with the response after the
    method has run.
    """
    return make_hook(function, EVENTS)


def merge_websocket_hooks(*hooks: HookDecorator) -> HookDecorator:
    """One decorator for several hooks, in this order."""
    return merged(hooks, EVENTS)


def get_websocket_hook_functions(hook: HookDecorator) -> tuple[Hook, ...]:
    """The functions of a hook, to call them in a test."""
    return functions_of(hook, EVENTS)


def get_websocket_hook_function(hook: HookDecorator) -> Hook:
    """The first function of a hook. Raises ConfigurationError for a merge of none."""
    return first_function_of(hook, EVENTS)


def ws_controller(prefix: str, controller: type) -> SubController:
    """Puts a controller's events under a prefix; the names are joined as they are."""
    return SubController(prefix, controller)
