"""Lets WebSockets write when the event loop turns: all that have something to send, one right after the other.

Messages for one client that come in one turn go out together. And many writes in a row cost much less than reads and
writes by turns, each of which may have to wake up a client: so answers wait for the turn's end too.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from functools import partial
from typing import Protocol

from whinny.logs import log_error

log = logging.getLogger("whinny.serving")


class Writer(Protocol):
    """Something that writes."""

    def write(self) -> None:
        """Write what waits, as far as that is possible now."""

    def drop(self) -> None:
        """Let go of the client at once."""


class Outbox:
    """Those that are about to write. With `in_task` they do so in a task, else in a callback of the loop."""

    __slots__ = ("_in_task", "_loop", "_tasks", "_woken")

    def __init__(self, in_task: bool) -> None:
        self._in_task = in_task
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken: deque[Writer] = deque()
        self._tasks: set[asyncio.Task[None]] = set()  # kept here, or they might be collected

    def enter(self) -> None:
        """From here on, this is the loop: what another one has left undone is forgotten."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._woken, self._tasks = loop, deque(), set()

    def wake(self, writer: Writer) -> None:
        """Let it write when the loop turns."""
        self._woken.append(writer)
        if len(self._woken) == 1 and self._loop is not None:
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        woken, self._woken = self._woken, deque()
        if self._in_task:
            self._start_task(woken)
        else:
            _write(woken)

    def _start_task(self, woken: deque[Writer]) -> None:
        if self._loop is not None:
            task = self._loop.create_task(_write_in_task(woken))
            self._tasks.add(task)
            task.add_done_callback(partial(self._ended, woken))

    def _ended(self, woken: deque[Writer], task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if woken:  # somebody has cancelled the task, as one may who cancels all there are
            self._start_task(woken)


def _write(woken: deque[Writer]) -> None:
    while woken:
        writer = woken.popleft()
        try:
            writer.write()
        except (KeyboardInterrupt, SystemExit):
            writer.drop()
            raise
        except BaseException as error:  # one client's trouble is not to be that of the others
            log_error(log, "Writing to a client failed", error=error)
            writer.drop()


async def _write_in_task(woken: deque[Writer]) -> None:
    _write(woken)
