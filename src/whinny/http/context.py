"""What a hook and a method know of the request that they handle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic

from msgspec import UNSET
from starlette.requests import Request

from whinny.http.body import read_body
from whinny.http.cookie import Cookie
from whinny.http.parts import cookies_of, headers_of, path_params_of, query_of
from whinny.logs import escape

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    User = TypeVar("User", default=Any)
else:
    from typing import TypeVar

    User = TypeVar("User")


LOGGED_PATH: Final = 200
"""Characters of a path that are logged; a client may choose any."""


class Context(Generic[User]):
    """One request; made anew for each.

    `request` is Starlette's. `state`, `user` and `session` are for hooks to leave things in. `controller` is, while a
    hook runs, the one that bears the hook.

    In a unit test a context is made by hand: `Context(Request(scope))`.
    """

    __slots__ = (
        "_after_sending",
        "_body",
        "_cookies_due",
        "_parts",
        "_reading",
        "controller",
        "controller_method_name",
        "controller_name",
        "request",
        "session",
        "state",
        "user",
    )

    user: User | None

    def __init__(self, request: Request, controller_name: str = "", controller_method_name: str = "") -> None:
        self.request = request
        self.state: dict[str, Any] = {}
        self.user = None
        self.session: Any = None
        self.controller: Any = None
        self.controller_name = controller_name
        self.controller_method_name = controller_method_name
        self._body: Any = UNSET
        self._reading = asyncio.Lock()
        self._parts: dict[str, dict[str, Any]] = {}
        self._cookies_due: dict[str, Cookie] = {}
        self._after_sending: list[Callable[[], None]] = []

    async def body(self) -> Any:
        """What the client has sent, by its content type; read once, when it is first asked for.

        JSON as the value that it is, a form as a dict, `text/…` as a text, everything else as bytes; None when nothing
        was sent. Raises HTTPException, which is answered with 400, for what is not of its content type, and with 413
        for what is larger than `create_app` allows.
        """
        if self._body is UNSET:
            async with self._reading:
                if self._body is UNSET:
                    self._body = await read_body(self.request)
        return self._body

    def set_body(self, body: Any) -> None:
        """What `body()` gives from here on."""
        self._body = body

    @property
    def query(self) -> dict[str, Any]:
        """The parameters of the query: a text each, or a list of texts where one is there several times.

        Validation may change them, and those of the headers, the cookies and the path; what `request` has stays.
        """
        return self._part("query", query_of)

    @query.setter
    def query(self, value: dict[str, Any]) -> None:
        self._parts["query"] = value

    @property
    def headers(self) -> dict[str, Any]:
        """The headers, with names in lower case."""
        return self._part("headers", headers_of)

    @headers.setter
    def headers(self, value: dict[str, Any]) -> None:
        self._parts["headers"] = value

    @property
    def cookies(self) -> dict[str, Any]:
        """The cookies."""
        return self._part("cookies", cookies_of)

    @cookies.setter
    def cookies(self, value: dict[str, Any]) -> None:
        self._parts["cookies"] = value

    @property
    def path_params(self) -> dict[str, Any]:
        """The parameters of the path: a number where the path says `{id:int}`, else a text."""
        return self._part("path_params", path_params_of)

    @path_params.setter
    def path_params(self, value: dict[str, Any]) -> None:
        self._parts["path_params"] = value

    def _part(self, name: str, read: Callable[[Request], dict[str, Any]]) -> dict[str, Any]:
        if name not in self._parts:
            self._parts[name] = read(self.request)
        return self._parts[name]

    # between hooks and the sending

    def must_send(self, name: str, cookie: Cookie) -> None:
        """This cookie is sent whatever the answer becomes, unless that has one of its name."""
        self._cookies_due[name] = cookie

    @property
    def cookies_due(self) -> dict[str, Cookie]:
        """The cookies that any answer must have."""
        return self._cookies_due

    def after_sending(self, function: Callable[[], None]) -> None:
        """Call this when the answer was sent, or could not be."""
        self._after_sending.append(function)

    def was_sent(self) -> None:
        """Call what waits for that."""
        while self._after_sending:
            self._after_sending.pop(0)()

    def log_extra(self) -> dict[str, Any]:
        """What a log record of this request carries: `log.info("created", extra=ctx.log_extra())`."""
        scope = self.request.scope
        return {"http_method": scope.get("method", ""), "path": escape(str(scope.get("path", ""))[:LOGGED_PATH])}

    def __repr__(self) -> str:
        scope = self.request.scope
        return f"<Context {scope.get('method', '')} {scope.get('path', '')!r}>"
