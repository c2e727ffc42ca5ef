"""A cookie of a response."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookies import CookieError
from typing import Final, get_args

from starlette.responses import Response

from whinny.framework import SameSite

_NO_ATTRIBUTE: Final = re.compile(r"[;,\x00-\x1f\x7f]|[^\x00-\xff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """What the browser is told of a cookie; `max_age` in seconds."""

    value: str
    max_age: int | None = None
    expires: datetime | None = None
    path: str | None = "/"
    domain: str | None = None
    secure: bool = False
    http_only: bool = False
    same_site: SameSite | None = "lax"

    def header(self, name: str) -> bytes:
        """The value of the header that sets it under a name. Raises ValueError for what no header can hold."""
        if self.max_age is not None and type(self.max_age) is not int:
            raise ValueError(
                f"The cookie {name!r} has the max_age {self.max_age!r}: it must be a whole number of seconds, an int."
            )
        if self.same_site is not None and self.same_site not in get_args(SameSite):
            raise ValueError(
                f"The cookie {name!r} has the same_site {self.same_site!r}: it must be 'lax', 'strict', 'none' or None."
            )
        for attribute in (self.path, self.domain):
            if attribute is not None and (not isinstance(attribute, str) or _NO_ATTRIBUTE.search(attribute)):
                raise ValueError(f"The cookie {name!r} cannot have the attribute {attribute!r}.")
        if not isinstance(name, str) or not isinstance(self.value, str):
            raise ValueError(f"The cookie {name!r} cannot have the value {self.value!r}: both must be texts.")
        if self.expires is not None and not isinstance(self.expires, datetime):
            raise ValueError(f"The cookie {name!r} expires at {self.expires!r}: it must be a datetime.")
        if self.expires is not None and self.expires.tzinfo is None:
            raise ValueError(f"The cookie {name!r} expires at a time without a time zone.")
        written = Response()
        try:
            written.set_cookie(
                name,
                self.value,
                self.max_age,
                None if self.expires is None else self.expires.astimezone(UTC),
                self.path,
                self.domain,
                self.secure,
                self.http_only,
                self.same_site,
            )
        except (CookieError, UnicodeEncodeError) as error:
            raise ValueError(f"The cookie {name!r} cannot be sent: {error}") from error
        return written.raw_headers[-1][1]
