"""Events of one socket that run as tasks: their order, and how many run at a time.

Events start in the order of arrival. An event without anything to wait for runs at once, without a task, unless a
task was made before it that has not started yet (Python 3.11 has no eager tasks): then it becomes a task as well.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Coroutine
from contextvars import Context, copy_context
from inspect import CORO_CREATED, getcoroutinestate
from typing import TYPE_CHECKING, Any, Final

from whinny.logs import log_error

if TYPE_CHECKING:
    from whinny.protocol import Event
    from whinny.server.socket import Socket

log = logging.getLogger("whinny.server")


_ENDED: Final = object()

Job = tuple[Coroutine[Any, Any, None], bool]
"""An event that is about to run, and whether something in it is expected to wait."""


def run_event(socket: Socket, packet: Event) -> None:
    """Run an event, at once or as a task. Nothing is raised."""
    handler = socket.namespace.handler
    job = handler.on_event(socket, packet.data, packet.id) if handler is not None else None
    if job is None:
        return
    coroutine, waits = job
    context = None
    if not waits and (socket.runner is None or not socket.runner.starting):
        context = copy_context()
        try:
            # `next` with a default needs no StopIteration to be raised and caught, as `send` does at the end.
            if context.run(next, coroutine.__await__(), _ENDED) is _ENDED:
                return
        except BaseException as error:  # the handler's promise is broken; the reader of this client is not to suffer
            log_error(log, "The handler of an event failed", error=error)
            return
        # It waits after all, and has yielded once: it goes on in a task, in the same context.
    if socket.runner is None:
        socket.runner = EventRunner(socket)
    socket.runner.spawn(coroutine, context)


class EventRunner:
    """Counts the running events of a socket."""

    __slots__ = ("_backlog", "_latest", "_most", "_paused", "_refilling", "_running", "_socket")

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._most = socket.namespace.server.options.max_concurrent_events
        self._running = 0
        self._latest: Coroutine[Any, Any, None] | None = None  # that became a task before it had started
        self._paused = False
        self._refilling = False  # kept events are being started
        self._backlog: deque[Event] | None = None  # made when an event is kept

    @property
    def starting(self) -> bool:
        """Whether a task was made that has not started. As they start in order, the latest one tells."""
        return self._latest is not None and getcoroutinestate(self._latest) == CORO_CREATED

    @property
    def full(self) -> bool:
        """Whether further events must wait."""
        return bool(self._backlog) or self._running >= self._most

    def keep(self, packet: Event) -> None:
        """Run this event later. It came with what had been read already, or before an acknowledgement."""
        if self._backlog is None:
            self._backlog = deque()
        self._backlog.append(packet)
        self.regulate()

    def regulate(self) -> None:
        """Stop reading from a client that has too many events running, and go on when it has not.

        While one of them waits for an acknowledgement of this client, reading goes on, or it would wait forever; as
        many events as may run are kept meanwhile.
        """
        enough = self.full and (not self._socket.waits_for_ack or len(self._backlog or ()) >= self._most)
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
            self._latest = coroutine
        self._socket.namespace.server.tasks.start(coroutine, context, ended=self._ended)
        if self._running >= self._most:
            self.regulate()

    def _ended(self) -> None:
        self._running -= 1
        if not self._running:
            self._latest = None
        if self._backlog and not self._refilling:
            self._start_kept(self._backlog)
        if self._paused:
            self.regulate()

    def _start_kept(self, backlog: deque[Event]) -> None:
        if self._socket.namespace.server.closing:
            backlog.clear()
        # One that starts eagerly may have ended when it is made, and leaves the rest to this loop.
        self._refilling = True
        while backlog and self._running < self._most:
            run_event(self._socket, backlog.popleft())
        self._refilling = False
