"""What a controller's method answers: one class for each status."""

from __future__ import annotations

import re
from copy import copy
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import URL

from whinny.engine import TOKEN
from whinny.framework import SameSite, kind
from whinny.http.cookie import Cookie

if TYPE_CHECKING:
    from typing import Self

    from whinny.http.context import Context

_NAME: Final = re.compile(TOKEN)
_DIGITS: Final = re.compile("[0-9]{1,18}")
_OF_THE_SERVER: Final = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding"})
_NO_VALUE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]")


def check_status(status: object, whose: str) -> None:
    """Raises ValueError for a status that is not one of a final response."""
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise ValueError(f"{whose} has the status {status!r}: it must be a number from 200 to 599.")


class HttpResponse:
    """A response: its body, headers and cookies, under the status of its class.

    The body may be None, for none; bytes, sent as they are; a text, sent as `text/plain`; an async iterator of bytes or
    texts, sent piece by piece; anything else (a dict, a list, a number, a Struct, a dataclass, a pydantic model, …) is
    sent as JSON. A `Content-Type` header that was set is kept. With 204, 205 and 304 no body is sent, whatever it is.

    For other statuses make a class of your own with a `status_code`, from 200 to 599, and a `status_message`. The
    message is not on the wire, as ASGI has no place for it: the server writes its own.
    """

    __slots__ = ("_cookies", "_headers", "body")

    status_code: int
    status_message: str

    def __init__(self, body: Any = None) -> None:
        """Raises TypeError for a class without a status, ValueError for one whose status no response can have."""
        if not hasattr(self, "status_code"):
            name = type(self).__name__
            raise TypeError(f"{name} has no status: use one of its subclasses, or make one with a status_code.")
        check_status(self.status_code, type(self).__name__)
        self.body = body
        self._headers: dict[str, tuple[str, str]] = {}
        self._cookies: dict[str, Cookie] = {}

    def set_header(self, name: str, value: str) -> Self:
        """Set a header, in place of one of that name.

        Raises ValueError for what no header can hold, white space at its ends among it, and for headers that are the
        server's, since they say how the bytes go: Transfer-Encoding, Connection and Keep-Alive. A Content-Length is for
        streams, and for answers to HEAD: of any other body the real one is sent.
        """
        texts = isinstance(name, str) and isinstance(value, str)
        if not texts or not _NAME.fullmatch(name) or _NO_VALUE.search(value) or value != value.strip(" \t"):
            raise ValueError(f"The header {name!r} cannot have the value {value!r}.")
        if name.lower() in _OF_THE_SERVER:
            raise ValueError(f"The header {name!r} is set by the server, which knows how a response goes out.")
        if name.lower() == "content-length" and not _DIGITS.fullmatch(value):
            raise ValueError(f"The header {name!r} must be a number of bytes, not {value!r}.")
        self._headers[name.lower()] = (name, value)
        return self

    def get_header(self, name: str) -> str | None:
        """The value of a header; upper and lower case are the same in its name."""
        found = self._headers.get(name.lower())
        return None if found is None else found[1]

    def get_headers(self) -> dict[str, str]:
        """A copy of all headers."""
        return dict(self._headers.values())

    def set_cookie(
        self,
        name: str,
        value: str,
        *,
        max_age: int | None = None,
        expires: datetime | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        http_only: bool = False,
        same_site: SameSite | None = "lax",
    ) -> Self:
        """Set a cookie, in place of one of that name; `max_age` is in whole seconds, and 0 removes it from the browser.

        Raises ValueError for what no cookie can hold.
        """
        cookie = Cookie(
            value=value,
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            http_only=http_only,
            same_site=same_site,
        )
        cookie.header(name)  # so that an error is raised here
        self._cookies[name] = cookie
        return self

    def get_cookie(self, name: str) -> Cookie | None:
        """A cookie that was set."""
        return self._cookies.get(name)

    def get_cookies(self) -> dict[str, Cookie]:
        """A copy of all cookies, by their names."""
        return dict(self._cookies)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'' if self.body is None else repr(self.body)})"


def copy_of(response: HttpResponse) -> HttpResponse:
    """A response of the same class with headers and cookies of its own, and the same body."""
    made = copy(response)
    made._headers, made._cookies = dict(response._headers), dict(response._cookies)
    return made


class HttpResponseSuccess(HttpResponse):
    """2xx."""

    __slots__ = ()


class HttpResponseOK(HttpResponseSuccess):
    """200."""

    __slots__ = ()

    status_code = 200
    status_message = "OK"


class HttpResponseCreated(HttpResponseSuccess):
    """201."""

    __slots__ = ()

    status_code = 201
    status_message = "CREATED"


class HttpResponseNoContent(HttpResponseSuccess):
    """204, which has no body."""

    __slots__ = ()

    status_code = 204
    status_message = "NO CONTENT"

    def __init__(self) -> None:
        super().__init__()


class HttpResponseRedirection(HttpResponse):
    """3xx."""

    __slots__ = ()


class _Elsewhere(HttpResponseRedirection):
    """To another place."""

    __slots__ = ("path",)

    def __init__(self, path: str | URL, body: Any = None) -> None:
        """Raises TypeError for what is no path: a text, or a URL as `request.url_for` gives it."""
        super().__init__(body)
        if not isinstance(path, (str, URL)):
            raise TypeError(f"{type(self).__name__} leads to a path or a URL, not to {kind(path)}.")
        self.path = str(path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path!r})"


class HttpResponseMovedPermanently(_Elsewhere):
    """301, to a path or a URL."""

    __slots__ = ()

    status_code = 301
    status_message = "MOVED PERMANENTLY"


class HttpResponseRedirect(_Elsewhere):
    """302, to a path or a URL."""

    __slots__ = ()

    status_code = 302
    status_message = "FOUND"


class HttpResponseClientError(HttpResponse):
    """4xx."""

    __slots__ = ()


class HttpResponseBadRequest(HttpResponseClientError):
    """400."""

    __slots__ = ()

    status_code = 400
    status_message = "BAD REQUEST"


class HttpResponseUnauthorized(HttpResponseClientError):
    """401. The header `WWW-Authenticate`, which has to be there, is empty until it is set."""

    __slots__ = ()

    status_code = 401
    status_message = "UNAUTHORIZED"

    def __init__(self, body: Any = None) -> None:
        super().__init__(body)
        self.set_header("WWW-Authenticate", "")


class HttpResponseForbidden(HttpResponseClientError):
    """403."""

    __slots__ = ()

    status_code = 403
    status_message = "FORBIDDEN"


class HttpResponseNotFound(HttpResponseClientError):
    """404."""

    __slots__ = ()

    status_code = 404
    status_message = "NOT FOUND"


class HttpResponseMethodNotAllowed(HttpResponseClientError):
    """405."""

    __slots__ = ()

    status_code = 405
    status_message = "METHOD NOT ALLOWED"


class HttpResponseConflict(HttpResponseClientError):
    """409."""

    __slots__ = ()

    status_code = 409
    status_message = "CONFLICT"


class HttpResponseTooManyRequests(HttpResponseClientError):
    """429."""

    __slots__ = ()

    status_code = 429
    status_message = "TOO MANY REQUESTS"


class HttpResponseServerError(HttpResponse):
    """5xx."""

    __slots__ = ()


class HttpResponseInternalServerError(HttpResponseServerError):
    """500.

    `exception` and `ctx` are for post functions, and are not sent: the exception that led to this answer, if one did,
    and the request that it is the answer to.
    """

    __slots__ = ("ctx", "exception")

    status_code = 500
    status_message = "INTERNAL SERVER ERROR"

    def __init__(
        self, body: Any = None, *, exception: BaseException | None = None, ctx: Context[Any] | None = None
    ) -> None:
        super().__init__(body)
        self.exception = exception
        self.ctx = ctx


class HttpResponseNotImplemented(HttpResponseServerError):
    """501."""

    __slots__ = ()

    status_code = 501
    status_message = "NOT IMPLEMENTED"
