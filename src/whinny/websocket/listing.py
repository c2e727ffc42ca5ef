"""The routes of an app as a table, for `whinny routes`."""

from __future__ import annotations

import re
from typing import Any, Final, get_args

from whinny.errors import ConfigurationError
from whinny.logs import escape
from whinny.serving import socket_io_apps
from whinny.websocket.dispatch import Dispatcher
from whinny.websocket.routing import Route

_MODULES: Final = re.compile(
    r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?<![\w.])(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_<])|<locals>\."""
)
"""The modules in a type's text, and what stands in quotes and is to stay."""
_HEAD: Final = ("namespace", "event", "controller", "method", "hooks", "payload")


def list_routes(app: Any) -> str:
    """The events of an app that `attach` gave, or that one is mounted in: a line each, in order of their names.

    Raises ConfigurationError when there is no such app in it.
    """
    servers = {id(found.server): found.server for found in socket_io_apps(app)}
    if not servers:
        raise ConfigurationError("There is no Socket.IO app here: name the app that attach() gave.")
    rows = [
        _row(namespace.name, route)
        for server in servers.values()
        for namespace in server.namespaces.values()
        if isinstance(namespace.handler, Dispatcher)
        for route in namespace.handler.routes
    ]
    return _table([_HEAD, *sorted(rows)])


def _row(namespace: str, route: Route) -> tuple[str, ...]:
    hooks = ", ".join(hook.name for hook in route.hooks)
    names = (namespace, route.event_name, route.controller_name, route.method_name, hooks, _shown(route.payload))
    return tuple(map(escape, names))


def _shown(payload: Any) -> str:
    if payload is Any:
        return "Any"
    if isinstance(payload, type) and not get_args(payload):
        return payload.__name__
    return _MODULES.sub(lambda found: found[1] or "", str(payload))  # list[app.models.Order] is list[Order] here


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
