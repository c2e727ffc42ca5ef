"""The opening handshake of a WebSocket (RFC 6455 §4.2), of requests that an HTTP server has read already; sees no I/O.

Only what is entirely in order is read here: whatever else comes is left to who knows how each fault is answered.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from websockets.utils import accept_key

from whinny.engine import TOKEN

MAX_LINE: Final = 8190
MAX_HEADERS: Final = 128

ONCE: Final = frozenset((b"upgrade", b"sec-websocket-key", b"sec-websocket-version", b"origin"))
"""Headers that a request may have one of."""

BODY: Final = frozenset((b"content-length", b"transfer-encoding"))
"""Headers that announce a body: whoever counts it could take the first frames for it."""

_LIST: Final = re.compile(rf"{TOKEN}(?:[ \t]*,[ \t]*{TOKEN})*")
_PARAMETER: Final = rf'[ \t]*;[ \t]*{TOKEN}(?:=(?:{TOKEN}|"{TOKEN}"))?'
_EXTENSIONS: Final = re.compile(rf"{TOKEN}(?:{_PARAMETER})*(?:[ \t]*,[ \t]*{TOKEN}(?:{_PARAMETER})*)*")
_HEADER: Final = re.compile(rf"({TOKEN}):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)".encode())


class Opening(NamedTuple):
    """A client's request to open a WebSocket."""

    target: bytes
    """The path and the query string, as they came."""
    headers: list[tuple[bytes, bytes]]
    """All headers, with their names in lower case."""
    key: bytes
    """Sec-WebSocket-Key."""
    subprotocols: list[str]
    """Those that the client offers."""

    def answer(self, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """What lets the client in, with further headers. Raises ValueError for a header that HTTP does not allow."""
        lines = [
            b"HTTP/1.1 101 Switching Protocols",
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Accept: " + accept_key(self.key.decode()).encode(),
        ]
        for name, value in headers:
            line = b"%b: %b" % (name, value)
            if not _HEADER.fullmatch(line):
                raise ValueError(f"The answer to a WebSocket handshake cannot have the header {line!r}.")
            lines.append(line)
        return b"\r\n".join(lines) + b"\r\n\r\n"


def read_opening(request: bytes) -> Opening | None:
    """A whole request with nothing behind it; None if it is anything but a proper request to open a WebSocket."""
    if not request.endswith(b"\r\n\r\n"):
        return None
    first, *lines = request[:-4].split(b"\r\n")
    if (
        not first.isascii()
        or len(lines) > MAX_HEADERS
        or (len(request) > MAX_LINE and max(map(len, (first, *lines))) > MAX_LINE)
    ):
        return None
    method, _, rest = first.partition(b" ")
    target, _, version = rest.partition(b" ")
    if method != b"GET" or version != b"HTTP/1.1":
        return None
    headers: list[tuple[bytes, bytes]] = []
    once: dict[bytes, bytes] = {}
    lists: dict[bytes, list[str]] = {b"connection": [], b"sec-websocket-protocol": []}
    for line in lines:
        if (header := _HEADER.fullmatch(line)) is None:
            return None
        name, value = header[1].lower(), header[2].rstrip(b" \t")
        headers.append((name, value))
        if name in lists:
            text = value.decode("latin-1")
            if not _LIST.fullmatch(text):
                return None
            lists[name] += [each.strip(" \t") for each in text.split(",")]
        elif name in ONCE:
            if name in once:
                return None
            once[name] = value
        elif name in BODY or (
            name == b"sec-websocket-extensions" and not _EXTENSIONS.fullmatch(value.decode("latin-1"))
        ):
            return None
    key = once.get(b"sec-websocket-key", b"")
    if (
        once.get(b"upgrade", b"").lower() != b"websocket"
        or "upgrade" not in map(str.lower, lists[b"connection"])
        or once.get(b"sec-websocket-version") != b"13"
        or not _is_nonce(key)
    ):
        return None
    return Opening(target, headers, key, lists[b"sec-websocket-protocol"])


def _is_nonce(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        return False
