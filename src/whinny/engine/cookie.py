"""The cookie with the engine's session id."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from whinny.engine.checked import CheckedOptions
from whinny.engine.request import TOKEN

# What RFC 6265 allows, without what a browser or a proxy could take for the cookie's end.
_NAME: Final = re.compile(TOKEN)
_PATH: Final = re.compile(r"/[!-+\--:<-~]*")
_DOMAIN: Final = re.compile(r"[A-Za-z0-9.\-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieOptions(CheckedOptions):
    """The cookie that carries the session id of the engine, for load balancers; nothing reads it here.

    `max_age` is in whole seconds; without it the cookie ends with the browser's session.
    """

    _kind: ClassVar[str] = "cookie"

    name: str = "io"
    path: str = "/"
    http_only: bool = True
    same_site: Literal["lax", "strict", "none"] | None = "lax"
    secure: bool = False
    max_age: int | None = None
    domain: str | None = None

    def __post_init__(self) -> None:
        """Raises ConfigurationError that names the option and what it must be."""
        wanted = 'a text without spaces, control characters or any of ()<>@,;:\\"/[]?={}'
        self._check("name", _matches(_NAME, self.name), wanted)
        self._check("path", _matches(_PATH, self.path), "a path that begins with a slash, without spaces, ; or ,")
        self._check_switches("http_only", "secure")
        self._check("same_site", self.same_site in ("lax", "strict", "none", None), "'lax', 'strict', 'none' or None")
        refused = self.same_site == "none" and not self.secure
        self._check("same_site", not refused, "used with secure=True: without it browsers drop such a cookie")
        age = self.max_age is None or (type(self.max_age) is int and self.max_age >= 0)
        self._check("max_age", age, "a whole number of seconds, 0 or more, or None")
        self._check("domain", self.domain is None or _matches(_DOMAIN, self.domain), "the name of a domain, or None")

    def header(self, value: str) -> str:
        """The value of the Set-Cookie header."""
        parts = [f"{self.name}={value}"]
        if self.max_age is not None:
            parts.append(f"Max-Age={self.max_age}")
        if self.domain:
            parts.append(f"Domain={self.domain}")
        parts.append(f"Path={self.path}")
        if self.http_only:
            parts.append("HttpOnly")
        if self.secure:
            parts.append("Secure")
        if self.same_site:
            parts.append(f"SameSite={self.same_site.capitalize()}")
        return "; ".join(parts)


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
