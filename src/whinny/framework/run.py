"""One run of hooks and method, with or without a task.

When nothing in it waits it is run without a task (see `server.events`). Should something wait all the same, it yields
once first, and whoever drives it goes on with it in a task of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from types import coroutine
from typing import Any


@coroutine
def _enter_task() -> Generator[None, None, None]:
    yield


class Run:
    """Whether a run is in a task by now."""

    __slots__ = ("_in_task",)

    def __init__(self, in_task: bool) -> None:
        self._in_task = in_task

    async def settle(self, awaitable: Awaitable[Any]) -> Any:
        """Await, in a task."""
        if not self._in_task:
            await _enter_task()
            self._in_task = True
        return await awaitable

    def own_error(self, error: BaseException) -> Exception:
        """The error to answer with. Raises it again where it is none: the run is cancelled, or the process ends."""
        if isinstance(error, Exception):
            return error
        if not isinstance(error, asyncio.CancelledError):
            raise error
        task = asyncio.current_task() if self._in_task else None
        if task is not None and task.cancelling():
            raise error
        shown = RuntimeError("Something that was waited for was cancelled.")
        shown.__cause__ = error
        return shown.with_traceback(error.__traceback__)
