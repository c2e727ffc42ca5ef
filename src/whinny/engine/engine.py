"""The table of connections, and who may become one: the checks of handshakes and of requests with a session id."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from whinny.engine.connection import Connection, ConnectionHandler
from whinny.engine.heartbeat import Heartbeat
from whinny.engine.packet import Packet
from whinny.engine.upgrade import Upgrade
from whinny.logs import log_error

if TYPE_CHECKING:
    from whinny.engine.options import EngineOptions
    from whinny.engine.request import EngineRequest
    from whinny.engine.transport import Transport

log = logging.getLogger("whinny.engine")

_URL_SAFE: Final = re.compile(r"[A-Za-z0-9._~-]+")


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a request is not served: the code (if it is the protocol's) and message, and the HTTP status."""

    code: int | None
    message: str
    status: int = 400

    @property
    def body(self) -> bytes:
        """The JSON that the reference server answers over HTTP; nothing where it is no error of the protocol."""
        if self.code is None:
            return b""
        return msgspec.json.encode({"code": self.code, "message": self.message})


TRANSPORT_UNKNOWN: Final = Rejection(0, "Transport unknown")
SESSION_UNKNOWN: Final = Rejection(1, "Session ID unknown")
BAD_HANDSHAKE_METHOD: Final = Rejection(2, "Bad handshake method")
BAD_REQUEST: Final = Rejection(3, "Bad request")
FORBIDDEN: Final = Rejection(4, "Forbidden", 403)
UNSUPPORTED_VERSION: Final = Rejection(5, "Unsupported protocol version")


def new_sid() -> str:
    """A session id as long as the reference server's: 20 characters, 120 random bits."""
    return secrets.token_urlsafe(15)


class Engine:
    """All connections of a server. `on_connection` gives each new one its handler."""

    def __init__(self, options: EngineOptions, on_connection: Callable[[Connection], ConnectionHandler]) -> None:
        self.options = options
        self.much = options.max_send_buffer // 2
        """Bytes that wait for a client from which on it is read no further."""
        self.connections: dict[str, Connection] = {}
        self.heartbeat = Heartbeat(options.ping_interval, options.ping_timeout)
        self._empty: asyncio.Event | None = None  # made when somebody waits for the last connection to close
        self._on_connection = on_connection
        self._full_upgrades = ["websocket"] if options.allow_upgrades and "websocket" in options.transports else []

    def verify(self, request: EngineRequest, websocket: bool) -> Rejection | None:
        """Whether the engine serves this request; `websocket` says that it is a WebSocket handshake.

        The order of the checks is the reference server's. Origins are not checked here.
        """
        query = request.query
        transport = query.get("transport")
        if transport not in self.options.transports:
            return TRANSPORT_UNKNOWN
        if sid := request.sid:
            connection = self.connections.get(sid)
            if connection is None:
                return SESSION_UNKNOWN
            if (not websocket and connection.transport.name != transport) or query.get("EIO") != "4":
                return BAD_REQUEST
            return None
        if request.method != "GET":
            return BAD_HANDSHAKE_METHOD
        if transport == "websocket" and not websocket:
            return BAD_REQUEST
        if query.get("EIO") != "4":
            return UNSUPPORTED_VERSION
        if self.options.allow_request is not None:
            verdict = self.options.allow_request(request)
            if verdict is not True:
                return Rejection(4, verdict if verdict and isinstance(verdict, str) else FORBIDDEN.message, 403)
        return None

    def make_id(self, request: EngineRequest) -> str | Rejection:
        """The id of the session that a verified handshake begins; a `generate_id` that gives none refuses it."""
        generate = self.options.generate_id
        if generate is None:
            return new_sid()
        try:
            sid: object = generate(request)
        except Exception as error:
            log_error(log, "generate_id failed; the handshake is refused", error=error)
            return BAD_REQUEST
        if not isinstance(sid, str) or not _URL_SAFE.fullmatch(sid):
            log.error("generate_id gave %.100r, which is no text of A-Z a-z 0-9 . _ ~ -; the handshake is refused", sid)
        elif sid in self.connections:
            log.error("generate_id gave the id of a session that there is; the handshake is refused")
        else:
            return sid
        return BAD_REQUEST

    def open(self, request: EngineRequest, transport: Transport, sid: str | None = None) -> Connection:
        """Make a connection of a verified handshake; its OPEN packet waits for the transport."""
        sid = sid or new_sid()
        connection = transport.peer = Connection(self, sid, request, transport)
        options = self.options
        opening = {
            "sid": sid,
            "upgrades": self._full_upgrades if transport.name == "polling" else [],
            "pingInterval": round(options.ping_interval * 1000),
            "pingTimeout": round(options.ping_timeout * 1000),
            "maxPayload": options.max_http_buffer_size,
        }
        request.pack()
        connection.handler = self._on_connection(connection)
        self.connections[sid] = connection
        self.heartbeat.add(connection)
        connection.send((Packet("0" + msgspec.json.encode(opening).decode()),))
        return connection

    def upgrade(self, sid: str, transport: Transport) -> bool:
        """Let a connection that polls try this WebSocket; False where it cannot: there is none, or it does already."""
        connection = self.connections.get(sid)
        if connection is None or connection.upgrade is not None or connection.transport.name != "polling":
            return False
        connection.upgrade = transport.peer = Upgrade(connection, transport, self.options.upgrade_timeout)
        return True

    def remove(self, connection: Connection) -> None:
        """The connection is closed."""
        self.connections.pop(connection.id, None)
        self.heartbeat.remove(connection)
        if self._empty is not None and not self.connections:
            self._empty.set()

    def close(self) -> None:
        """Close all connections once what was sent to them has gone out."""
        for connection in list(self.connections.values()):
            connection.close()

    def reset(self) -> None:
        """Forget all connections: those of an event loop that is over."""
        self.connections.clear()
        self.heartbeat = Heartbeat(self.options.ping_interval, self.options.ping_timeout)

    async def wait_closed(self, timeout: float) -> None:
        """Wait until there is no connection left, at most `timeout` seconds."""
        self._empty = asyncio.Event()
        if self.connections:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._empty.wait()

    def end_all(self) -> None:
        """Close at once what is still there."""
        for connection in list(self.connections.values()):
            connection.end("forced close", code=1001)
        self.heartbeat.stop()
