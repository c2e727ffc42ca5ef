"""Events of one socket that run as tasks: their order, and how many run at a time.

Events start in the order of arrival. An event without anything to wait for runs at once, without a task, unless a
task was made before it that has not started yet (Python 3.11 has no eager tasks): then it becomes a task as well.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Coroutine
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, NamedTuple

from whinny.logs import log_error
from whinny.server.tasks import STARTS_EAGERLY

if TYPE_CHECKING:
    import asyncio

    from whinny.protocol import Event
    from whinny.server.socket import Socket

log = logging.getLogger("whinny.server")


class Job(NamedTuple):
    """An event that is about to run. `waits` is False when nothing in it is expected to wait."""

    coroutine: Coroutine[Any, Any, None]
    waits: bool


def run_event(socket: Socket, packet: Event) -> None:
    """An event came: run it, or keep it when the client has too many running."""
    if socket.runner is not None and socket.runner.full:
        socket.runner.keep(packet)
    else:
        _start(socket, packet)


def _start(socket: Socket, packet: Event) -> None:
    handler = socket.namespace.handler
    job = handler.on_event(socket, packet.data, packet.id) if handler is not None else None
    if job is None:
        return
    context = None
    at_once = not job.waits and (socket.runner is None or not socket.runner.starting)
    if at_once and (context := _run_now(job)) is None:
        return
    if socket.runner is None:
        socket.runner = EventRunner(socket)
    socket.runner.spawn(job.coroutine, context)


def _run_now(job: Job) -> Context | None:
    """Run a job that is not expected to wait. If it does, it has yielded once: the context in which to go on."""
    context = copy_context()
    try:
        context.run(job.coroutine.send, None)
    except StopIteration:
        return None
    except BaseException as error:  # the handler's promise is broken; the reader of this client is not to suffer
        log_error(log, "The handler of an event failed", error=error)
        return None
    return context


class EventRunner:
    """Counts the running events of a socket."""

    __slots__ = ("_backlog", "_paused", "_running", "_socket", "_starting")

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._running = 0
        self._starting = 0
        self._paused = False
        self._backlog: deque[Event] = deque()

    @property
    def starting(self) -> bool:
        """Whether a task was made that has not started."""
        return self._starting > 0

    @property
    def full(self) -> bool:
        """Whether further events must wait."""
        return bool(self._backlog) or self._running >= self._most

    @property
    def _most(self) -> int:
        return self._socket.namespace.server.options.max_concurrent_events

    def keep(self, packet: Event) -> None:
        """Run this event later. It came with what had been read already, or before an acknowledgement."""
        self._backlog.append(packet)
        self.regulate()

    def regulate(self) -> None:
        """Stop reading from a client that has too many events running, and go on when it has not.

        While one of them waits for an acknowledgement of this client, reading goes on, or it would wait forever; as
        many events as may run are kept meanwhile.
        """
        enough = self.full and (not self._socket.waits_for_ack or len(self._backlog) >= self._most)
        if enough != self._paused:
            self._paused = enough
            if enough:
                self._socket.connection.pause(self)
            else:
                self._socket.connection.resume(self)

    def spawn(self, coroutine: Coroutine[Any, Any, None], context: Context | None) -> None:
        """Run a job as a task; `context` is given for one that has started already."""
        self._running += 1
        if context is None:
            context = copy_context()
            if not STARTS_EAGERLY:
                self._starting += 1
                coroutine = self._note_start(coroutine)
        task = self._socket.namespace.server.tasks.start(coroutine, context)
        if task.done():
            self._running -= 1
            return
        task.add_done_callback(self._finished)
        self.regulate()

    async def _note_start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._starting -= 1
        await coroutine

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running -= 1
        if self._socket.namespace.server.closing:
            self._backlog.clear()
        while self._backlog and self._running < self._most:
            _start(self._socket, self._backlog.popleft())
        self.regulate()
