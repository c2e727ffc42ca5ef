"""The HTTP request behind a connection, as the engine needs it: a value, whatever server received it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Sequence


class EngineRequest:
    """Method, path, query, headers and client address of one request.

    `raw_headers` are pairs of lower-case name and value in bytes, in the order of arrival. `client` is (host, port) as
    the ASGI server reports it, after the proxy headers that it trusts; None where there is none (a Unix socket).
    """

    __slots__ = ("__dict__", "client", "method", "path", "query_string", "raw_headers", "scheme")

    def __init__(
        self,
        method: str,
        path: str,
        query_string: bytes = b"",
        raw_headers: Sequence[tuple[bytes, bytes]] = (),
        client: tuple[str, int] | None = None,
        scheme: str = "http",
    ) -> None:
        self.method = method
        self.path = path
        self.query_string = query_string
        self.raw_headers = raw_headers
        self.client = client
        self.scheme = scheme

    @property
    def secure(self) -> bool:
        """Whether the client came over TLS."""
        return self.scheme in ("https", "wss")

    @cached_property
    def query(self) -> dict[str, str]:
        """The query's parameters; of a repeated one, the last."""
        return dict(parse_qsl(self.query_string.decode("latin-1"), keep_blank_values=True))

    @property
    def sid(self) -> str | None:
        """The session id that the request names, if it does."""
        return self.query.get("sid") or None

    def header(self, name: bytes) -> str | None:
        """The first header of this lower-case name, or None."""
        for key, value in self.raw_headers:
            if key == name:
                return value.decode("latin-1")
        return None

    @cached_property
    def headers(self) -> dict[str, str]:
        """All headers by lower-case name; repeated ones joined by a comma, cookies by a semicolon."""
        headers: dict[str, str] = {}
        for key, value in self.raw_headers:
            name, text = key.decode("latin-1").lower(), value.decode("latin-1")
            if name in headers:
                text = headers[name] + ("; " if name == "cookie" else ", ") + text
            headers[name] = text
        return headers
