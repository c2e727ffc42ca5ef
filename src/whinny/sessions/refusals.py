"""What HTTP and WebSocket clients without a proper session are told, and how they show a token."""

from __future__ import annotations

import re
from typing import Final

NO_TOKEN: Final = "Session token not found."
NO_HEADER: Final = "Authorization header not found."
NO_COOKIE: Final = "Session cookie not found."
NO_BEARER: Final = "Expected a bearer token. Scheme is Authorization: Bearer <token>."
INVALID: Final = "token invalid or expired"
NO_USER: Final = "The token does not match any user."
WRONG_CSRF: Final = "CSRF token missing or incorrect."

_BEARER: Final = re.compile(r"Bearer ([^ ]+)")


def bearer_token(header: str) -> str | None:
    """The token in an `Authorization` header; None when it is malformed."""
    match = _BEARER.fullmatch(header.strip())
    return None if match is None else match[1]


def cookie(header: str, name: str) -> str | None:
    """A cookie in a `Cookie` header; of several of one name the last, as Starlette has it. None if there is none."""
    found = None
    for part in header.split(";"):
        key, equals, value = part.partition("=")
        if equals and key.strip() == name:
            found = value.strip().strip('"')
    return found or None
