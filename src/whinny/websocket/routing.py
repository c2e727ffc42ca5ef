"""From a tree of controllers to a tuple of routes. Everything that can be wrong with a controller is refused here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from whinny.errors import ConfigurationError
from whinny.framework import Hook, ServiceManager, class_hooks, method_hooks
from whinny.protocol import RESERVED_EVENTS
from whinny.websocket.decorators import EVENT, PayloadValidation, SubController

Call = Literal["nothing", "context", "payload", "everything"]
"""What a method takes: `(self)`, `(self, ctx)`, `(self, ctx, payload)` or `(self, ctx, payload, …)`."""


@dataclass(frozen=True, slots=True)
class BoundHook:
    """A hook with the controller that bears it."""

    function: Hook
    controller: object


@dataclass(frozen=True, slots=True)
class Route:
    """An event and all that happens on it."""

    event_name: str
    controller_name: str
    method_name: str
    method: Callable[..., Any]
    call: Call
    hooks: tuple[BoundHook, ...]
    waits: bool


@dataclass(frozen=True, slots=True)
class ControllerTree:
    """All controllers of a root, the root first, and their routes by event name."""

    controllers: tuple[object, ...]
    routes: dict[str, Route]


def build_tree(root: object, services: ServiceManager) -> ControllerTree:
    """The routes of a root controller. Raises ConfigurationError that names class and method."""
    routes: dict[str, Route] = {}
    controllers: list[object] = []
    for prefix, controller, hooks in _walk(root, "", (), services, ()):
        if not any(controller is known for known in controllers):
            controllers.append(controller)
        for route in _routes_of(controller, prefix, hooks):
            if (other := routes.get(route.event_name)) is not None:
                raise ConfigurationError(
                    f"Two methods handle the event {route.event_name!r}: {_name(other)} and {_name(route)}."
                )
            routes[route.event_name] = route
    return ControllerTree(tuple(controllers), routes)


def _name(route: Route) -> str:
    return f"{route.controller_name}.{route.method_name}"


def _walk(
    controller: object, prefix: str, hooks: tuple[BoundHook, ...], services: ServiceManager, path: tuple[type, ...]
) -> Iterator[tuple[str, object, tuple[BoundHook, ...]]]:
    cls = type(controller)
    if cls in path:
        raise ConfigurationError(f"{cls.__name__} is a sub-controller of itself.")
    hooks = (*hooks, *(_bind(hook, controller, cls.__name__) for hook in class_hooks(cls)))
    yield prefix, controller, hooks
    children: Sequence[SubController | type] = getattr(controller, "sub_controllers", ())
    for child in children:
        entry = child if isinstance(child, SubController) else SubController("", child)
        inner: object = services.get(entry.controller)
        yield from _walk(inner, prefix + entry.prefix, hooks, services, (*path, cls))


def _routes_of(controller: object, prefix: str, hooks: tuple[BoundHook, ...]) -> Iterator[Route]:
    cls = type(controller)
    seen: set[str] = set()
    for owner in reversed(cls.__mro__):
        for name, function in vars(owner).items():
            event = getattr(function, EVENT, None)
            if event is None or name in seen:
                continue
            seen.add(name)
            yield _route(controller, name, prefix, hooks)


def _route(controller: object, name: str, prefix: str, hooks: tuple[BoundHook, ...]) -> Route:
    cls = type(controller)
    where = f"{cls.__name__}.{name}"
    versions = [vars(owner)[name] for owner in cls.__mro__ if name in vars(owner)]
    decorated = next(function for function in versions if hasattr(function, EVENT))
    event = prefix + getattr(decorated, EVENT)
    if event in RESERVED_EVENTS:
        raise ConfigurationError(f"{where} handles the event {event!r}, whose name is reserved.")
    own = next((method_hooks(function) for function in versions if method_hooks(function)), ())
    method = getattr(controller, name)
    all_hooks = (*hooks, *(_bind(hook, controller, where) for hook in own))
    return Route(
        event_name=event,
        controller_name=cls.__name__,
        method_name=name,
        method=method,
        call=_call(method, where),
        hooks=all_hooks,
        waits=any(map(inspect.iscoroutinefunction, (method, *(hook.function for hook in all_hooks)))),
    )


def _bind(hook: Hook, controller: object, where: str) -> BoundHook:
    function = hook.bind(controller, where) if isinstance(hook, PayloadValidation) else hook
    return BoundHook(function, controller)


def _call(method: Callable[..., Any], where: str) -> Call:
    parameters = list(inspect.signature(method).parameters.values())
    positional = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    rest = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    others = any(each.kind in (each.KEYWORD_ONLY, each.VAR_KEYWORD) for each in parameters)
    if others or (rest and len(positional) < 2):
        raise ConfigurationError(
            f"{where} takes ({', '.join(map(str, parameters))}): it must take (self), (self, ctx) or "
            "(self, ctx, payload, *more)."
        )
    if rest or len(positional) > 2:
        return "everything"
    calls: tuple[Call, ...] = ("nothing", "context", "payload")
    return calls[len(positional)]
