"""The tasks that a server has started, so that none is lost and shutdown can wait for them."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

from whinny.logs import log_error

log = logging.getLogger("whinny.server")

STARTS_EAGERLY = sys.version_info >= (3, 12)
"""Whether a task runs up to its first wait when it is made. Where not, it starts in the loop's next turn."""


class Tasks:
    """The running tasks, each with what is to be called at its end."""

    __slots__ = ("_running",)

    def __init__(self) -> None:
        self._running: dict[asyncio.Task[Any], Callable[[], None] | None] = {}

    def __len__(self) -> int:
        return len(self._running)

    def start(
        self,
        coroutine: Coroutine[Any, Any, Any],
        context: Context | None = None,
        *,
        ended: Callable[[], None] | None = None,
    ) -> asyncio.Task[Any]:
        """Run a coroutine as a task, eagerly where Python has that. An error that leaves it is logged.

        `ended` is called at its end, at once when it is done in no time.
        """
        loop = asyncio.get_running_loop()
        if STARTS_EAGERLY:
            task: asyncio.Task[Any] = asyncio.Task(
                coroutine,
                loop=loop,
                context=context,
                eager_start=True,  # type: ignore[call-arg,unused-ignore]
            )
        else:
            task = loop.create_task(coroutine, context=context)
        self._running[task] = ended
        if task.done():
            self._finished(task)
            return task
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        ended = self._running.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log_error(log, "A task of the server failed: %s", task.get_name(), error=error)
        if ended is not None:
            ended()

    async def finish(self, timeout: float) -> None:
        """Wait for all tasks; those that run longer than `timeout` seconds are cancelled."""
        current = asyncio.current_task()
        if running := [task for task in self._running if task is not current]:
            _, late = await asyncio.wait(running, timeout=timeout)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=1)
