"""Pings for all connections with one timer (Engine.IO v4 §Heartbeat).

Every connection waits either for its next ping or for its pong. As all share one interval and one timeout, each of
the two queues is in the order of its deadlines: the first entry is the next one due, and a change costs O(1).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from itertools import takewhile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from whinny.engine.connection import Connection

SLACK: Final = 0.01
"""Seconds that a deadline may be early, so that one timer serves the connections of one moment."""


class Heartbeat:
    """Sends pings and ends the connections that do not answer."""

    __slots__ = ("_interval", "_loop", "_timeout", "_timer", "_to_answer", "_to_ping")

    def __init__(self, interval: float, timeout: float) -> None:
        self._interval = interval
        self._timeout = timeout
        self._to_ping: OrderedDict[Connection, float] = OrderedDict()
        self._to_answer: OrderedDict[Connection, float] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # that of the connections

    def __len__(self) -> int:
        return len(self._to_ping) + len(self._to_answer)

    def add(self, connection: Connection) -> None:
        """A new connection: its first ping comes after one interval."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        self._put(self._to_ping, connection, self._interval)

    def remove(self, connection: Connection) -> None:
        """The connection is closed."""
        self._to_ping.pop(connection, None)
        self._to_answer.pop(connection, None)
        connection.owes_pong = False

    def answered(self, connection: Connection) -> None:
        """A pong came: the next ping is one interval away."""
        self.remove(connection)
        self._put(self._to_ping, connection, self._interval)

    def heard(self, connection: Connection) -> None:
        """A message came of one that owes a pong, which may be stuck behind it: it gets its timeout anew, once.

        It is pinged again as well: a client without a ping for too long closes the connection itself.
        """
        connection.owes_pong = False
        self._put(self._to_answer, connection, self._timeout)
        self._to_answer.move_to_end(connection)
        connection.ping()

    def stop(self) -> None:
        """No more pings."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._to_ping.clear()
        self._to_answer.clear()

    def _put(self, queue: OrderedDict[Connection, float], connection: Connection, delay: float) -> None:
        assert self._loop is not None
        due = self._loop.time() + delay
        queue[connection] = due
        self._schedule(due)

    def _schedule(self, due: float) -> None:
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        assert self._loop is not None
        self._timer = self._loop.call_at(due, self._tick)

    def _tick(self) -> None:
        assert self._loop is not None
        self._timer = None
        now = self._loop.time() + SLACK
        for connection in self._due(self._to_answer, now):
            self.remove(connection)
            if connection.paused:  # its pong may be there, unread
                self._ask(connection)
            else:
                connection.end("ping timeout")
        for connection in self._due(self._to_ping, now):
            del self._to_ping[connection]
            self._ask(connection)
        for queue in (self._to_answer, self._to_ping):
            if queue:
                self._schedule(next(iter(queue.values())))

    def _ask(self, connection: Connection) -> None:
        self._put(self._to_answer, connection, self._timeout)
        connection.owes_pong = True
        connection.ping()

    @staticmethod
    def _due(queue: OrderedDict[Connection, float], now: float) -> Iterator[Connection]:
        """Those whose time has come and which are still there when it is their turn."""
        due = list(takewhile(lambda connection: queue[connection] <= now, queue))
        return (connection for connection in due if connection in queue)
