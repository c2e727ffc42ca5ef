"""What a controller's method answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from whinny.types import Envelope

if TYPE_CHECKING:
    from whinny.websocket.context import WebsocketContext


class _Response(Envelope):
    """Two responses are equal when clients cannot tell them apart."""

    __slots__ = ()

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Response):
            return NotImplemented
        return self.envelope() == other.envelope()


class WebsocketResponse(_Response):
    """All went well: the client receives `{"status": "ok", "data": …}`, without `data` when none was given."""

    __slots__ = ("_data",)

    def __init__(self, data: Any = UNSET) -> None:
        self._data = data

    @property
    def data(self) -> Any:
        """What was given, or None."""
        return None if self._data is UNSET else self._data

    def envelope(self) -> dict[str, object]:
        """What the client receives."""
        return {"status": "ok"} if self._data is UNSET else {"status": "ok", "data": self._data}

    def __repr__(self) -> str:
        return f"WebsocketResponse({'' if self._data is UNSET else repr(self._data)})"


class WebsocketErrorResponse(_Response):
    """Something went wrong: the client gets `{"status": "error", "error": …}`, without `error` if none was given.

    `exception` and `ctx` are for post functions, and are not sent: the exception that led to this answer, if one did,
    and the event that it is the answer to.
    """

    __slots__ = ("_error", "ctx", "exception")

    def __init__(
        self,
        error: Any = UNSET,
        *,
        exception: BaseException | None = None,
        ctx: WebsocketContext[Any] | None = None,
    ) -> None:
        self._error = error
        self.exception = exception
        self.ctx = ctx

    @property
    def error(self) -> Any:
        """What was given, or None."""
        return None if self._error is UNSET else self._error

    def envelope(self) -> dict[str, object]:
        """What the client receives."""
        return {"status": "error"} if self._error is UNSET else {"status": "error", "error": self._error}

    def __repr__(self) -> str:
        return f"WebsocketErrorResponse({'' if self._error is UNSET else repr(self._error)})"


AnyResponse = WebsocketResponse | WebsocketErrorResponse
