"""From a tree of controllers to a tuple of routes. Everything that can be wrong with a controller is refused here."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from whinny.errors import ConfigurationError
from whinny.framework import Hook, ServiceManager, class_hooks, method_hooks
from whinny.protocol import RESERVED_EVENTS
from whinny.websocket.context import WebsocketContext
from whinny.websocket.decorators import EVENT, PayloadValidation, SubController

ROOT_ONLY: Final = ("handle_error", "options", "namespace", "adapter")
"""What has a meaning on a root controller alone."""


@dataclass(frozen=True, slots=True)
class BoundHook:
    """A hook with the controller that bears it."""

    function: Hook
    controller: object


@dataclass(frozen=True, slots=True)
class Route:
    """An event and all that happens on it.

    `arguments` says what the method takes: 0 for `(self)`, 1 for `(self, ctx)`, more with the payload and what the
    client sent behind it, None for all of that.
    """

    event_name: str
    controller_name: str
    method_name: str
    controller: object
    method: Callable[..., Any]
    arguments: int | None
    hooks: tuple[BoundHook, ...]
    waits: bool

    @property
    def name(self) -> str:
        """The method's name with that of its class."""
        return f"{self.controller_name}.{self.method_name}"

    def call(self, ctx: WebsocketContext[Any]) -> Any:
        """Call the method. What the client did not send is None; what the method does not take is left out."""
        if self.arguments == 2:
            return self.method(ctx, ctx.payload)
        if self.arguments == 1:
            return self.method(ctx)
        if self.arguments == 0:
            return self.method()
        if self.arguments is None:
            return self.method(ctx, *(ctx.args or (None,)))
        wanted = self.arguments - 1
        return self.method(ctx, *ctx.args[:wanted], *[None] * (wanted - len(ctx.args)))


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
                    f"Two methods handle the event {route.event_name!r}: {other.name} and {route.name}."
                )
            routes[route.event_name] = route
    return ControllerTree(tuple(controllers), routes)


def _walk(
    controller: object, prefix: str, hooks: tuple[BoundHook, ...], services: ServiceManager, path: tuple[type, ...]
) -> Iterator[tuple[str, object, tuple[BoundHook, ...]]]:
    cls = type(controller)
    if cls in path:
        raise ConfigurationError(f"{cls.__name__} is a sub-controller of itself.")
    hooks = (*hooks, *(_bind(hook, controller, cls.__name__) for hook in class_hooks(cls)))
    yield prefix, controller, hooks
    children: Any = getattr(controller, "sub_controllers", ())
    if not isinstance(children, Sequence):
        raise ConfigurationError(f"{cls.__name__}.sub_controllers must be a tuple of controllers, not {children!r}.")
    for child in children:
        entry = child if isinstance(child, SubController) else SubController("", child)
        _refuse_root_only(entry.controller)
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
            if getattr(controller, name) is None:
                continue  # a subclass has taken the event away
            yield _route(controller, name, prefix, hooks)


def _route(controller: object, name: str, prefix: str, hooks: tuple[BoundHook, ...]) -> Route:
    cls = type(controller)
    where = f"{cls.__name__}.{name}"
    versions = [vars(owner)[name] for owner in cls.__mro__ if name in vars(owner)]
    if isinstance(versions[0], (staticmethod, classmethod)):
        raise ConfigurationError(f"{where} handles an event and must be a method, neither static nor of the class.")
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
        controller=controller,
        method=method,
        arguments=_count_arguments(method, where),
        hooks=all_hooks,
        waits=any(map(inspect.iscoroutinefunction, (method, *(hook.function for hook in all_hooks)))),
    )


def _bind(hook: Hook, controller: object, where: str) -> BoundHook:
    function = hook.bind(controller, where) if isinstance(hook, PayloadValidation) else hook
    return BoundHook(function, controller)


def _count_arguments(method: Callable[..., Any], where: str) -> int | None:
    parameters = list(_signature(method).parameters.values())
    positional = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    rest = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    others = any(each.kind in (each.KEYWORD_ONLY, each.VAR_KEYWORD) for each in parameters)
    if others or (rest and len(positional) != 2):
        raise ConfigurationError(
            f"{where} takes ({', '.join(map(str, parameters))}): it must take (self), (self, ctx) or "
            "(self, ctx, payload, *more)."
        )
    return None if rest else len(positional)


def _signature(method: Callable[..., Any]) -> inspect.Signature:
    if sys.version_info >= (3, 14):  # annotations may name what is imported for type checkers alone
        from annotationlib import Format

        return inspect.signature(method, annotation_format=Format.FORWARDREF)
    return inspect.signature(method)


def _refuse_root_only(cls: type) -> None:
    for name in ROOT_ONLY:
        if hasattr(cls, name):
            raise ConfigurationError(f"{cls.__name__}.{name} has no meaning: {cls.__name__} is no root controller.")
