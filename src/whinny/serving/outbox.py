"""Lets WebSockets write when the event loop turns: all that have something to send, one right after the other.

Messages for one client that come in one turn go out together. And many writes in a row cost much less than reads and
writes by turns, each of which may have to wake up a client: so answers wait for the turn's end too.
"""

from __future__ import annotations

import asyncio
import logging
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

    __slots__ = ("_in_task", "_loop", "_task", "_woken")

    def __init__(self, in_task: bool) -> None:
        self._in_task = in_task
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken: list[Writer] = []
        self._task: asyncio.Task[None] | None = None  # kept here, or it might be collected

    def enter(self) -> None:
        """From here on, this is the loop: what another one has left undone is forgotten."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._woken = loop, []

    def wake(self, writer: Writer) -> None:
        """Let it write when the loop turns."""
        self._woken.append(writer)
        if len(self._woken) == 1 and self._loop is not None:
            if self._in_task:
                self._task = self._loop.create_task(self._write_in_task())
            else:
                self._loop.call_soon(self._write)

    def _write(self) -> None:
        woken, self._woken = self._woken, []
        for writer in woken:
            try:
                writer.write()
            except Exception as error:  # one client's trouble is not to be that of the others
                log_error(log, "Writing to a client failed", error=error)
                writer.drop()

    async def _write_in_task(self) -> None:
        self._write()
