"""Which pages may connect: the `Origin` of a request, and the CORS headers of an answer.

Browsers send cookies with a WebSocket handshake from any page, and no CORS rule stops that: without this check any
page could use the session of whoever looks at it.
"""

from __future__ import annotations

import logging
from typing import Final

from whinny.engine import EngineOptions, EngineRequest

log = logging.getLogger("whinny.serving")

Headers = list[tuple[bytes, bytes]]

_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}
_MOST_LOGGED: Final = 100


def own_origin(request: EngineRequest) -> str:
    """The origin under which the client reached this server, as a browser writes it."""
    scheme = "https" if request.secure else "http"
    host = (request.header(b"host") or "").lower()
    return f"{scheme}://{host.removesuffix(_DEFAULT_PORTS[scheme])}"


class OriginPolicy:
    """The rule of one server."""

    __slots__ = ("_allowed", "_credentials", "_logged")

    def __init__(self, options: EngineOptions) -> None:
        self._allowed = frozenset(options.allowed_origins)
        self._credentials = options.cors_credentials
        self._logged: set[str] = set()

    def allows(self, request: EngineRequest) -> bool:
        """Whether the request may go on. One without an origin comes from no foreign page."""
        origin = request.header(b"origin")
        if origin is None or origin in self._allowed or "*" in self._allowed:
            return True
        if origin.lower() == own_origin(request):
            return True
        self._log_refusal(origin, own_origin(request))
        return False

    def headers(self, request: EngineRequest) -> Headers:
        """The CORS headers of an answer to a page of another origin that is allowed."""
        origin = request.header(b"origin")
        if origin is None or not self._allowed:
            return []
        if "*" in self._allowed and not self._credentials:
            return [(b"access-control-allow-origin", b"*")]
        headers: Headers = [(b"vary", b"Origin")]
        if origin in self._allowed or "*" in self._allowed:
            headers.append((b"access-control-allow-origin", origin.encode("latin-1")))
            if self._credentials:
                headers.append((b"access-control-allow-credentials", b"true"))
        return headers

    def preflight(self, request: EngineRequest) -> Headers | None:
        """The headers that answer a preflight request; None when this is none."""
        if request.method != "OPTIONS" or not self._allowed or request.header(b"origin") is None:
            return None
        asked = request.header(b"access-control-request-headers")
        return [
            *self.headers(request),
            (b"access-control-allow-methods", b"GET,POST"),
            (b"access-control-allow-headers", (asked or "content-type").encode("latin-1")),
        ]

    def _log_refusal(self, origin: str, own: str) -> None:
        # Once for each origin: whoever is refused can come again as often as they like.
        if origin not in self._logged and len(self._logged) < _MOST_LOGGED:
            self._logged.add(origin)
            log.warning(
                "Refused a client from the origin %r: this server is %r. If its pages may connect, add it to the "
                "server option cors_allowed_origins; behind a proxy, see that it passes Host and X-Forwarded-Proto on.",
                origin[:200],
                own[:200],
            )
