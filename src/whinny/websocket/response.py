"""What a controller's method answers ."""

from __future__ import annotations

from typing import Any, Final

from msgspec import UNSET

from whinny.types import Envelope


class WebsocketResponse(Envelope):
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


class WebsocketErrorResponse(Envelope):
    """Something went wrong: the client gets `{"status": "error", "error": …}`, without `error` if none was given."""

    __slots__ = ("_error",)

    def __init__(self, error: Any = UNSET) -> None:
        self._error = error

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

RESPONSES: Final = (WebsocketResponse, WebsocketErrorResponse)
