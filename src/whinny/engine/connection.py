"""One client: an ordered stream of messages in both directions, whatever carries them.

States go open → closing → closed, or straight to closed. `closing` waits for the packets that were sent before it;
`closed` is final, and only there the handler hears of the end, once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, Protocol

from whinny.engine.packet import CLOSE, PING, Packet
from whinny.types import DisconnectReason

if TYPE_CHECKING:
    from whinny.engine.engine import Engine
    from whinny.engine.request import EngineRequest
    from whinny.engine.transport import Transport
    from whinny.engine.upgrade import Upgrade


log = logging.getLogger("whinny.engine")

CLOSE_TIMEOUT: Final = 30.0
"""Seconds that an orderly close may take, as in the reference server."""


STALL_TIMEOUT: Final = 10.0
"""Seconds in which a client for whom much waits must take some of it."""


class ConnectionHandler(Protocol):
    """What the layer above does with a connection."""

    def on_message(self, data: str | bytes) -> None:
        """A message came in; messages come in order."""

    def on_close(self, reason: DisconnectReason, description: str) -> None:
        """The connection is closed; called once. `reason` is one of the reference server's."""


class Connection:
    """A client of the engine. Made by `Engine.open`; all methods belong to the event loop's thread."""

    __slots__ = (
        "__weakref__",
        "_buffer",
        "_buffered",
        "_busy",
        "_deadline",
        "_engine",
        "_moved",
        "_patience",
        "_taken",
        "_told",
        "handler",
        "id",
        "owes_pong",
        "request",
        "state",
        "transport",
        "upgrade",
        "upgraded",
    )

    handler: ConnectionHandler

    def __init__(self, engine: Engine, sid: str, request: EngineRequest, transport: Transport) -> None:
        self._engine = engine
        self._buffer: list[Packet] = []
        self._buffered = 0  # bytes in the buffer
        self._taken = 0  # bytes that the transport took and has not reported as sent
        # Runs while much waits: the client is not read then, and must take something until it is looked at again.
        self._patience: asyncio.TimerHandle | None = None
        self._moved = False  # it has
        self._busy: set[object] | None = None  # who has asked for a pause; made when somebody does
        self._deadline: asyncio.TimerHandle | None = None  # of an orderly close
        self._told = False  # of the close, by a packet
        self.owes_pong = False  # pinged, and not heard of since; the heartbeat's
        self.id = sid
        self.request = request
        self.transport = transport
        self.state: Literal["open", "closing", "closed"] = "open"
        self.upgrade: Upgrade | None = None
        self.upgraded = False

    # out

    def send(self, packets: Sequence[Packet], volatile: bool = False) -> None:
        """Queue packets, all or none, and have them written as soon as the transport can.

        Dropped when the connection is not open, or if they are volatile and the transport is not ready. Where more
        than `max_send_buffer` bytes would wait, volatile packets are dropped, and any others end the connection; but
        what comes when nothing waits is taken, whatever its size.
        """
        if self.state != "open" or (volatile and not self.transport.ready):
            return
        size = packets[0].size if len(packets) == 1 else sum(packet.size for packet in packets)
        waiting = self._buffered + self._taken
        if waiting and waiting + size > self._engine.much and not self._has_room(size, volatile):
            return
        self._buffered += size
        self._buffer.extend(packets)
        self.transport.wake()

    def _has_room(self, size: int, volatile: bool) -> bool:
        """Whether so many bytes may wait besides those that do. Where much waits, the client is not read meanwhile.

        One that asks faster than it takes the answers is slowed down so, and not cut off.
        """
        self.transport.try_write()
        waiting = self._buffered + self._taken
        if waiting and waiting + size > self._engine.options.max_send_buffer:
            if not volatile:
                self.overflow()
            return False
        # Whoever polls may wait for the answer to a data request before the next poll takes what waits.
        if waiting + size > self._engine.much and self._patience is None and self.transport.name == "websocket":
            self.pause(self)
            self._wait_for_movement()
        return True

    def _wait_for_movement(self) -> None:
        self._moved = False
        self._patience = asyncio.get_running_loop().call_later(STALL_TIMEOUT, self._end_if_stalled)

    def _end_if_stalled(self) -> None:
        self.transport.try_write()
        if not self._moved:
            self.end("transport error", "the client takes nothing of what waits for it")
        elif self._patience is not None:  # it has not even taken most of it
            self._wait_for_movement()

    def overflow(self) -> None:
        """More waits for the client than it may: end the connection."""
        limit = self._engine.options.max_send_buffer
        log.info("A client is disconnected, since it reads too slowly: max_send_buffer (%s bytes) is exceeded", limit)
        # The end comes in the next turn of the loop: a broadcast is running over the table that it changes.
        self.state = "closing"
        self._buffer, self._buffered = [], 0
        asyncio.get_running_loop().call_soon(
            self.end, "transport error", "the client reads too slowly: max_send_buffer is exceeded"
        )

    def take(self) -> list[Packet]:
        """All packets that wait, for the transport."""
        packets = self._buffer
        if packets:
            self._taken += self._buffered
            self._buffer, self._buffered = [], 0
        elif self._closes_by_packet and not self._told:
            # Alone, once all else was answered: a client that finds it behind other packets closes before it has
            # seen to them.
            self._told = True
            return [CLOSE]
        return packets

    def sent(self, left: int = 0) -> None:
        """The transport has written what it took, but for `left` bytes."""
        if left < self._taken:
            self._moved = True
        self._taken = left
        if self._patience is not None and self._buffered + left <= self._engine.much // 2:
            self._patience.cancel()
            self._patience = None
            self.resume(self)
        if left:
            return
        if self._deadline is not None and not self._buffer and (self._told or not self._closes_by_packet):
            self.end("forced close")

    @property
    def _closes_by_packet(self) -> bool:
        """Whether an orderly close is under way that the client hears of by its next poll."""
        return self._deadline is not None and self.transport.name == "polling"

    # in

    def receive(self, wire: str | bytes) -> None:
        """A packet from the transport: Engine.IO v4 §Protocol, the server's side."""
        if self.state != "open":
            if wire == "1":
                self.end("transport close")
            return
        kind = wire[:1] if type(wire) is str else "4"
        if kind == "4":
            if self.owes_pong:
                self._engine.heartbeat.heard(self)
            self.handler.on_message(wire[1:] if type(wire) is str else wire)
        elif kind == "3":
            self._engine.heartbeat.answered(self)
        elif kind == "1":
            self.end("transport close")
        elif kind == "2":
            self.end("transport error", "invalid heartbeat direction")
        elif kind not in ("0", "5", "6"):
            self.end("parse error", "unknown packet type")

    def ping(self) -> None:
        """Ask the client whether it is there."""
        self.send((PING,))

    @property
    def paused(self) -> bool:
        """Whether somebody has asked for a pause."""
        return bool(self._busy)

    def pause(self, who: object) -> None:
        """Read no further messages until `who`, and everybody else who asked for it, says so."""
        self._busy = self._busy or set()
        self._busy.add(who)
        self.transport.pause()

    def resume(self, who: object) -> None:
        """Read on, for all that `who` minds."""
        if self._busy is not None:
            self._busy.discard(who)
        if not self._busy:
            self.transport.resume()

    # the end

    def close(self) -> None:
        """Close from this side, once all that was sent has gone out.

        A client that polls is told by a close packet, for which its next poll is awaited.
        """
        if self.state != "open":
            return
        self.state = "closing"
        self._deadline = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT, self.end, "forced close")
        if self._closes_by_packet:
            self.transport.wake()
        elif not self._buffer and not self._taken:
            self.end("forced close")

    def lost(self, transport: Transport, reason: DisconnectReason, description: str = "") -> None:
        """A transport failed; that of an earlier time does not matter."""
        if transport is self.transport:
            self.end(reason, description)

    def end(self, reason: DisconnectReason, description: str = "", code: int = 1000) -> None:
        """Close at once and tell the handler."""
        if self.state == "closed":
            return
        self.state = "closed"
        for timer in (self._deadline, self._patience):
            if timer is not None:
                timer.cancel()
        if self.upgrade is not None:
            self.upgrade.give_up()
        self._engine.remove(self)
        self.transport.close(code)
        self._buffer, self._buffered = [], 0
        self.handler.on_close(reason, description)

    # the change of transport

    def adopt(self, transport: Transport, first: Sequence[Packet] = ()) -> None:
        """Go on over another transport; what waits goes out there, behind what comes `first`."""
        former, self.transport = self.transport, transport
        self.upgrade, self.upgraded = None, True
        former.close()
        self._taken = 0
        self._buffer[:0] = first
        self._buffered += sum(packet.size for packet in first)
        if self.paused:
            transport.pause()
        if self._buffer:
            transport.wake()
        elif self._deadline is not None:
            self.end("forced close")
