"""The context of an HTTP hook that looks at the request with which a Socket.IO client came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from whinny.http.context import Context

if TYPE_CHECKING:
    from whinny.engine import EngineRequest


def context_of_handshake(handshake: EngineRequest, controller_name: str, method_name: str) -> Context[Any]:
    """A context with a GET of the handshake's path, query, headers and client, and without a body."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https" if handshake.secure else "http",
        "path": handshake.path,
        "raw_path": handshake.path.encode(),
        "root_path": "",
        "query_string": handshake.query_string,
        "headers": list(handshake.raw_headers),
        "client": handshake.client,
        "server": None,
        "path_params": {},
        "state": {},
    }
    return Context(Request(scope, _no_body), controller_name, method_name)


async def _no_body() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}
