"""Log lines of errors. What an error says may come from a client, so it must not look like a log line of its own."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, Final

SPARING: Final = 10.0
"""Seconds for which lines of one kind are counted after one of them was written."""

_BRIEF: Final = 200  # characters
_LONGEST: Final = 10_000  # characters of what one error says
_MOST: Final = 20  # errors that led to one another, or stand in a group
_MOST_FRAMES: Final = 100  # of one error, the last ones
_MOST_LINES: Final = 1000
_MOST_CHARACTERS: Final = 100_000


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
    try:
        info = (type(error), error, error.__traceback__)
    except BaseException:  # of an error that cannot be looked at
        info = (type(error), error, None)
    record = log.makeRecord(log.name, level, file, line, message, args, info, function, extra)
    record.exc_text = describe(error)  # formatters write it in place of a traceback of their own
    log.handle(record)


def escape(text: str) -> str:
    """The text with everything that does not print, line breaks among it, as escape sequences."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def brief(text: str) -> str:
    """`escape`, of a text that may be very long."""
    return escape(text if len(text) <= _BRIEF else text[:_BRIEF] + " …")


class Sparing:
    """Lines of which there may be a flood: one is written, those that follow soon are counted."""

    __slots__ = ("_log", "_more", "_timer", "_what")

    def __init__(self, log: logging.Logger, what: str) -> None:
        """`what` follows a number: "messages were skipped"."""
        self._log = log
        self._what = what
        self._more = 0
        self._timer: asyncio.TimerHandle | None = None

    def may_log(self) -> bool:
        """Whether a line is to be written now; in the loop."""
        if self._timer is not None:
            self._more += 1
            return False
        self._wait()
        return True

    def close(self) -> None:
        """Write how many were counted, and wait no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._more:
            self._log.warning("%s more %s", self._more, self._what)
            self._more = 0

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(SPARING, self._over)

    def _over(self) -> None:
        goes_on = self._more > 0
        self.close()
        if goes_on:
            self._wait()


def describe(error: BaseException) -> str:
    """A traceback like the interpreter's, first that of what led to the error. Nothing that the errors do breaks it."""
    try:
        lines, length = [], 0
        for line in _lines(error, set()):
            lines.append(line)
            length += len(line)
            if length > _MOST_CHARACTERS or len(lines) >= _MOST_LINES - 1:
                lines.append("…")
                break
        return "\n".join(lines)
    except BaseException as second:
        return f"{escape(_class(error))}, which cannot be shown: {escape(_class(second))}"


def _class(error: BaseException) -> str:
    return str(type.__getattribute__(type(error), "__name__"))


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    chain: list[tuple[BaseException, str]] = []
    link: BaseException | None = error
    led = ""
    while link is not None and id(link) not in seen and len(chain) < _MOST:
        seen.add(id(link))
        chain.append((link, led))
        led = "While that was handled:" if link.__cause__ is None else "This led to:"
        hidden = None if link.__suppress_context__ else link.__context__
        link = hidden if link.__cause__ is None else link.__cause__
    for each, next_one in reversed(chain):
        yield from _one(each, seen)
        if next_one:
            yield from ("", next_one, "")


def _one(error: BaseException, seen: set[int]) -> Iterator[str]:
    frames = traceback.extract_tb(error.__traceback__, limit=-_MOST_FRAMES)
    if frames:
        yield "Traceback (most recent call last):"
    for (file, line, function), same in groupby(frames, lambda frame: (frame.filename, frame.lineno, frame.name)):
        yield f'  File "{_safe(file)}", line {line}, in {_safe(function)}'
        first, *more = same
        if first.line:
            yield f"    {_safe(first.line.strip())}"
        if more:
            yield f"  (and {len(more)} times more)"
    name = type(error).__qualname__
    if type(error).__module__ not in ("builtins", "__main__"):
        name = f"{type(error).__module__}.{name}"
    yield f"{_safe(name)}: {_safe(said(error))}"
    notes = getattr(error, "__notes__", ())
    if isinstance(notes, list):
        yield from (_safe(said(note)) for note in notes[:_MOST])
    if isinstance(error, BaseExceptionGroup) and len(seen) < _MOST:
        for each in error.exceptions[:_MOST]:
            yield from ("    " + line for line in _lines(each, seen))


def said(value: object) -> str:
    """What an error says; nothing where its own `__str__` fails, whatever that raises."""
    try:
        return str(value)
    except BaseException:
        return ""


def _safe(text: str) -> str:
    return escape(text if len(text) <= _LONGEST else text[:_LONGEST] + " …")
