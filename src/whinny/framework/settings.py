"""Settings of an app: passed in code, or read from the environment and `.env` when a ServiceManager is made."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from io import StringIO
from math import inf
from typing import Any, Final, Literal, cast, get_args

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from whinny.engine import TOKEN
from whinny.errors import ConfigurationError

_OURS: Final = re.compile(r"[^#=:\w]*(?:\w+\s+)?WHINNY_\w")
"""A line that is about a setting of ours; what others write wrongly is theirs."""

SameSite = Literal["lax", "strict", "none"]

_COOKIE_NAME: Final = re.compile(TOKEN)
_COOKIE_PATH: Final = re.compile(r"/[\x21-\x3a\x3c-\x7e]*")
_COOKIE_DOMAIN: Final = re.compile(r"\.?[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*")

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What differs from one installation of an app to the next.

    - `debug` (WHINNY_DEBUG): errors reach the client whole. Never in production.
    - `log_errors` (WHINNY_LOG_ERRORS): log the errors that nobody caught.
    - `session_store` (WHINNY_SESSION_STORE): where sessions are kept: `memory:`, the URL of a database as SQLAlchemy
      writes it, or that of a Redis server. By default a SQLite file in the current folder.
    - `session_idle_timeout`, `session_absolute_timeout` (WHINNY_SESSION_IDLE_TIMEOUT, WHINNY_SESSION_ABSOLUTE_TIMEOUT):
      seconds after which a session ends, after its last use and after it was made.
    - `session_cookie_name`, `session_cookie_domain`, `session_cookie_path`, `session_cookie_secure`,
      `session_cookie_same_site` (WHINNY_SESSION_COOKIE_NAME and so on): the cookie that holds the token. It is sent
      over TLS only where `secure` is on, which is by default where the request came so, or `same_site` is `none`.
    - `csrf` (WHINNY_CSRF): whether whoever shows a session's cookie must show its CSRF token too.
    - `csrf_cookie_name` (WHINNY_CSRF_COOKIE_NAME): the cookie in which the page finds the CSRF token.
    """

    debug: bool = False
    log_errors: bool = True
    session_store: str = "sqlite+aiosqlite:///whinny.sqlite3"
    session_idle_timeout: float = 900.0
    session_absolute_timeout: float = 604_800.0
    session_cookie_name: str = "sessionID"
    session_cookie_domain: str | None = None
    session_cookie_path: str = "/"
    session_cookie_secure: bool | None = None
    session_cookie_same_site: SameSite = "lax"
    csrf: bool = True
    csrf_cookie_name: str = "XSRF-TOKEN"

    def __post_init__(self) -> None:
        """Raises ConfigurationError, which names the setting, where a cookie could not be sent or would not be kept."""
        for name in ("session_cookie_name", "csrf_cookie_name"):
            self._check(name, _COOKIE_NAME, "it must be the name of a cookie: ASCII letters, digits, - and _")
        self._check("session_cookie_path", _COOKIE_PATH, "it must begin with a slash, and have no ; in it")
        if self.session_cookie_domain is not None:
            self._check("session_cookie_domain", _COOKIE_DOMAIN, "it must be a domain, such as example.com")
        if self.session_cookie_same_site not in get_args(SameSite):
            raise self._wrong("session_cookie_same_site", "it must be lax, strict or none")
        if self.session_cookie_same_site == "none" and self.session_cookie_secure is False:
            raise self._wrong("session_cookie_secure", "browsers keep no cookie of SameSite=None that is not secure")
        if self.csrf_cookie_name == self.session_cookie_name:
            raise self._wrong("csrf_cookie_name", "it is that of the session's cookie, session_cookie_name")

    def _check(self, name: str, pattern: re.Pattern[str], rule: str) -> None:
        value = getattr(self, name)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise self._wrong(name, rule)

    def _wrong(self, name: str, rule: str) -> ConfigurationError:
        given = f"{name}={getattr(self, name)!r} (WHINNY_{name.upper()})"
        return ConfigurationError(f"The setting {given} is wrong: {rule}.")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """The settings that the environment gives, else the file `.env` in the current folder.

        Raises ConfigurationError that names the variable, or the file if it cannot be read.
        """
        values = {**_read_file(".env"), **os.environ} if environment is None else environment
        given: dict[str, Any] = {}
        for field in fields(cls):
            name = f"WHINNY_{field.name.upper()}"
            if (value := values.get(name)) is not None:
                given[field.name] = _READERS.get(str(field.type), _text)(name, value)
        return cls(**given)


def _read_file(path: str) -> dict[str, str]:
    if not os.path.isfile(path):
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The settings in {os.path.abspath(path)} cannot be read: {error}") from error
    for line in parse_stream(StringIO(text)):
        written = line.original.string.strip()
        if line.value is None and _OURS.match(written):
            before = line.original.string.partition(written)[0]
            number = line.original.line + before.count("\n")
            raise ConfigurationError(
                f"Line {number} of {os.path.abspath(path)} is no setting: {written!r}. Write NAME=value."
            )
    return {name: value for name, value in dotenv_values(stream=StringIO(text)).items() if value is not None}


def _text(name: str, value: str) -> str:
    if not value.strip():
        raise ConfigurationError(f"The setting {name} is empty: leave it out for the default.")
    return value.strip()


def _flag(name: str, value: str) -> bool:
    if value.strip().lower() in _TRUE:
        return True
    if value.strip().lower() in _FALSE:
        return False
    raise ConfigurationError(f"The setting {name}={value!r} is wrong: it must be 1 or 0.")


def _seconds(name: str, value: str) -> float:
    with suppress(ValueError):
        if 0 < (seconds := float(value)) < inf:
            return seconds
    raise ConfigurationError(f"The setting {name}={value!r} is wrong: it must be a number of seconds.")


def _same_site(name: str, value: str) -> SameSite:
    for allowed in get_args(SameSite):
        if value.strip().lower() == allowed:
            return cast("SameSite", allowed)
    raise ConfigurationError(f"The setting {name}={value!r} is wrong: it must be lax, strict or none.")


_READERS: Final[dict[str, Callable[[str, str], Any]]] = {
    "bool": _flag,
    "bool | None": _flag,
    "float": _seconds,
    "SameSite": _same_site,
}
"""What reads a setting, by the type of its field."""
