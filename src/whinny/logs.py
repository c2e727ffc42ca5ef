"""Log lines of errors. What an error says may come from a client, so it must not look like a log line of its own."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, Mapping
from typing import Any, Final

_LONGEST: Final = 10_000  # characters of what one error says
_MOST: Final = 20  # errors that led to one another, or stand in a group
_MOST_FRAMES: Final = 100  # of one error, the last ones


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
    record.exc_text = describe(error)  # formatters write it in place of a traceback of their own
    log.handle(record)


def escape(text: str) -> str:
    """The text with everything that does not print, line breaks among it, as escape sequences."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def describe(error: BaseException) -> str:
    """A traceback like the interpreter's, first that of what led to the error. Nothing that the errors do breaks it."""
    try:
        return "\n".join(_lines(error, set()))
    except Exception as second:
        return f"{type(error).__qualname__}, which cannot be shown: {type(second).__qualname__}"


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    chain: list[tuple[BaseException, str]] = []
    link: BaseException | None = error
    led = ""
    while link is not None and id(link) not in seen and len(chain) < _MOST:
        seen.add(id(link))
        chain.append((link, led))
        led = "This led to:" if link.__cause__ else "While that was handled:"
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    for each, next_one in reversed(chain):
        yield from _one(each, seen)
        if next_one:
            yield from ("", next_one, "")


def _one(error: BaseException, seen: set[int]) -> Iterator[str]:
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):"
        for frame in traceback.format_tb(error.__traceback__, limit=-_MOST_FRAMES):
            yield from map(escape, frame.rstrip("\n").split("\n"))
    name = type(error).__qualname__
    if type(error).__module__ not in ("builtins", "__main__"):
        name = f"{type(error).__module__}.{name}"
    yield f"{name}: {_safe(_said(error))}"
    notes = getattr(error, "__notes__", ())
    if isinstance(notes, list):
        yield from (_safe(_said(note)) for note in notes)
    if isinstance(error, BaseExceptionGroup) and len(seen) < _MOST:
        for each in error.exceptions[:_MOST]:
            yield from ("    " + line for line in _lines(each, seen))


def _said(value: object) -> str:
    try:
        return str(value)
    except Exception:  # of the app's own __str__
        return ""


def _safe(text: str) -> str:
    return escape(text if len(text) <= _LONGEST else text[:_LONGEST] + " …")
