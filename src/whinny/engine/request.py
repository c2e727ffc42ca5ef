"""The HTTP request behind a connection, as the engine needs it: a value, whatever server received it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl

import msgspec

TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
"""The names of headers and of cookies, as a regular expression: a token of RFC 9110 §5.6.2."""

RawHeaders = Sequence[tuple[bytes, bytes]]

_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(list[tuple[bytes, bytes]]).decode


class EngineRequest:
    """Method, path, query, headers and client address of one request.

    `raw_headers` are pairs of lower-case name and value in bytes, in the order of arrival. `client` is (host, port) as
    the ASGI server reports it, after the proxy headers that it trusts; None where there is none (a Unix socket).
    """

    __slots__ = ("_headers", "_packed", "_query", "client", "method", "path", "query_string", "scheme")

    def __init__(
        self,
        method: str,
        path: str,
        query_string: bytes = b"",
        raw_headers: RawHeaders = (),
        client: tuple[str, int] | None = None,
        scheme: str = "http",
    ) -> None:
        self.method = method
        self.path = path
        self.query_string = query_string
        self.client = client
        self.scheme = scheme
        self._headers: RawHeaders | None = raw_headers
        self._packed = b""
        self._query: dict[str, str] | None = None

    def pack(self) -> None:
        """Take as little room as possible from here on: the request stays for as long as its client."""
        if self._headers is not None:
            self._packed, self._headers = _pack(self._headers), None
        self._query = None

    @property
    def raw_headers(self) -> RawHeaders:
        """The headers as they came."""
        return _unpack(self._packed) if self._headers is None else self._headers

    @raw_headers.setter
    def raw_headers(self, headers: RawHeaders) -> None:
        self._headers = headers

    @property
    def secure(self) -> bool:
        """Whether the client came over TLS."""
        return self.scheme in ("https", "wss")

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; of a repeated one, the last."""
        if self._query is None:
            self._query = dict(parse_qsl(self.query_string.decode("latin-1"), keep_blank_values=True))
        return self._query

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

    @property
    def headers(self) -> dict[str, str]:
        """All headers by lower-case name; repeated ones joined by a comma, cookies by a semicolon."""
        headers: dict[str, str] = {}
        for key, value in self.raw_headers:
            name, text = key.decode("latin-1").lower(), value.decode("latin-1")
            if name in headers:
                text = headers[name] + ("; " if name == "cookie" else ", ") + text
            headers[name] = text
        return headers
