"""A WebSocket that is about to replace polling (Engine.IO v4 §Upgrade).

client: `2probe` → server: `3probe`, and polls are released with a noop until the client has paused polling →
client: `5` → the connection goes on here. Until then every message travels by polling, so none overtakes another.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from whinny.engine.packet import PROBE_PONG, Packet
from whinny.engine.polling import PollingTransport
from whinny.types import DisconnectReason

if TYPE_CHECKING:
    from whinny.engine.connection import Connection
    from whinny.engine.transport import Transport

RELEASE_INTERVAL: Final = 0.1
"""Seconds between two noops to pending polls, as in the reference server."""


class Upgrade:
    """The peer of the new transport until the upgrade is done or given up."""

    __slots__ = ("_buffer", "_connection", "_release", "_timeout", "_transport")

    def __init__(self, connection: Connection, transport: Transport, timeout: float) -> None:
        self._connection = connection
        self._transport = transport
        self._buffer: list[Packet] = []
        loop = asyncio.get_running_loop()
        self._timeout = loop.call_later(timeout, self.give_up)
        self._release: asyncio.TimerHandle | None = None

    def receive(self, wire: str | bytes) -> None:
        """Probe, upgrade, or anything else, which ends the attempt."""
        if self._connection.upgrade is not self:
            return  # given up; the WebSocket is being closed
        if wire == "2probe":
            self._buffer.append(PROBE_PONG)
            self._transport.wake()
            if self._release is None:
                self._release = asyncio.get_running_loop().call_later(RELEASE_INTERVAL, self._release_polls)
        elif wire == "5":
            self._stop()
            self._release_pending_poll()
            self._transport.peer = self._connection
            self._connection.adopt(self._transport, self.take())
        else:
            self.give_up()

    def take(self) -> list[Packet]:
        """The answer to the probe."""
        packets, self._buffer = self._buffer, []
        return packets

    def sent(self, left: int = 0) -> None:
        """The answer to the probe has gone out."""

    def lost(self, transport: Transport, reason: DisconnectReason, description: str = "") -> None:
        """The new transport is gone: the connection stays with polling."""
        self._stop()

    def give_up(self) -> None:
        """Close the WebSocket; the connection stays with polling, or is gone."""
        self._stop()
        self._transport.close()

    def _stop(self) -> None:
        if self._connection.upgrade is self:
            self._connection.upgrade = None
        self._timeout.cancel()
        if self._release is not None:
            self._release.cancel()

    def _release_pending_poll(self) -> None:
        polling = self._connection.transport
        if isinstance(polling, PollingTransport):
            polling.release()

    def _release_polls(self) -> None:
        self._release_pending_poll()
        self._release = asyncio.get_running_loop().call_later(RELEASE_INTERVAL, self._release_polls)
