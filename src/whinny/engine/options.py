"""The options of the engine, with the reference server's names in snake case and its defaults; times in seconds."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from whinny.engine.checked import CheckedOptions
from whinny.engine.cookie import CookieOptions

if TYPE_CHECKING:
    from whinny.engine.request import EngineRequest

TransportName = Literal["polling", "websocket"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions(CheckedOptions):
    """How connections are made, kept and bounded.

    - `path`: where the server answers; `add_trailing_slash` asks for the slash behind it.
    - `transports`, `allow_upgrades`: what a client may use, and whether polling may become WebSocket.
    - `ping_interval`, `ping_timeout`: seconds between pings, and that a client has to answer one.
    - `upgrade_timeout`: seconds that an upgrade may take.
    - `max_http_buffer_size`: bytes of one WebSocket message or one polling request.
    - `max_send_buffer`: bytes that may wait for one client; then volatile messages are dropped, then the client.
    - `http_compression`: compress polling answers of at least this many bytes; False for never, True for 1024.
    - `cookie`: send the session id of the engine as a cookie as well.
    - `cors_allowed_origins`: other origins whose pages may connect (`"https://app.example"`, or `"*"` for any);
      `cors_credentials`: whether these pages may send cookies when polling.
    - `allow_request`: a `def` that is called with each handshake; False or a text refuses it with 403.
    - `generate_id`: a `def` that is called with each handshake that is let in, and makes the engine's session id: text
      of `A-Z a-z 0-9 . _ ~ -` that no other session has and nobody can guess.
    """

    path: str = "/socket.io"
    add_trailing_slash: bool = True
    transports: Collection[TransportName] = ("polling", "websocket")
    allow_upgrades: bool = True
    ping_interval: float = 25.0
    ping_timeout: float = 20.0
    upgrade_timeout: float = 10.0
    max_http_buffer_size: int = 1_000_000
    max_send_buffer: int = 4 * 1024 * 1024
    http_compression: bool | int = True
    cookie: CookieOptions | bool = False
    cors_allowed_origins: Collection[str] | str = ()
    cors_credentials: bool = False
    allow_request: Callable[[EngineRequest], bool | str] | None = None
    generate_id: Callable[[EngineRequest], str] | None = None

    def __post_init__(self) -> None:
        """Raises ConfigurationError that names the option and what it must be."""
        self._check("path", isinstance(self.path, str) and self.path.startswith("/"), "a path that begins with a slash")
        self._check("transports", _are_texts(self.transports), "a list of 'polling', 'websocket'")
        known = set(self.transports) <= {"polling", "websocket"} and bool(self.transports)
        self._check("transports", known, "a list of 'polling', 'websocket'")
        for name in ("ping_interval", "ping_timeout", "upgrade_timeout"):
            self._check_seconds(name)
        for name in ("max_http_buffer_size", "max_send_buffer"):
            self._check_count(name)
        self._check_switches("add_trailing_slash", "allow_upgrades", "cors_credentials")
        compression = isinstance(self.http_compression, int) and self.http_compression >= 0
        self._check("http_compression", compression, "True, False or a number of bytes")
        self._check("cookie", isinstance(self.cookie, (bool, CookieOptions)), "True, False or CookieOptions(...)")
        origins = isinstance(self.cors_allowed_origins, str) or _are_texts(self.cors_allowed_origins)
        wanted = "origins such as 'https://app.example', or '*'"
        self._check("cors_allowed_origins", origins and all(map(_is_origin, self.allowed_origins)), wanted)
        for name in ("allow_request", "generate_id"):
            wanted = "a function, and a `def`: it runs on the event loop and must not wait"
            self._check(name, _is_def(getattr(self, name)), wanted)

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """`cors_allowed_origins` as a tuple, a single one given as a text included."""
        given = self.cors_allowed_origins
        return (given,) if isinstance(given, str) else tuple(given)

    @property
    def full_path(self) -> str:
        """The prefix of the requests that the engine answers."""
        path = self.path.rstrip("/")
        return path + "/" if self.add_trailing_slash or not path else path

    @property
    def compression_threshold(self) -> int | None:
        """Bytes from which polling answers are compressed; None for never."""
        if self.http_compression is False:
            return None
        return 1024 if self.http_compression is True else self.http_compression

    @property
    def cookie_options(self) -> CookieOptions | None:
        """The cookie to send, if any."""
        if self.cookie is True:
            return CookieOptions()
        return self.cookie or None

    def _check_seconds(self, name: str) -> None:
        value: Any = getattr(self, name)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        self._check(name, number and 0.001 <= value < float("inf"), "a number of seconds, 0.001 or more")

    def _check_count(self, name: str) -> None:
        value: Any = getattr(self, name)
        self._check(
            name, isinstance(value, int) and not isinstance(value, bool) and value > 0, "a whole number above 0"
        )

    def differences(self, other: EngineOptions) -> list[str]:
        """The names of the options in which `other` differs."""
        return [field.name for field in fields(self) if getattr(self, field.name) != getattr(other, field.name, None)]


def _are_texts(value: object) -> bool:
    return isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(each, str) for each in value)


def _is_def(value: object) -> bool:
    if value is None:
        return True
    waits = inspect.iscoroutinefunction(value) or inspect.iscoroutinefunction(type(value).__call__)
    return callable(value) and not waits


def _is_origin(value: str) -> bool:
    return value in ("*", "null") or ("://" in value and not value.endswith("/"))
