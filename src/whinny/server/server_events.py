"""Events between the servers of a cluster: who listens to them, and how they are sent."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from whinny import protocol
from whinny.cluster import check_server_event, wire_args
from whinny.logs import log_error
from whinny.server.broadcast import BroadcastOperator

if TYPE_CHECKING:
    from whinny.server.tasks import Tasks

log = logging.getLogger("whinny.server")

Listener = Callable[..., Any]
Answer = Callable[[Any], None]


class ServerEvents(BroadcastOperator):
    """A choice of all clients of a namespace, with the events that the servers of a cluster send to each other."""

    __slots__ = ()

    def on(self, event: str, fn: Listener) -> None:
        """Call `fn`, a `def` or an `async def`, with the arguments of each such event that another server emits.

        What it returns is the answer, if that server waits for one; of several, what the first one returns. Events of
        clients do not come here: they are methods of controllers. Raises ValueError for a reserved name.
        """
        check_server_event(event)
        if not callable(fn):
            raise TypeError(f"{fn!r} cannot listen to {event!r}: it is no function")
        self._namespace.server.call(self._namespace.listeners.add, event, fn)

    def off(self, event: str, fn: Listener) -> None:
        """Call `fn` no more, or once less if it was given several times. One that does not listen is ignored."""
        self._namespace.server.call(self._namespace.listeners.remove, event, fn)

    def server_side_emit(self, event: str, *args: Any) -> None:
        """Send an event to the other servers, and to no client. This server's own listeners do not hear it.

        Returns without waiting. Raises EncodeError at once when the arguments cannot be sent, and ValueError for a
        reserved name.
        """
        namespace = self._namespace
        namespace.server.call(namespace.adapter.server_side_emit, self._server_event(event, args))

    async def server_side_emit_with_ack(self, event: str, *args: Any, timeout: float | None = None) -> list[Any]:
        """Send an event to the other servers and wait for the answer of each: none where there is one server.

        `timeout` in seconds, else that of the adapter, 5. Raises AckTimeout, whose `responses` are the answers that
        came; EncodeError; ValueError for a reserved name.
        """
        data = self._server_event(event, args)
        return await self._namespace.server.run(self._namespace.adapter.server_side_emit_with_ack(data, timeout))

    async def server_count(self) -> int:
        """How many servers there are in the cluster, this one among them."""
        return await self._namespace.server.run(self._namespace.adapter.server_count())

    def _server_event(self, event: str, args: Sequence[Any]) -> list[Any]:
        check_server_event(event)
        return [event, *protocol.as_received(wire_args(args))]


class Listeners:
    """The listeners of one namespace, in the order of their coming."""

    __slots__ = ("_by_event",)

    def __init__(self) -> None:
        self._by_event: dict[str, list[Listener]] = {}

    def add(self, event: str, fn: Listener) -> None:
        """One more listener."""
        self._by_event.setdefault(event, []).append(fn)

    def remove(self, event: str, fn: Listener) -> None:
        """One less."""
        listeners = self._by_event.get(event, [])
        if fn in listeners:
            listeners.remove(fn)
            if not listeners:
                del self._by_event[event]

    def run(self, tasks: Tasks, data: list[Any], answer: Answer | None) -> None:
        """Call all who listen; those that wait go on as tasks. An error of one is logged and stops no other."""
        event, *args = data
        for fn in list(self._by_event.get(event, ())):
            copy_context().run(_call, tasks, event, fn, args, answer)
            answer = None  # the first one answers


def _call(tasks: Tasks, event: str, fn: Listener, args: list[Any], answer: Answer | None) -> None:
    try:
        result = fn(*args)
        if inspect.isawaitable(result):
            tasks.start(_finish(event, result, answer))
        else:
            _answer(answer, result)
    except Exception as error:
        _log_failure(event, error)


async def _finish(event: str, pending: Awaitable[Any], answer: Answer | None) -> None:
    try:
        _answer(answer, await pending)
    except Exception as error:
        _log_failure(event, error)


def _answer(answer: Answer | None, result: Any) -> None:
    """Answer the server that waits, if one does. Raises EncodeError for what cannot be sent."""
    if answer is not None:
        answer(protocol.as_received(wire_args((result,)))[0])


def _log_failure(event: str, error: Exception) -> None:
    log_error(log, "A listener to the server-side event %r failed", event, error=error)
