"""What stands on the methods and classes of controllers."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import unquote

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
from whinny.http.context import Context
from whinny.http.response import HttpResponse

_ENCODED: Final = re.compile("%[0-9A-Fa-f]{2}")

HttpMethod = Callable[..., Awaitable[HttpResponse] | HttpResponse]
M = TypeVar("M", bound=HttpMethod)

HTTP: Final = ControllerKind(
    name="HTTP",
    decorators="get, post or the like",
    hook="hook",
    instead="on an HTTP method write what is made for HTTP, such as use_sessions(), validate_body(…) or hook(function)",
    context=Context,
    data="body",
    more=False,
)

PostFunction = Callable[[HttpResponse], Awaitable[None] | None]
HookResult = HttpResponse | PostFunction | None
HookFunction = Callable[[Any, ServiceManager], Awaitable[HookResult] | HookResult]


class RouteMark(NamedTuple):
    """What a method answers: requests of this HTTP method, for this path below the controller's."""

    http_method: str
    path: str


def get(path: str = "") -> Callable[[M], M]:
    """The method answers GET requests for this path below the controller's, and HEAD ones if nothing else does.

    Parameters are written as Starlette has them, `"/{id}"` or `"/{id:int}"`. Raises ConfigurationError for a path that
    does not begin with a slash, or has a query.
    """
    return _route("GET", path)


def post(path: str = "") -> Callable[[M], M]:
    """The method answers POST requests for this path below the controller's; see `get`."""
    return _route("POST", path)


def put(path: str = "") -> Callable[[M], M]:
    """The method answers PUT requests for this path below the controller's; see `get`."""
    return _route("PUT", path)


def patch(path: str = "") -> Callable[[M], M]:
    """The method answers PATCH requests for this path below the controller's; see `get`."""
    return _route("PATCH", path)


def delete(path: str = "") -> Callable[[M], M]:
    """The method answers DELETE requests for this path below the controller's; see `get`."""
    return _route("DELETE", path)


def head(path: str = "") -> Callable[[M], M]:
    """The method answers HEAD requests for this path below the controller's; see `get`."""
    return _route("HEAD", path)


def options(path: str = "") -> Callable[[M], M]:
    """The method answers OPTIONS requests for this path below the controller's; see `get`."""
    return _route("OPTIONS", path)


def _route(http_method: str, path: str) -> Callable[[M], M]:
    name = http_method.lower()
    if not isinstance(path, str):
        raise ConfigurationError(f'{name} needs a path, {name}("/products"), or none, {name}(); not {shown(path)}.')
    if path:
        check_path(path, name)

    def decorate(method: M) -> M:
        mark_method(method, HTTP, f'{name}("{path}")', RouteMark(http_method, path))
        return method

    return decorate


def check_path(path: str, where: str) -> None:
    """Raises ConfigurationError, which names `where`, for what cannot be a path or a part of one."""
    if not path.startswith("/"):
        raise ConfigurationError(f"{where} has the path {path!r}, which must begin with a slash.")
    if _ENCODED.search(path):
        raise ConfigurationError(
            f"{where} has the path {path!r}, but paths are compared when they have been decoded: write "
            f"{unquote(path)!r}."
        )
    if "?" in path or "#" in path:
        raise ConfigurationError(
            f"{where} has the path {path!r}, but a path ends before ? and #: the query is had from ctx.query."
        )


def hook(function: HookFunction) -> HookDecorator:
    """A hook: `function(ctx, services)` runs before the method.

    It returns nothing, a response, which is the answer then, or a function that is called with the response after the
    method has run.
    """
    return make_hook(function, HTTP)


def merge_hooks(*hooks: HookDecorator) -> HookDecorator:
    """One decorator for several hooks, in this order."""
    return merged(hooks, HTTP)


def get_hook_functions(hook: HookDecorator) -> tuple[Hook, ...]:
    """The functions of a hook, to call them in a test."""
    return functions_of(hook, HTTP)


def get_hook_function(hook: HookDecorator) -> Hook:
    """The first function of a hook. Raises ConfigurationError for a merge of none."""
    return first_function_of(hook, HTTP)


def controller(path: str, cls: type) -> SubController:
    """Puts a controller's routes under a path. Raises ConfigurationError for what is none."""
    if isinstance(path, str) and path:
        check_path(path, "controller")
    return SubController(path, cls)
