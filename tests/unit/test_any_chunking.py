"""However a client parts its packets into requests, the same packets arrive."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from unit.clock import run
from unit.fakes import message, open_polling
from unit.strategies import acks, events
from whinny.engine import decode_payload, encode_payload
from whinny.protocol import Decoder, encode

if TYPE_CHECKING:
    from whinny.engine import Packet
    from whinny.protocol import Packet as SocketPacket

MANY = 1000

sequences = st.lists(events | acks, max_size=6)
cuts = st.lists(st.integers(0, 40), max_size=12)


def wire(sequence: list[SocketPacket]) -> list[Packet]:
    return [message(part) for packet in sequence for part in encode(packet, MANY)]


def bodies(packets: list[Packet], where: list[int]) -> list[bytes]:
    """The packets in order, parted after these numbers of them."""
    edges = sorted({0, len(packets), *(cut for cut in where if cut < len(packets))})
    parts = [packets[start:end] for start, end in pairwise(edges)]
    return [encode_payload(part).encode() for part in parts]


def decoded(messages: list[str | bytes]) -> list[SocketPacket]:
    decoder = Decoder(MANY)
    return [packet for each in messages if (packet := decoder.add(each)) is not None]


@given(sequences, cuts)
def test_any_chunking_gives_the_same_packets(sequence: list[SocketPacket], where: list[int]) -> None:
    """Packets parted in any way over several payloads are decoded to the same ones in the same order."""
    received = [each for body in bodies(wire(sequence), where) for each in decode_payload(body)]
    assert decoded([each[1:] if isinstance(each, str) else each for each in received]) == sequence


@given(sequences, cuts)
def test_any_chunking_reaches_the_handler_alike(sequence: list[SocketPacket], where: list[int]) -> None:
    """The same through a polling transport and its connection, one data request after the other."""

    async def main() -> None:
        _, transport, handler = open_polling()
        for body in bodies(wire(sequence), where):
            transport.begin_data()
            await transport.data(body)
            transport.end_data()
        assert decoded(handler.messages) == sequence
        assert not handler.closed

    run(main())


@given(sequences, cuts, st.sets(st.integers(0, 40)))
def test_pauses_change_nothing(sequence: list[SocketPacket], where: list[int], pauses: set[int]) -> None:
    """A handler that pauses reading in the middle of payloads gets the same packets in the same order."""

    async def main() -> None:
        connection, transport, handler = open_polling()
        heard = handler.on_message

        def on_message(data: str | bytes) -> None:
            if len(handler.messages) in pauses:
                connection.pause("test")
                asyncio.get_running_loop().call_later(1, connection.resume, "test")
            heard(data)

        handler.on_message = on_message  # type: ignore[method-assign]
        for body in bodies(wire(sequence), where):
            transport.begin_data()
            await transport.data(body)
            transport.end_data()
        assert decoded(handler.messages) == sequence

    run(main())
