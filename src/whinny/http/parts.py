"""What a request holds beside its body, as dicts that validation can look at and change."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

from starlette.requests import Request, cookie_parser


def query_of(request: Request) -> dict[str, Any]:
    """The parameters of the query."""
    return gather(request.query_params.multi_items())


def headers_of(request: Request) -> dict[str, Any]:
    """The headers, with names in lower case; one that comes several times is one text, as HTTP has it."""
    found: dict[str, Any] = {}
    for name, value in request.headers.items():
        joint = "; " if name == "cookie" else ", "
        found[name] = f"{found[name]}{joint}{value}" if name in found else value
    return found


def cookies_of(request: Request) -> dict[str, Any]:
    """The cookies."""
    return cookie_parser(cookie_header_of(request))


def cookie_header_of(request: Request) -> str:
    """All cookies as one header: HTTP/2 lets a client send them in several."""
    return "; ".join(request.headers.getlist("cookie"))


def path_params_of(request: Request) -> dict[str, Any]:
    """The parameters of the path, as its convertors have made them."""
    return dict(request.path_params)


def with_lists(values: dict[str, Any], lists: Container[str]) -> dict[str, Any]:
    """The values, where those that are to be lists, and came once, are lists of one."""
    if not any(name in lists and not isinstance(value, list) for name, value in values.items()):
        return values
    return {name: [value] if name in lists and not isinstance(value, list) else value for name, value in values.items()}


def gather(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Names with their values: a list where a name comes several times."""
    found: dict[str, list[Any]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}
