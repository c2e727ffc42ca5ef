"""HTTP long-polling (Engine.IO v4 §HTTP long-polling): one GET that waits for packets, one POST that brings them.

The transport sees no HTTP: the serving layer brings each request as calls and a future for its answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, Final

from whinny.engine.gate import Gate
from whinny.engine.packet import CLOSE, NOOP, Packet, decode_payload, encode_payload
from whinny.errors import ProtocolError

if TYPE_CHECKING:
    from whinny.engine.options import TransportName
    from whinny.engine.transport import Peer


AT_ONCE: Final = 100
"""Packets of one client after which others have their turn."""


class Overlap(ProtocolError):
    """Two polls, or two data requests, of one session at once."""


class PollingTransport:
    """A transport over HTTP requests."""

    __slots__ = ("_gate", "_poll", "_posting", "_reader", "aborted", "peer", "writing")

    name: ClassVar[TransportName] = "polling"
    peer: Peer

    def __init__(self) -> None:
        self._poll: asyncio.Future[str] | None = None
        self._posting = False
        self._reader: asyncio.Task[Any] | None = None  # reads the body of a data request
        self._gate = Gate()
        self.aborted = False
        """Whether the end of the connection has broken off the reading of a data request."""
        self.writing = False
        """Whether a former answer is being written, to a client that takes its time: the next one waits."""

    # the poll

    @property
    def ready(self) -> bool:
        """Whether a poll waits."""
        return self._poll is not None

    def poll(self) -> asyncio.Future[str]:
        """A poll came: the future of its answer's body, which may be there already.

        Raises Overlap when another one waits; the connection is closed then.
        """
        if self._poll is not None:
            self.peer.lost(self, "transport error", "overlap from client")
            raise Overlap("overlap from client")
        answer = self._poll = asyncio.get_running_loop().create_future()
        self.wake()
        return answer

    def poll_gone(self, answer: asyncio.Future[str]) -> None:
        """The client dropped the poll before its answer came."""
        if self._poll is answer:
            self._poll = None
            self.peer.lost(self, "transport error", "poll connection closed prematurely")

    def wake(self) -> None:
        """Answer the waiting poll with the packets that wait."""
        if self._poll is not None and not self.writing and (packets := self.peer.take()):
            self._answer(packets)
            self.peer.sent()

    def try_write(self) -> None:
        """A poll that waits has been answered already."""

    def written(self) -> None:
        """The client has taken the former answer."""
        self.writing = False
        self.wake()

    def release(self) -> None:
        """Answer the waiting poll with a noop, so that the client can pause polling."""
        if self._poll is not None:
            self._answer([NOOP])

    def _answer(self, packets: list[Packet]) -> None:
        answer, self._poll = self._poll, None
        assert answer is not None
        if not answer.done():
            answer.set_result(encode_payload(packets))

    # the data request

    def begin_data(self) -> None:
        """A data request came. Raises Overlap when another one is being read; the connection is closed then."""
        if self._posting:
            self.peer.lost(self, "transport error", "data request overlap from client")
            raise Overlap("data request overlap from client")
        self._posting = True
        self._reader = asyncio.current_task()

    async def data(self, body: bytes) -> None:
        """The data request's body, whole. Raises ProtocolError when it is no payload; the connection is closed then."""
        self._reader = None
        try:
            packets = decode_payload(body)
        except ProtocolError as error:
            self.peer.lost(self, "parse error", str(error))
            raise
        for number, wire in enumerate(packets, 1):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
            if wire == "1":
                self.closed_by_client()
                return
            self.peer.receive(wire)
            await self._gate.wait()

    def end_data(self) -> None:
        """The data request was answered."""
        self._posting = False
        self._reader = None

    def data_gone(self) -> None:
        """The client broke off its data request."""
        self.peer.lost(self, "transport error", "data request connection closed prematurely")

    def refuse(self, description: str) -> None:
        """The client sent a request that the protocol forbids."""
        self.peer.lost(self, "transport error", description)

    def closed_by_client(self) -> None:
        """The client sent a close packet: a waiting poll is answered with a noop, as in the reference server."""
        self.release()
        self.peer.lost(self, "transport close")

    # the end and the pauses

    def close(self, code: int = 1000) -> None:
        """Answer the waiting poll with a close packet."""
        if self._poll is not None:
            self._answer([CLOSE])
        if self._reader is not None and self._reader is not asyncio.current_task():
            self.aborted = True
            self._reader.cancel()
        self._gate.open(for_good=True)

    def pause(self) -> None:
        """Keep the answer to the data request back, and what is left of its packets."""
        self._gate.shut()

    def resume(self) -> None:
        """Go on with the data request."""
        self._gate.open()
