"""Every error that whinny raises for a caller to catch.

WhinnyError
├── ConfigurationError     the app is put together wrongly; raised at start-up, by name of what is wrong
├── EncodeError            data given to an emit cannot be sent
├── ProtocolError          the other side broke the protocol; its connection is closed
├── ConnectionRefused      raise it in `on_connection` to refuse a client
├── AckTimeout             the acknowledgement did not come in time
├── ClusterTimeout         not every other server answered in time
├── ClientDisconnected     the client left before it acknowledged
├── ServerNotAttached      `WsServer.io` was used before `attach`
└── SessionError           a session cannot do what it is asked to
    ├── SessionDestroyed       it has ended
    └── SessionAlreadyExists   another one is kept under its id
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class WhinnyError(Exception):
    """The root of whinny's own errors."""


class ConfigurationError(WhinnyError):
    """A class, an option or a setting is wrong; the message names it and says what to do."""


class EncodeError(WhinnyError, TypeError):
    """Data given to an emit or an acknowledgement cannot be written as JSON and binary attachments."""


class ProtocolError(WhinnyError):
    """What the other side sent is no valid packet, or none that is allowed at this point."""


class ConnectionRefused(WhinnyError):
    """Raised in `on_connection`: the client is not let in and reads `message` and `data` in `connect_error`.

    `data` may be anything that can be sent; left out, the client's error has no `data`.
    """

    def __init__(self, message: str = "Connection refused", data: Any = None) -> None:
        super().__init__(message)
        self.message = str(message)
        self.data = data


class AckTimeout(WhinnyError):
    """Not every client acknowledged in time.

    `responses` holds the answers that did come (empty when a single client was asked).
    """

    def __init__(self, message: str, responses: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.responses = list(responses)


class ClusterTimeout(WhinnyError):
    """Not every other server of the cluster answered in time. `responses` holds what did come."""

    def __init__(self, message: str, responses: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.responses = list(responses)


class ClientDisconnected(WhinnyError):
    """The client left before it acknowledged."""


class ServerNotAttached(WhinnyError):
    """The Socket.IO server was asked for before a controller was attached."""


class SessionError(WhinnyError):
    """A session cannot do what it is asked to; the message says why."""


class SessionDestroyed(SessionError):
    """The session was destroyed or has expired: nothing can be committed, and it cannot be regenerated."""


class SessionAlreadyExists(SessionError):
    """A store has been given a new session with the id of one that it keeps."""
