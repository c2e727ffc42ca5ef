"""Events of one socket that run as tasks: their order, and how many run at a time.

Events start in the order of arrival. An event without anything to wait for runs at once, without a task, unless a
task was made before it that has not started yet (Python 3.11 has no eager tasks): then it becomes a task as well.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, NamedTuple

from whinny.server.tasks import STARTS_EAGERLY

if TYPE_CHECKING:
    import asyncio

    from whinny.engine import Connection
    from whinny.server.server import Server
    from whinny.server.socket import Socket


class Job(NamedTuple):
    """An event that is about to run. `waits` is False when nothing in it is expected to wait."""

    coroutine: Coroutine[Any, Any, None]
    waits: bool


def run_now(job: Job) -> Context | None:
    """Run a job that is not expected to wait. If it does, it has yielded once: the context in which to go on."""
    context = copy_context()
    try:
        context.run(job.coroutine.send, None)
    except StopIteration:
        return None
    return context


class EventRunner:
    """Counts the running events of a socket; made when the first one needs a task."""

    __slots__ = ("_backlog", "_connection", "_running", "_server", "_starting")

    def __init__(self, connection: Connection, server: Server) -> None:
        self._connection = connection
        self._server = server
        self._running = 0
        self._starting = 0
        self._backlog: deque[tuple[Socket, Any]] = deque()

    @property
    def starting(self) -> bool:
        """Whether a task was made that has not started."""
        return self._starting > 0

    @property
    def full(self) -> bool:
        """Whether further events must wait."""
        return bool(self._backlog) or self._running >= self._server.options.max_concurrent_events

    def keep(self, socket: Socket, packet: Any) -> None:
        """Run this event later. It came with what had been read already: reading is paused."""
        self._backlog.append((socket, packet))
        self._connection.pause()

    def spawn(self, coroutine: Coroutine[Any, Any, None], context: Context | None) -> None:
        """Run a job as a task; `context` is given for one that has started already."""
        self._running += 1
        if context is None:
            context = copy_context()
            if not STARTS_EAGERLY:
                self._starting += 1
                coroutine = self._note_start(coroutine)
        task = self._server.tasks.start(coroutine, context)
        if task.done():
            self._running -= 1
            return
        task.add_done_callback(self._finished)
        if self._running >= self._server.options.max_concurrent_events:
            self._connection.pause()

    async def _note_start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._starting -= 1
        await coroutine

    def _finished(self, task: asyncio.Task[None]) -> None:
        if self._running == self._server.options.max_concurrent_events and not self._backlog:
            self._connection.resume()
        self._running -= 1
        while self._backlog and self._running < self._server.options.max_concurrent_events:
            socket, packet = self._backlog.popleft()
            socket.namespace.start_event(socket, packet)
            if not self._backlog and self._running < self._server.options.max_concurrent_events:
                self._connection.resume()
