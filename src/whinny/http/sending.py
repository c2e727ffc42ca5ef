"""From a response of a controller to one that Starlette sends."""

from __future__ import annotations

from collections.abc import AsyncIterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse

from whinny.http.response import HttpResponse, HttpResponseMovedPermanently, HttpResponseRedirect, check_status
from whinny.protocol import encode_value

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from whinny.http.cookie import Cookie

_IN_A_URL: Final = ":/%#?=@[]!$&'()*+,;~"

_BODILESS: Final = frozenset({204, 205, 304})
"""Statuses whose responses end with their headers: a body would be read as the next response."""


def render(response: HttpResponse) -> Response:
    """The response as Starlette sends it.

    Raises EncodeError for a body that cannot be sent, ValueError for a status or a cookie that cannot.
    """
    check_status(response.status_code, type(response).__name__)
    bodiless = response.status_code in _BODILESS
    streams = isinstance(response.body, AsyncIterable)
    body, content_type = _content(None if bodiless and not streams else response.body)
    headers = {name.lower(): value for name, value in response.get_headers().items()}
    if isinstance(response, (HttpResponseMovedPermanently, HttpResponseRedirect)):
        headers["location"] = quote(response.path, safe=_IN_A_URL)
    if content_type:
        headers.setdefault("content-type", content_type)
    if bodiless:
        headers.pop("content-type", None)
        headers.pop("content-length", None)
    kind = StreamingResponse if streams else Response
    rendered = kind(body, response.status_code, headers)
    for name, cookie in response.get_cookies().items():
        rendered.raw_headers.append((b"set-cookie", cookie.header(name)))
    return rendered


def add_cookies(rendered: Response, cookies: dict[str, Cookie]) -> None:
    """Add those of which the response has none of that name."""
    if cookies:
        there = {value.partition(b"=")[0] for name, value in rendered.raw_headers if name == b"set-cookie"}
        for name, cookie in cookies.items():
            if name.encode() not in there:
                rendered.raw_headers.append((b"set-cookie", cookie.header(name)))


def _content(body: Any) -> tuple[Any, str]:
    """What is sent of a body, and its content type."""
    if body is None:
        return b"", ""
    if isinstance(body, str):
        return body.encode(errors="replace"), "text/plain; charset=utf-8"  # a lone surrogate has no UTF-8
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body), "application/octet-stream"
    if isinstance(body, AsyncIterable):
        return body, "application/octet-stream"
    return encode_value(body).encode(), "application/json"


async def send_rendered(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send it; a stream without its pieces where there is no body. A client that leaves in the middle is no error."""
    stream = response.body_iterator if isinstance(response, StreamingResponse) else None
    if stream is None and "content-length" in response.headers and (response.body or scope["method"] != "HEAD"):
        response.headers["content-length"] = str(len(response.body))  # whatever the app has said, but for a HEAD
    try:
        if stream is not None and (scope["method"] == "HEAD" or response.status_code in _BODILESS):
            await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
            await send({"type": "http.response.body", "body": b""})
        else:
            with suppress(ClientDisconnect):
                await response(scope, receive, send)
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
