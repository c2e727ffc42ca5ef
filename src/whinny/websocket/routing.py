"""From a tree of controllers to a tuple of routes. What can be wrong with an event's method is refused here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from whinny.errors import ConfigurationError
from whinny.framework import (
    BoundHook,
    ControllerMethod,
    ControllerNode,
    Converter,
    Taken,
    converter_for,
    marked_methods,
    taken_by,
    waits,
)
from whinny.protocol import RESERVED_EVENTS, EventDecoder
from whinny.websocket.context import WebsocketContext
from whinny.websocket.decorators import EVENTS
from whinny.websocket.typed import call_with_typed, event_decoder
from whinny.websocket.validation import refuse_payload

Caller = Callable[[WebsocketContext[Any]], Any]


@dataclass(frozen=True, slots=True)
class Route:
    """An event and all that happens on it: the hooks, from the root class's to the method's own, then the method.

    `call` calls the method with as much of the event as it takes. `payload` is the type that the method declares for
    its payload; `waits` says whether a hook or the method is a coroutine function. `decode` decodes the event's JSON
    with the payload straight in its type, where that can be.
    """

    event_name: str
    controller: object
    controller_name: str
    method_name: str
    hooks: tuple[BoundHook, ...]
    call: Caller
    payload: Any
    waits: bool
    decode: EventDecoder | None

    @property
    def name(self) -> str:
        """The method's name with that of its class."""
        return f"{self.controller_name}.{self.method_name}"


def routes_of(tree: ControllerNode) -> tuple[Route, ...]:
    """All routes under a root. Raises ConfigurationError that names class and method."""
    routes: dict[str, Route] = {}
    for node in tree.walk():
        for method in marked_methods(node, EVENTS):
            route = _route(node, method)
            if (other := routes.get(route.event_name)) is not None:
                raise ConfigurationError(
                    f"Two methods handle the event {route.event_name!r}: {other.name} and {route.name}."
                )
            routes[route.event_name] = route
    return tuple(routes.values())


def _route(node: ControllerNode, method: ControllerMethod) -> Route:
    event = node.prefix + method.mark
    if event in RESERVED_EVENTS:
        raise ConfigurationError(f"{method.where} handles the event {event!r}, whose name is reserved.")
    if method.name in ("on_connection", "on_disconnect"):
        raise ConfigurationError(f"{method.where} handles an event, but its name is that of what runs for each client.")
    hooks = (*node.hooks, *method.hooks)
    taken = taken_by(method.function, EVENTS, type(node.controller), method.where)
    call = _caller(method, taken)
    decode = event_decoder(event, taken.declared) if not hooks else None
    if decode is not None:
        call = call_with_typed(method.function, call)
    return Route(
        event_name=event,
        controller=node.controller,
        controller_name=type(node.controller).__name__,
        method_name=method.name,
        hooks=hooks,
        call=call,
        payload=taken.declared,
        waits=any(waits(function) for function in (method.function, *(hook.function for hook in hooks))),
        decode=decode,
    )


def _caller(method: ControllerMethod, taken: Taken) -> Caller:
    """What calls the method with what it takes of an event."""
    function = method.function
    if not taken.context:
        return lambda ctx: function()
    if not taken.data:
        return function
    caller = _call_with_payload(function, taken.more, converter_for(taken.declared, method.where))
    return _unless_missing(caller, function) if taken.optional else caller


def _call_with_payload(method: Callable[..., Any], more: bool, convert: Converter | None) -> Caller:
    if convert is None:
        if more:
            return lambda ctx: method(ctx, ctx.payload, *ctx.args[1:])
        return lambda ctx: method(ctx, ctx.payload)

    def call(ctx: WebsocketContext[Any]) -> Any:
        payload, errors = convert(ctx.payload)
        if errors:
            return refuse_payload(errors)
        return method(ctx, payload, *ctx.args[1:]) if more else method(ctx, payload)

    return call


def _unless_missing(caller: Caller, method: Callable[..., Any]) -> Caller:
    """The method's own default stands for a payload that the client has not sent."""

    def call(ctx: WebsocketContext[Any]) -> Any:
        return method(ctx) if not ctx.args and ctx.payload is None else caller(ctx)

    return call
