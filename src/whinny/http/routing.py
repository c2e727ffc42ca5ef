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
    Taken,
    converter_for,
    marked_methods,
    names_of,
    taken_by,
)
from whinny.http.body import is_form
from whinny.http.context import Context
from whinny.http.decorators import HTTP, RouteMark, check_path
from whinny.http.parts import with_lists
from whinny.http.response import HttpResponseBadRequest

Caller = Callable[[Context[Any]], Any]

_SLASHES: Final = re.compile("//+")
_PARAMETER: Final = re.compile(r"\{([a-zA-Z_]\w*)(:[a-zA-Z_]\w*)?\}", re.ASCII)  # what Starlette takes for one


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
        return _PARAMETER.sub(lambda found: f"{{{found[2] or ':str'}}}", self.path)


def routes_of(tree: ControllerNode) -> tuple[Route, ...]:
    """All routes under a root, in the order in which they are tried.

    Those of sub-controllers come first, then those of the class, then those that it inherits. Raises ConfigurationError
    that names class and method.
    """
    routes: dict[tuple[str, str], Route] = {}
    for node in _from_below(tree):
        for method in _own_first(node):
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


def _own_first(node: ControllerNode) -> list[ControllerMethod]:
    classes = type(node.controller).__mro__

    def distance(method: ControllerMethod) -> int:
        return next(number for number, cls in enumerate(classes) if method.name in vars(cls))

    return sorted(marked_methods(node, HTTP), key=distance)


def _route(node: ControllerNode, method: ControllerMethod) -> Route:
    mark: RouteMark = method.mark
    path = _SLASHES.sub("/", node.prefix + mark.path) or "/"
    _check_path(path, method.where)
    _refuse_path_parameters(method, path)
    taken = taken_by(method.function, HTTP, type(node.controller), method.where)
    return Route(
        http_method=mark.http_method,
        path=path,
        controller=node.controller,
        controller_name=type(node.controller).__name__,
        method_name=method.name,
        hooks=(*node.hooks, *method.hooks),
        call=_caller(method, taken),
        body=taken.declared,
    )


def _check_path(path: str, where: str) -> None:
    check_path(path, where)
    try:
        compile_path(path)
        if re.search("[{}]", _PARAMETER.sub("", path)):
            raise ValueError(
                "a parameter is {name} or {name:type}, where the name is one of ASCII letters, digits and _"
            )
    except Exception as error:  # Starlette has several kinds for a path that is none
        raise ConfigurationError(f"{where} has the path {path!r}, which is wrong: {error}.") from error


def _refuse_path_parameters(method: ControllerMethod, path: str) -> None:
    """Elsewhere they are passed by name; here nothing would put them in the place of what is called like them."""
    in_path = {found[1] for found in _PARAMETER.finditer(path)} - {"self", "ctx", HTTP.data}
    for name in names_of(method.function):
        if name in in_path:
            raise ConfigurationError(
                f'{method.where} takes {name}, which is a parameter of its path: it is ctx.path_params["{name}"], and '
                f"the method must take {HTTP.takes}."
            )


def _caller(method: ControllerMethod, taken: Taken) -> Caller:
    """What calls the method with what it takes of a request."""
    function = method.function
    if not taken.context:
        return lambda ctx: function()
    if not taken.data:
        return function
    return _call_with_body(function, converter_for(taken.declared, method.where, HTTP.data), taken.optional)


def _with_lists_of_one(convert: Converter, form: dict[str, Any], errors: Any) -> tuple[Any, Any]:
    """Convert again, where the type wants lists of fields that have come once: nothing else tells them from others."""
    wanted = {each["instancePath"][1:] for each in errors if each["params"].get("type") == "array"}
    listed = with_lists(form, wanted)
    return (None, errors) if listed is form else convert(listed)


def _call_with_body(method: Callable[..., Any], convert: Converter | None, optional: bool) -> Caller:
    """Where it is `optional`, the method's own default stands for a body that the client has not sent."""

    async def call(ctx: Context[Any]) -> Any:
        body = await ctx.body()
        if body is None and optional:
            result = method(ctx)
        else:
            if convert is not None:
                given = body
                body, errors = convert(given)
                if errors and isinstance(given, dict) and is_form(ctx.request):
                    body, errors = _with_lists_of_one(convert, given, errors)
                if errors:
                    return HttpResponseBadRequest({"body": errors})
            result = method(ctx, body)
        return await result if inspect.isawaitable(result) else result

    return call
