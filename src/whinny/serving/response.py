"""HTTP answers by ASGI, compressed where that pays."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from whinny.engine import Rejection
    from whinny.serving.origin import Headers
    from whinny.serving.types import Send

Encoding = Literal["gzip", "deflate"]

_IN_THREAD: Final = 16 * 1024
"""Bytes from which compressing would hold up the event loop for more than about a millisecond."""


LARGE: Final = 64 * 1024
"""Bytes that servers keep for a slow client without making the sender wait."""


async def respond(send: Send, status: int, body: bytes, content_type: bytes, headers: Headers | None = None) -> None:
    """Answer an HTTP request."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", content_type),
                (b"content-length", str(len(body)).encode()),
                *(headers or ()),
            ],
        }
    )
    if len(body) > LARGE:
        # Servers wait for a slow client before they take a further part: so this returns when it has taken the body.
        await send({"type": "http.response.body", "body": body, "more_body": True})
        body = b""
    await send({"type": "http.response.body", "body": body})


async def reject(send: Send, rejection: Rejection, headers: Headers | None = None) -> None:
    """Answer with an error of the protocol."""
    await respond(send, rejection.status, rejection.body, b"application/json", headers)


async def compress(body: bytes, accept_encoding: str | None) -> tuple[bytes, Headers]:
    """The body in an encoding that the client takes, with the headers that say so."""
    encoding = choose_encoding(accept_encoding)
    if encoding is None:
        return body, []
    return await pack(body, encoding), [(b"content-encoding", encoding.encode()), (b"vary", b"Accept-Encoding")]


def choose_encoding(accept_encoding: str | None) -> Encoding | None:
    """The encoding for a client that takes these, or None for a body as it is."""
    encodings: tuple[Encoding, ...] = ("gzip", "deflate")
    return next((each for each in encodings if _accepts(accept_encoding, each)), None)


async def pack(body: bytes, encoding: Encoding) -> bytes:
    """The body in this encoding; a long one is packed in a thread."""
    packer = _pack_gzip if encoding == "gzip" else _pack_deflate
    return await asyncio.to_thread(packer, body) if len(body) > _IN_THREAD else packer(body)


def _pack_gzip(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=6, mtime=0)


def _pack_deflate(body: bytes) -> bytes:
    return zlib.compress(body)


def _accepts(accept_encoding: str | None, encoding: str) -> bool:
    for part in (accept_encoding or "").lower().split(","):
        name, _, parameters = part.partition(";")
        if name.strip() in (encoding, "*"):
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
