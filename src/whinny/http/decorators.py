"""What stands on the methods and classes of controllers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, TypeVar

from whinny.errors import ConfigurationError
from whinny.framework import Hook, HookDecorator, ServiceManager, SubController
from whinny.http.response import HttpResponse

HttpMethod = Callable[..., Awaitable[HttpResponse] | HttpResponse]
M = TypeVar("M", bound=HttpMethod)

ROUTE: Final = "__whinny_route__"

PostFunction = Callable[[HttpResponse], Awaitable[None] | None]
HookResult = HttpResponse | PostFunction | None
HookFunction = Callable[[Any, ServiceManager], Awaitable[HookResult] | HookResult]


class Mark(NamedTuple):
    """What a method answers: requests of this HTTP method, for this path below the controller's."""

    http_method: str
    path: str


def get(path: str = "") -> Callable[[M], M]:
    """The method answers GET requests for this path below the controller's, and HEAD ones if nothing else does.

    Parameters are written as Starlette has them, `"/{id}"` or `"/{id:int}"`. Raises ConfigurationError for a path that
    does not begin with a slash.
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
        raise ConfigurationError(f'{name} needs a path, {name}("/products"), or none, {name}(); not {path!r}.')
    _check_path(path, name)
    shown = f'{name}("{path}")'

    def decorate(method: M) -> M:
        if isinstance(method, HookDecorator):
            raise ConfigurationError(f"{shown} stands on a hook: write @hook(function) below it.")
        wrong = (staticmethod, classmethod, property, type)
        if isinstance(method, wrong) or not callable(method) or not hasattr(method, "__dict__"):
            raise ConfigurationError(f"{shown} needs a method, not a {type(method).__name__}.")
        if ROUTE in vars(method):
            known: Mark = getattr(method, ROUTE)
            raise ConfigurationError(
                f"A method answers one kind of requests: this one answers {known.http_method} {known.path!r}, so it "
                f"cannot have {shown}."
            )
        setattr(method, ROUTE, Mark(http_method, path))
        return method

    return decorate


def _check_path(path: str, name: str) -> None:
    if path and not path.startswith("/"):
        raise ConfigurationError(f"A path begins with a slash: {name} has {path!r}.")


def hook(function: HookFunction) -> HookDecorator:
    """A hook: `function(ctx, services)` runs before the method.

    It returns nothing, a response, which is the answer then, or a function that is called with the response after the
    method has run.
    """
    if not callable(function) or ROUTE in getattr(function, "__dict__", {}):
        raise ConfigurationError(f"hook needs the hook's function, @hook(function), not {function!r}.")
    return HookDecorator(function)


def merge_hooks(*hooks: HookDecorator) -> HookDecorator:
    """One decorator for several hooks, in this order."""
    for each in hooks:
        _check_merged(each)
    return HookDecorator(*(function for each in hooks for function in each.hooks))


def _check_merged(each: object) -> None:
    if not isinstance(each, HookDecorator):
        raise ConfigurationError(f"This needs hooks, as hook gives them, not {each!r}.")


def get_hook_functions(hook: HookDecorator) -> tuple[Hook, ...]:
    """The functions of a hook, to call them in a test."""
    _check_merged(hook)
    return hook.hooks


def get_hook_function(hook: HookDecorator) -> Hook:
    """The first function of a hook. Raises ConfigurationError for a merge of none."""
    functions = get_hook_functions(hook)
    if not functions:
        raise ConfigurationError("This hook merges none, so it has no function.")
    return functions[0]


def controller(path: str, cls: type) -> SubController:
    """Puts a controller's routes under a path. Raises ConfigurationError for one that does not begin with a slash."""
    if isinstance(path, str):
        _check_path(path, "controller")
    return SubController(path, cls)
