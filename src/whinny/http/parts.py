"""What a request holds beside its body, as dicts that validation can look at and change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.requests import Request


def query_of(request: Request) -> dict[str, Any]:
    """The parameters of the query."""
    return gather(request.query_params.multi_items())


def headers_of(request: Request) -> dict[str, Any]:
    """The headers, with names in lower case; one that comes several times is one text, as HTTP has it."""
    found: dict[str, Any] = {}
    for name, value in request.headers.items():
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def cookies_of(request: Request) -> dict[str, Any]:
    """The cookies."""
    return dict(request.cookies)


def path_params_of(request: Request) -> dict[str, Any]:
    """The parameters of the path, as its convertors have made them."""
    return dict(request.path_params)


def gather(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Names with their values: a list where a name comes several times."""
    found: dict[str, list[Any]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}
