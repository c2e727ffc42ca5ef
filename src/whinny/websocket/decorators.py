"""What stands on the methods and classes of controllers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from whinny.errors import ConfigurationError
from whinny.framework import Hook, HookDecorator, ServiceManager, SubController
from whinny.websocket.response import AnyResponse

EventMethod = Callable[..., Awaitable[AnyResponse | None] | AnyResponse | None]
M = TypeVar("M", bound=EventMethod)

EVENT: Final = "__whinny_event__"

PostFunction = Callable[[AnyResponse | None], Awaitable[None] | None]
HookResult = AnyResponse | PostFunction | None
WebsocketHookFunction = Callable[[Any, ServiceManager], Awaitable[HookResult] | HookResult]


def event_name(name: str) -> Callable[[M], M]:
    """The method handles the events of this name. Raises ConfigurationError when the name is empty or no text."""
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f'event_name needs the name of an event, event_name("create product"), not {name!r}.')

    def decorate(method: M) -> M:
        if isinstance(method, HookDecorator):
            raise ConfigurationError(
                f'event_name("{name}") stands on a hook: write @websocket_hook(function) below it.'
            )
        wrong = (staticmethod, classmethod, property, type)
        if isinstance(method, wrong) or not callable(method) or not hasattr(method, "__dict__"):
            raise ConfigurationError(f'event_name("{name}") needs a method, not a {type(method).__name__}.')
        if EVENT in vars(method):
            known = getattr(method, EVENT)
            raise ConfigurationError(f"A method handles one event: this one handles {known!r}, so not {name!r}.")
        setattr(method, EVENT, name)
        return method

    return decorate


def websocket_hook(function: WebsocketHookFunction) -> HookDecorator:
    """A hook: `function(ctx, services)` runs before the method.

    It returns nothing, a response, which is the answer then, or a function that is called with the response after the
    method has run.
    """
    if not callable(function) or EVENT in getattr(function, "__dict__", {}):
        raise ConfigurationError(
            f"websocket_hook needs the hook's function, @websocket_hook(function), not {function!r}."
        )
    return HookDecorator(function)


def merge_websocket_hooks(*hooks: HookDecorator) -> HookDecorator:
    """One decorator for several hooks, in this order."""
    for hook in hooks:
        _check_merged(hook)
    return HookDecorator(*(function for hook in hooks for function in hook.hooks))


def _check_merged(hook: object) -> None:
    if not isinstance(hook, HookDecorator):
        raise ConfigurationError(f"This needs hooks, as websocket_hook gives them, not {hook!r}.")


def get_websocket_hook_functions(hook: HookDecorator) -> tuple[Hook, ...]:
    """The functions of a hook, to call them in a test."""
    _check_merged(hook)
    return hook.hooks


def get_websocket_hook_function(hook: HookDecorator) -> Hook:
    """The first function of a hook. Raises ConfigurationError for a merge of none."""
    functions = get_websocket_hook_functions(hook)
    if not functions:
        raise ConfigurationError("This hook merges none, so it has no function.")
    return functions[0]


def ws_controller(prefix: str, controller: type) -> SubController:
    """Puts a controller's events under a prefix; the names are joined as they are."""
    return SubController(prefix, controller)
