"""A WebSocket to an ASGI app in the same event loop: no network, no server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote

if TYPE_CHECKING:
    from whinny.serving import ASGIApp, Message, Scope

GRACE: Final = 1.0
"""Seconds in which the app must end after its client has left; then its task is cancelled."""


class Reader(Protocol):
    """Who reads what the app sends."""

    def on_message(self, data: str | bytes) -> None:
        """A message came."""

    def on_close(self) -> None:
        """The app has closed the WebSocket or has ended."""


class InProcessWebSocket:
    """One WebSocket. One task runs the app; what it sends is read at once, within its own call."""

    __slots__ = ("_app", "_body", "_inbox", "_reader", "_scope", "_status", "_task", "closed", "failure", "refusal")

    def __init__(self, app: ASGIApp, scope: Scope, reader: Reader) -> None:
        self._app = app
        self._scope = scope
        self._reader = reader
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._status = 0
        self._body = b""
        self.closed = False  # by either side
        self.refusal: str | None = None
        self.failure: BaseException | None = None

    @property
    def ended(self) -> bool:
        """Whether the app has ended."""
        return self._task is not None and self._task.done()

    def open(self) -> None:
        """Begin the handshake."""
        self._inbox.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._app_ended)

    async def _run(self) -> None:
        await self._app(self._scope, self._inbox.get, self._receive)

    def _app_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self.failure = task.exception()
        self._close()
        self._reader.on_close()

    # from the app

    async def _receive(self, message: Message) -> None:
        kind = message["type"]
        if self.closed:
            return  # as over a network: it was under way
        if kind == "websocket.send":
            text = message.get("text")
            self._reader.on_message(message["bytes"] if text is None else text)
        elif kind == "websocket.close":
            code, reason = message.get("code", 1000), message.get("reason") or ""
            self._refuse(f"closed with {code} {reason}".rstrip())
        elif kind == "websocket.http.response.start":
            self._status = message["status"]
        elif kind == "websocket.http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                self._refuse(f"{self._status} {self._body.decode(errors='replace')}".rstrip())

    def _refuse(self, how: str) -> None:
        self.refusal = how
        self._close()
        self._reader.on_close()

    # to the app

    def send(self, data: str | bytes) -> None:
        """Send a message; nothing, when the WebSocket is closed."""
        if not self.closed:
            self._inbox.put_nowait({"type": "websocket.receive", "text" if isinstance(data, str) else "bytes": data})

    def close(self, code: int = 1000) -> None:
        """Leave; 1006 is the code of a connection that broke."""
        self._close(code)

    def _close(self, code: int = 1000) -> None:
        if not self.closed:
            self.closed = True
            self._inbox.put_nowait({"type": "websocket.disconnect", "code": code})

    async def finish(self) -> None:
        """Leave and wait until the app has ended."""
        self.close()
        if self._task is None or self._task.done():
            return
        try:
            await asyncio.wait([self._task], timeout=GRACE)
        finally:
            if not self._task.done():
                self._task.cancel()
                await asyncio.wait([self._task], timeout=GRACE)


def websocket_scope(path: str, query: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """What the ASGI app learns of the handshake. The host is `testserver`, the client 127.0.0.1."""
    given = {"host": "testserver", **{name.lower(): value for name, value in headers.items()}}
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": quote(path).encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("testserver", 80),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
        "state": {},
    }
