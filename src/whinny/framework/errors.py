"""How an error that nobody caught looks to a client."""

from __future__ import annotations

import traceback
from typing import Any, Final

INTERNAL_ERROR: Final = {
    "code": "INTERNAL_SERVER_ERROR",
    "message": "An internal server error has occurred.",
}


def render_error(error: BaseException, debug: bool) -> dict[str, Any]:
    """The error masked, or whole where `debug` is on: with its name, message, stack and the place of the raise."""
    if not debug:
        return dict(INTERNAL_ERROR)
    frames = traceback.extract_tb(error.__traceback__)
    place = frames[-1] if frames else None
    return {
        "code": INTERNAL_ERROR["code"],
        "name": type(error).__name__,
        "message": _text(error),
        "stack": "".join(traceback.format_exception(error)),
        "filename": place.filename if place else "",
        "line": place.lineno if place else None,
        "column": place.colno if place else None,
    }


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return ""
