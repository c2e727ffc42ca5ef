"""Polling requests by ASGI: HTTP around the engine's polling transport."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from whinny.engine import Engine, EngineRequest, Overlap, PollingTransport
from whinny.errors import ProtocolError
from whinny.serving.response import LARGE, compress, respond

if TYPE_CHECKING:
    from whinny.serving.origin import Headers
    from whinny.serving.types import Receive, Send

_TEXT: Final = b"text/plain; charset=UTF-8"
_HTML: Final = b"text/html"
_NO_STORE: Final = (b"cache-control", b"no-store")


class BodyTooLarge(Exception):
    """The body of a data request exceeds max_http_buffer_size."""


class ClientGone(Exception):
    """The client dropped its request."""


class PollingEndpoint:
    """Serves the verified polling requests of an engine."""

    __slots__ = ("_engine",)

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def handle(self, request: EngineRequest, sid: str, receive: Receive, send: Send, headers: Headers) -> None:
        """Serve one request of the session `sid`, or the handshake that begins it; `headers` go into the answer."""
        headers = [*headers, _NO_STORE]
        if request.sid:
            transport = self._engine.connections[sid].transport
            assert isinstance(transport, PollingTransport)
            if request.method == "GET":
                await self._poll(transport, request, receive, send, headers)
            elif request.method == "POST":
                await self._data(transport, request, receive, send, headers)
            else:
                await respond(send, 405, b"", _HTML, [*headers, (b"allow", b"GET, POST")])
        else:
            transport = PollingTransport()
            self._engine.open(request, transport, sid)
            if (cookie := self._engine.options.cookie_options) is not None:
                headers.append((b"set-cookie", cookie.header(sid).encode()))
            await self._poll(transport, request, receive, send, headers)

    async def _poll(
        self, transport: PollingTransport, request: EngineRequest, receive: Receive, send: Send, headers: Headers
    ) -> None:
        try:
            answer = transport.poll()
        except Overlap:
            await respond(send, 400, b"", _HTML, headers)
            return
        if not answer.done():
            gone = asyncio.ensure_future(_until_gone(receive))
            try:
                await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
            finally:
                gone.cancel()
                if not answer.done():
                    transport.poll_gone(answer)
        if not answer.done():
            return
        body = answer.result().encode()
        threshold = self._engine.options.compression_threshold
        if threshold is not None and len(body) >= threshold:
            body, more = await compress(body, request.header(b"accept-encoding"))
            headers = [*headers, *more]
        if len(body) <= LARGE:
            await respond(send, 200, body, _TEXT, headers)
            return
        transport.writing = True
        try:
            await respond(send, 200, body, _TEXT, headers)
        finally:
            transport.written()

    async def _data(
        self, transport: PollingTransport, request: EngineRequest, receive: Receive, send: Send, headers: Headers
    ) -> None:
        if request.header(b"content-type") == "application/octet-stream":
            transport.refuse("invalid content")
            await respond(send, 400, b"", _HTML, headers)
            return
        try:
            transport.begin_data()
        except Overlap:
            await respond(send, 400, b"", _HTML, headers)
            return
        try:
            body = await _read(receive, self._engine.options.max_http_buffer_size, request)
            await transport.data(body)
        except BodyTooLarge:
            await respond(send, 413, b"", _HTML, headers)
        except ProtocolError:
            await respond(send, 400, b"", _HTML, headers)
        except ClientGone:
            transport.data_gone()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not transport.aborted or task is None:
                raise
            task.uncancel()
            await respond(send, 400, b"", _HTML, headers)
        else:
            await respond(send, 200, b"ok", _HTML, headers)
        finally:
            transport.end_data()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read(receive: Receive, limit: int, request: EngineRequest) -> bytes:
    declared = request.header(b"content-length")
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise BodyTooLarge
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)
