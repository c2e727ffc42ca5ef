"""What a client showed when it came."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from whinny.cluster import SECRET_HEADERS
from whinny.engine import EngineRequest

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Handshake:
    """The request that opened the connection, and the `auth` that the client gave for this namespace.

    `auth` comes from the client: treat it as such. `issued` is the time of the CONNECT packet in seconds since 1970.
    """

    request: EngineRequest
    auth: dict[str, Any]
    issued: float = field(default_factory=lambda: datetime.now(UTC).timestamp())

    @property
    def headers(self) -> Mapping[str, str]:
        """The request's headers by lower-case name."""
        return self.request.headers

    @property
    def query(self) -> Mapping[str, str]:
        """The request's query parameters, EIO and transport among them."""
        return self.request.query

    @property
    def address(self) -> str:
        """The client's IP address, after the proxy headers that the ASGI server trusts; empty where there is none."""
        return self.request.client[0] if self.request.client else ""

    @property
    def secure(self) -> bool:
        """Whether the client came over TLS."""
        return self.request.secure

    @property
    def xdomain(self) -> bool:
        """Whether the request carried an `Origin` header."""
        return self.request.header(b"origin") is not None

    @property
    def url(self) -> str:
        """Path and query of the request."""
        query = self.request.query_string.decode("latin-1")
        return f"{self.request.path}?{query}" if query else self.request.path

    @property
    def time(self) -> str:
        """`issued` as text, in ISO 8601."""
        return datetime.fromtimestamp(self.issued, UTC).isoformat()

    def describe(self) -> dict[str, Any]:
        """What other servers may know of it, in the form of the reference server: nothing that is secret.

        `auth` is left out whole, being what clients show who they are with.
        """
        return {
            "headers": {name: value for name, value in self.headers.items() if name not in SECRET_HEADERS},
            "query": dict(self.query),
            "auth": {},
            "address": self.address,
            "secure": self.secure,
            "xdomain": self.xdomain,
            "url": self.url,
            "time": self.time,
            "issued": round(self.issued * 1000),
        }
