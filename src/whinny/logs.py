"""Log lines of errors. What an error says may come from a client, so it must not look like a log line of its own."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, Mapping
from typing import Any, Final

_LONGEST: Final = 10_000  # characters of what one error says


def log_error(
    log: logging.Logger,
    message: str,
    *args: object,
    error: BaseException,
    level: int = logging.ERROR,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Log an error with its traceback, in which what the errors say stands on one line, without control characters.

    The record carries the error itself in `exc_info`, for whoever reports it elsewhere.
    """
    if not log.isEnabledFor(level):
        return
    file, line, function, _ = log.findCaller(stacklevel=2)
    info = (type(error), error, error.__traceback__)
    record = log.makeRecord(log.name, level, file, line, message, args, info, function, extra)
    record.exc_text = "\n".join(_lines(error, set()))  # formatters write it in place of a traceback of their own
    log.handle(record)


def escape(text: str) -> str:
    """The text with everything that does not print, line breaks among it, as escape sequences."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    """A traceback like the interpreter's, first that of what led to the error."""
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _lines(before, seen)
        yield from ("", "This led to:" if error.__cause__ else "While that was handled:", "")
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):"
        for frame in traceback.format_tb(error.__traceback__):
            yield from frame.rstrip("\n").split("\n")
    name = type(error).__qualname__
    if type(error).__module__ not in ("builtins", "__main__"):
        name = f"{type(error).__module__}.{name}"
    yield f"{name}: {_safe(_said(error))}"
    yield from map(_safe, map(str, getattr(error, "__notes__", ())))
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from ("    " + line for line in _lines(each, seen))


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # of the app's own __str__
        return ""


def _safe(text: str) -> str:
    return escape(text if len(text) <= _LONGEST else text[:_LONGEST] + " …")
