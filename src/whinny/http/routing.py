"""From a tree of controllers to a tuple of routes. What can be wrong with a method is refused here."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from starlette.routing import compile_path

from whinny.errors import ConfigurationError
from whinny.framework import (
    BoundHook,
    ControllerMethod,
    ControllerNode,
    Converter,
    converter_for,
    marked_methods,
    resolve,
    signature_of,
)
from whinny.http.context import Context
from whinny.http.decorators import ROUTE, Mark
from whinny.http.response import HttpResponseBadRequest

Caller = Callable[[Context[Any]], Any]

_RULE: Final = "it must take (self), (self, ctx) or (self, ctx, body)"
_SLASHES: Final = re.compile("//+")
_PARAMETER: Final = re.compile(r"\{\w+(:\w+)?\}")


@dataclass(frozen=True, slots=True)
class Route:
    """A kind of requests and all that happens on one: the hooks, from the root class's to the method's own, the method.

    `call` calls the method with as much of the request as it takes. `body` is the type that the method declares for
    the body of a request.
    """

    http_method: str
    path: str
    controller: object
    controller_name: str
    method_name: str
    hooks: tuple[BoundHook, ...]
    call: Caller
    body: Any

    @property
    def name(self) -> str:
        """The method's name with that of its class."""
        return f"{self.controller_name}.{self.method_name}"

    @property
    def pattern(self) -> str:
        """The path without the names of its parameters: two paths with the same match the same requests."""
        return _PARAMETER.sub(lambda found: f"{{{found[1] or ':str'}}}", self.path)


def routes_of(tree: ControllerNode) -> tuple[Route, ...]:
    """All routes under a root, in the order in which they are tried.

    Those of sub-controllers come first, then those of the class, then those that it inherits. Raises ConfigurationError
    that names class and method.
    """
    routes: dict[tuple[str, str], Route] = {}
    for node in _from_below(tree):
        for method in _own_first(node.controller):
            route = _route(node, method)
            known = routes.setdefault((route.http_method, route.pattern), route)
            if known is not route:
                raise ConfigurationError(
                    f"Two methods answer {route.http_method} {route.path!r}: {known.name} and {route.name}."
                )
    return tuple(routes.values())


def _from_below(node: ControllerNode) -> Iterator[ControllerNode]:
    for child in node.children:
        yield from _from_below(child)
    yield node


def _own_first(controller: object) -> list[ControllerMethod]:
    classes = type(controller).__mro__

    def distance(method: ControllerMethod) -> int:
        return next(number for number, cls in enumerate(classes) if method.name in vars(cls))

    return sorted(marked_methods(controller, ROUTE, "get, post or the like"), key=distance)


def _route(node: ControllerNode, method: ControllerMethod) -> Route:
    mark: Mark = method.mark
    path = _SLASHES.sub("/", node.prefix + mark.path) or "/"
    _check_path(path, method.where)
    call, body = _caller(method.function, type(node.controller), method.where)
    return Route(
        http_method=mark.http_method,
        path=path,
        controller=node.controller,
        controller_name=type(node.controller).__name__,
        method_name=method.name,
        hooks=(*node.hooks, *method.hooks),
        call=call,
        body=body,
    )


def _check_path(path: str, where: str) -> None:
    if not path.startswith("/"):
        raise ConfigurationError(f"{where} has the path {path!r}, which must begin with a slash.")
    try:
        compile_path(path)
        if re.search("[{}]", _PARAMETER.sub("", path)):
            raise ValueError("a parameter is written {name} or {name:type}")
    except Exception as error:  # Starlette has several kinds for a path that is none
        raise ConfigurationError(f"{where} has the path {path!r}, which is wrong: {error}.") from error


def _caller(method: Callable[..., Any], owner: type, where: str) -> tuple[Caller, Any]:
    """What calls the method with what it takes of a request, and the type that it declares for the body."""
    signature = signature_of(method)
    named = list(signature.parameters.values()) if signature is not None else []
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if signature is None or len(named) > 2 or any(each.kind not in plain for each in named):
        shown = signature if signature is not None else signature_of(getattr(method, "__func__", method))
        raise ConfigurationError(f"{where} takes {shown}: {_RULE}.")
    if named and named[0].name == "body":
        raise ConfigurationError(f"{where} takes the body first, where the context comes: {_RULE}.")
    if not named:
        return lambda ctx: method(), Any
    if len(named) == 1:
        return method, Any
    parameter = named[1]
    declared = Any if parameter.annotation is parameter.empty else resolve(parameter.annotation, method, owner, where)
    optional = parameter.default is not parameter.empty
    return _call_with_body(method, converter_for(declared, where, "body"), optional), declared


def _call_with_body(method: Callable[..., Any], convert: Converter | None, optional: bool) -> Caller:
    """Where it is `optional`, the method's own default stands for a body that the client has not sent."""

    async def call(ctx: Context[Any]) -> Any:
        body = await ctx.body()
        if body is None and optional:
            result = method(ctx)
        else:
            if convert is not None:
                body, errors = convert(body)
                if errors:
                    return HttpResponseBadRequest({"body": errors})
            result = method(ctx, body)
        return await result if inspect.isawaitable(result) else result

    return call
