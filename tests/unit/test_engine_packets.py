"""Engine.IO packets and polling payloads."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unit.fakes import message
from unit.strategies import wires
from whinny.engine import Packet, decode_payload, encode_payload
from whinny.errors import ProtocolError


@given(st.lists(wires | st.just("1"), min_size=1))
def test_a_payload_gives_back_its_packets(packets: list[str | bytes]) -> None:
    """What is encoded as one payload is decoded to the same packets in the same order."""
    assert decode_payload(encode_payload([Packet(wire) for wire in packets]).encode()) == packets


@given(st.binary() | st.text().map(str.encode) | st.text("b0123456=\x1eAQ/+").map(str.encode))
@example(b"")
@example(b"\x1e")
@example(b"4a\x1e")
@example(b"b")
@example(b"bAA=A")
@example("b\u00e9".encode())
@example(b"\xff")
@example("\u0664hello".encode())  # a digit, but none of ASCII
def test_no_body_does_anything_but_give_packets_or_break_the_protocol(body: bytes) -> None:
    """Any bytes are packets, each of a known kind, or a ProtocolError."""
    try:
        packets = decode_payload(body)
    except ProtocolError:
        return
    assert packets
    for wire in packets:
        assert type(wire) is bytes or (type(wire) is str and wire[0] in "0123456")


@pytest.mark.parametrize(
    "body", [b"", b"7x", b"4a\x1e", b"\x1e4a", b"4a\x1e\x1e4b", b"b*", b"bA", b"bAA==\n", b"bAA==bAA==", b"\x80", b"B"]
)
def test_a_malformed_packet_condemns_the_payload(body: bytes) -> None:
    """One malformed packet is enough that none is delivered."""
    with pytest.raises(ProtocolError):
        decode_payload(b"4good\x1e" + body)


@given(st.binary())
def test_base64_is_made_once(data: bytes) -> None:
    """However many pollers receive a packet, its base64 is made once; on a WebSocket it stays bytes."""
    packet = message(data)
    assert packet.wire == data
    assert packet.in_payload == "b" + b64encode(data).decode()
    assert packet.in_payload is packet.in_payload


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_a_text_packet_is_its_own_payload_and_knows_its_bytes(text: str) -> None:
    """A text message has its type digit before it, and its size counts bytes, not characters."""
    packet = message(text)
    assert packet.in_payload == packet.wire == "4" + text
    assert packet.size == len(("4" + text).encode())


def test_a_binary_packet_knows_its_bytes() -> None:
    """The size of a binary packet is that of its bytes, without base64."""
    assert message(b"\x00" * 10).size == 10
    assert repr(message(b"x")) == "Packet(b'x')"
