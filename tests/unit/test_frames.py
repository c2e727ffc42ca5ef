"""WebSocket frames: what RFC 6455 obliges a server without extensions to read and to refuse, however the bytes come."""

from __future__ import annotations

import logging
import tracemalloc
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side
from websockets.server import ServerProtocol

from unit.fakes import client_frame
from unit.strategies import client_frames
from whinny.errors import ProtocolError
from whinny.serving.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    NO_CODE,
    NOT_UTF8,
    PING,
    PONG,
    PROTOCOL_ERROR,
    TEXT,
    TOO_BIG,
    Control,
    FrameError,
    FrameReader,
    close_code,
    close_frame,
    frame,
)

LIMIT = 1000
Item = str | bytes | Control


def parted(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def read(*pieces: bytes, limit: int = LIMIT) -> tuple[list[Item], int | None]:
    """What a reader makes of these pieces: messages and control frames, and the close code if it refused one."""
    reader = FrameReader(limit)
    items: list[Item] = []
    try:
        for piece in pieces:
            for item in reader.read(piece):
                items.append(item)  # those before an error count too
    except FrameError as error:
        return items, error.code
    return items, None


def refused(*pieces: bytes, limit: int = LIMIT) -> int | None:
    """The code with which frames are refused, of which nothing must have been read."""
    items, code = read(*pieces, limit=limit)
    assert items == []
    return code


# masking (§5.1, §5.3)


@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\1\2\3\4", b"\0\0\0\x80"])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 31, 32, 33, 125, 126, 999])
def test_a_payload_is_unmasked(mask: bytes, size: int) -> None:
    payload = bytes(index * 7 & 0x7F for index in range(size))
    assert read(client_frame(BINARY, payload, mask=mask)) == ([payload], None)
    assert read(client_frame(TEXT, payload, mask=mask)) == ([payload.decode()], None)
    assert read(client_frame(PING, payload[:125], mask=mask)) == ([Control(PING, payload[:125])], None)


@pytest.mark.parametrize("opcode", [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG])
@pytest.mark.parametrize("size", [0, 5, 125])
def test_a_frame_without_a_mask_is_refused(opcode: int, size: int) -> None:
    """With its header, before its payload is there."""
    whole = client_frame(opcode, b"x" * size, masked=False)
    assert refused(whole) == refused(whole[:2]) == PROTOCOL_ERROR


def test_a_frame_without_a_mask_is_refused_between_fragments() -> None:
    first = client_frame(TEXT, b"ab", final=False)
    assert refused(first, client_frame(CONTINUATION, b"c", masked=False)) == PROTOCOL_ERROR


# reserved bits and opcodes (§5.2)


@pytest.mark.parametrize("reserved", [0x10, 0x20, 0x40, 0x30, 0x50, 0x60, 0x70])
@pytest.mark.parametrize("opcode", [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG])
def test_reserved_bits_are_refused(opcode: int, reserved: int) -> None:
    assert refused(client_frame(opcode, reserved=reserved)) == PROTOCOL_ERROR
    assert refused(client_frame(opcode, b"abc", reserved=reserved)[:2]) == PROTOCOL_ERROR


def test_reserved_bits_of_a_later_fragment_are_refused() -> None:
    first = client_frame(TEXT, b"ab", final=False)
    assert refused(first, client_frame(CONTINUATION, b"c", reserved=0x40)) == PROTOCOL_ERROR


@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize("opcode", [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF])
def test_unknown_opcodes_are_refused(opcode: int, final: bool) -> None:
    assert refused(client_frame(opcode, final=final)) == PROTOCOL_ERROR
    assert refused(client_frame(opcode, b"abc", final=final)[:2]) == PROTOCOL_ERROR
    assert refused(client_frame(TEXT, b"a", final=False), client_frame(opcode, final=final)) == PROTOCOL_ERROR


# control frames (§5.5)


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
@pytest.mark.parametrize("length", [0, 2, 8])
def test_the_longest_control_frame_is_read(opcode: int, length: int) -> None:
    """However its length is written."""
    payload = b"\x03\xe8" + b"x" * 123
    assert read(client_frame(opcode, payload, length=length)) == ([Control(opcode, payload)], None)


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
@pytest.mark.parametrize("size", [126, 127, 65535, 65536, 2**63, 2**64 - 1])
def test_longer_control_frames_are_refused(opcode: int, size: int) -> None:
    """With the header alone, whatever the limit of messages is."""
    header = client_frame(opcode, declared=size)
    assert refused(header[:-4]) == refused(header) == refused(header, limit=2**70) == PROTOCOL_ERROR


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_control_frames_in_fragments_are_refused(opcode: int) -> None:
    assert refused(client_frame(opcode, final=False)) == PROTOCOL_ERROR
    assert refused(client_frame(opcode, b"ab", final=False)[:2]) == PROTOCOL_ERROR


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_control_frames_between_fragments(opcode: int) -> None:
    """They come out where they stand, and leave the message as it is (§5.4)."""
    items, code = read(
        client_frame(opcode, b"a", final=False),
        client_frame(PING, b"1"),
        client_frame(CONTINUATION, b"b", final=False),
        client_frame(PONG, b"2") + client_frame(PING),
        client_frame(CONTINUATION, b"c"),
        client_frame(PING, b"3"),
    )
    message: Item = "abc" if opcode == TEXT else b"abc"
    assert items == [Control(PING, b"1"), Control(PONG, b"2"), Control(PING, b""), message, Control(PING, b"3")]
    assert code is None


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_control_frames_do_not_count_for_the_limit(opcode: int) -> None:
    """Neither alone nor between the fragments of a message that has reached it."""
    payload = b"\x03\xe8" + b"x" * 123
    assert read(client_frame(opcode, payload), limit=1) == ([Control(opcode, payload)], None)
    items, code = read(
        client_frame(TEXT, b"ab", final=False), client_frame(opcode, payload), client_frame(CONTINUATION), limit=2
    )
    assert (items, code) == ([Control(opcode, payload), "ab"], None)


# fragments (§5.4)


@pytest.mark.parametrize("final", [True, False])
def test_a_continuation_of_nothing_is_refused(final: bool) -> None:
    assert refused(client_frame(CONTINUATION, b"a", final=final)) == PROTOCOL_ERROR
    assert read(client_frame(TEXT, b"a"), client_frame(CONTINUATION, final=final)) == (["a"], PROTOCOL_ERROR)
    pieces = client_frame(BINARY, final=False), client_frame(CONTINUATION), client_frame(CONTINUATION, final=final)
    assert read(*pieces) == ([b""], PROTOCOL_ERROR)


@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize("second", [TEXT, BINARY])
@pytest.mark.parametrize("first", [TEXT, BINARY])
def test_a_message_within_a_message_is_refused(first: int, second: int, final: bool) -> None:
    """Even if nothing has come of the first one but an empty fragment."""
    for payload in (b"", b"a"):
        pieces = client_frame(first, payload, final=False), client_frame(second, b"b", final=final)
        assert refused(*pieces) == refused(pieces[0], pieces[1][:2]) == PROTOCOL_ERROR


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_fragments_make_one_message(opcode: int) -> None:
    """Empty ones among them, in one piece or each alone; the next message begins anew."""
    parts = [b"", b"ab", b"", b"c" * 200, b""]
    frames = [client_frame(opcode, parts[0], final=False)]
    frames += [client_frame(CONTINUATION, part, final=False) for part in parts[1:-1]]
    frames.append(client_frame(CONTINUATION, parts[-1]))
    message: Item = b"".join(parts) if opcode == BINARY else b"".join(parts).decode()
    assert read(*frames) == read(b"".join(frames)) == ([message], None)
    again = client_frame(TEXT, b"\xc3", final=False) + client_frame(CONTINUATION, b"\xa4")
    assert read(*frames, *frames, again) == ([message, message, "ä"], None)


def test_an_empty_message_is_a_message() -> None:
    frames = [client_frame(TEXT), client_frame(BINARY), client_frame(TEXT, final=False), client_frame(CONTINUATION)]
    assert read(*frames) == (["", b"", ""], None)


def test_binary_in_fragments_comes_as_bytes() -> None:
    """Not as the buffer in which it was gathered."""
    [message], _ = read(client_frame(BINARY, b"a", final=False), client_frame(CONTINUATION, b"b"))
    assert type(message) is bytes
    [message], _ = read(*parted(client_frame(BINARY, b"ab"), 1))
    assert type(message) is bytes
    [control], _ = read(*parted(client_frame(PING, b"ab"), 1))
    assert isinstance(control, Control)
    assert type(control.payload) is bytes


# lengths (§5.2)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 255, 256, 65535, 65536, 70000])
@pytest.mark.parametrize("length", [0, 2, 8])
def test_all_three_lengths_are_read(size: int, length: int) -> None:
    """Also where a shorter one would do: the sender must take the shortest, but nothing hangs on it here."""
    payload = bytes(size)
    data = client_frame(BINARY, payload, length=length)
    assert read(data, limit=70000) == ([payload], None)
    edge = len(data) - size
    cuts = [data[:1], data[1:2], data[2 : edge - 4], data[edge - 4 : edge - 1], data[edge - 1 : edge], data[edge:]]
    assert read(*cuts, limit=70000) == ([payload], None)


@pytest.mark.parametrize("size", [2**63, 2**63 + 5, 2**64 - 1])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_the_top_bit_of_a_length_is_refused(opcode: int, size: int) -> None:
    """It is a size above every limit."""
    assert refused(client_frame(opcode, declared=size)[:10]) == TOO_BIG
    fragments = client_frame(opcode, b"a", final=False), client_frame(CONTINUATION, declared=size)[:10]
    assert refused(*fragments) == TOO_BIG


# limits


@pytest.mark.parametrize("limit", [0, 1, 125, 126, 127, 1000, 65535, 65536, 100_000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_the_limit_of_a_frame(opcode: int, limit: int) -> None:
    """Exactly the limit is read; one byte more is refused with the header, before the mask is there."""
    fits = b"a" * limit
    assert read(client_frame(opcode, fits), limit=limit) == ([fits if opcode == BINARY else fits.decode()], None)
    header = client_frame(opcode, declared=limit + 1)[:-4]
    assert refused(header, limit=limit) == refused(*parted(header, 1), limit=limit) == TOO_BIG


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("parts", [[0, 100], [100, 0], [50, 50], [1, 98, 1], [99, 0, 0, 1]])
def test_the_limit_of_fragments(opcode: int, parts: list[int]) -> None:
    """All fragments together may have the limit; a byte more is refused with the header of the one that brings it."""
    opcodes = [opcode] + [CONTINUATION] * (len(parts) - 1)
    frames = [client_frame(code, b"a" * part, final=False) for code, part in zip(opcodes, parts, strict=True)]
    assert read(*frames, client_frame(CONTINUATION), limit=100)[1] is None
    for final in (True, False):
        one_more = client_frame(CONTINUATION, b"a", final=final)
        assert refused(*frames, one_more[:2], limit=100) == TOO_BIG
    assert read(*frames, client_frame(CONTINUATION), *frames, client_frame(CONTINUATION), limit=100)[1] is None


def test_the_limit_counts_bytes_not_characters() -> None:
    assert read(client_frame(TEXT, "ä".encode() * 50), limit=100) == (["ä" * 50], None)
    assert refused(client_frame(TEXT, "ä".encode() * 50), limit=99) == TOO_BIG


# text (§8.1)

INVALID = [
    b"\x80",  # a byte that only continues
    b"\xc3",  # the end is missing
    b"\xe2\x82",
    b"\xf0\x9f\x98",
    b"\xc0\xaf",  # longer than need be
    b"\xe0\x80\xaf",
    b"\xf0\x80\x80\xaf",
    b"\xed\xa0\x80",  # a surrogate
    b"\xed\xa0\xbd\xed\xb8\x80",  # a pair of them
    b"\xf4\x90\x80\x80",  # above U+10FFFF
    b"\xf8\x88\x80\x80\x80",
    b"\xfe",
    b"\xff",
    b"\xc3\x28",
]


@pytest.mark.parametrize("invalid", INVALID)
def test_text_that_is_not_utf8_is_refused(invalid: bytes) -> None:
    """Whole or in fragments, at its beginning, in the middle and at its end; as binary it is nobody's business."""
    for payload in (invalid, b"ok" + invalid, invalid + b"ok", "ä".encode() + invalid):
        assert refused(client_frame(TEXT, payload)) == NOT_UTF8
        for cut in range(len(payload) + 1):
            frames = client_frame(TEXT, payload[:cut], final=False), client_frame(CONTINUATION, payload[cut:])
            assert refused(*frames) == refused(b"".join(frames)) == NOT_UTF8
        assert read(client_frame(BINARY, payload)) == ([payload], None)


@pytest.mark.parametrize("text", ["a", "ä€😀", "\0", "\ufeffa", "\u2028\r\n", "\U0010ffff\uffff\ud7ff\ue000"])
def test_text_may_be_cut_anywhere(text: str) -> None:
    """A character may begin in one fragment and end in another."""
    payload = text.encode()
    for first in range(len(payload) + 1):
        for second in range(first, len(payload) + 1):
            frames = (
                client_frame(TEXT, payload[:first], final=False),
                client_frame(CONTINUATION, payload[first:second], final=False),
                client_frame(PING, b"\xff"),
                client_frame(CONTINUATION, payload[second:]),
            )
            assert read(*frames) == read(b"".join(frames)) == ([Control(PING, b"\xff"), text], None)


def test_what_came_before_an_error_is_read() -> None:
    """In the same piece, however many they are."""
    good = client_frame(TEXT, b"a") + client_frame(PING, b"b") + client_frame(BINARY, b"c")
    for bad, code in [
        (client_frame(TEXT, b"\xff"), NOT_UTF8),
        (client_frame(3), PROTOCOL_ERROR),
        (client_frame(TEXT, declared=LIMIT + 1), TOO_BIG),
    ]:
        assert read(good + bad + good) == (["a", Control(PING, b"b"), b"c"], code)


# closing (§5.5.1, §7.4)

SENDABLE = [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999]
NOT_SENDABLE = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 5001, 9999, 32768, 65535]


@pytest.mark.parametrize("code", SENDABLE)
def test_close_codes_that_may_be_sent(code: int) -> None:
    for reason in (b"", b"x", "geht ä €".encode(), b"x" * 123):
        assert close_code(code.to_bytes(2, "big") + reason) == code


@pytest.mark.parametrize("code", NOT_SENDABLE)
def test_close_codes_that_must_not_be_sent(code: int) -> None:
    with pytest.raises(FrameError) as caught:
        close_code(code.to_bytes(2, "big"))
    assert caught.value.code == PROTOCOL_ERROR


def test_every_close_code_is_judged_as_websockets_does() -> None:
    def accepted(code: int) -> bool:
        try:
            return close_code(code.to_bytes(2, "big")) == code
        except FrameError:
            return False

    for code in range(65536):
        protocol = server(LIMIT)
        protocol.receive_data(client_frame(CLOSE, code.to_bytes(2, "big")))
        assert accepted(code) is (protocol.parser_exc is None), code


def test_a_close_frame_may_be_empty() -> None:
    assert close_code(b"") == NO_CODE


@pytest.mark.parametrize("payload", [b"\0", b"\x03", b"\xff"])
def test_half_a_close_code_is_refused(payload: bytes) -> None:
    with pytest.raises(FrameError) as caught:
        close_code(payload)
    assert caught.value.code == PROTOCOL_ERROR


@pytest.mark.parametrize("reason", INVALID)
def test_a_close_reason_that_is_not_utf8_is_refused(reason: bytes) -> None:
    with pytest.raises(FrameError) as caught:
        close_code(b"\x03\xe8ok" + reason)
    assert caught.value.code == NOT_UTF8


# any bytes


@settings(deadline=None)
@given(st.lists(client_frames(wrong=True), max_size=3), st.lists(st.integers(0, 600), max_size=12), st.integers(0, 200))
def test_any_chunking_reads_the_same(frames: list[list[bytes]], cuts: list[int], limit: int) -> None:
    """In one piece, byte by byte, or parted anywhere: the same messages, and the same refusal."""
    data = b"".join(each for some in frames for each in some)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    anywhere = [data[start:end] for start, end in pairwise(edges)]
    expected = read(data, limit=limit)
    assert read(*anywhere, limit=limit) == expected
    assert read(*parted(data, 1), limit=limit) == expected
    assert read(*[each for some in frames for each in some], limit=limit) == expected


@settings(max_examples=500, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(0, 300))
def test_garbage_is_refused_in_order(pieces: list[bytes], limit: int) -> None:
    """Whatever comes, nothing is raised but FrameError, nor is more than the limit read."""
    items, code = read(*pieces, limit=limit)
    assert code in (None, PROTOCOL_ERROR, NOT_UTF8, TOO_BIG)
    for item in items:
        if isinstance(item, Control):
            assert len(item.payload) <= 125
        else:
            assert len(item.encode() if isinstance(item, str) else item) <= limit


@settings(deadline=None)
@given(st.lists(client_frames(wrong=False), max_size=4))
def test_a_right_client_is_never_refused(frames: list[list[bytes]]) -> None:
    """Up to its close frame, whose code is another matter."""
    for some in frames:
        assert read(*some)[1] is None


# what is kept


def held(pieces: list[bytes], limit: int) -> tuple[int, int]:
    """The most bytes that a reader keeps while these pieces come, and those that are allocated for one of the last."""
    reader = FrameReader(limit)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for piece in islice(pieces, len(pieces) - 100):
            assert list(reader.read(piece)) == []
        _, peak = tracemalloc.get_traced_memory()
        for_one = 0
        for piece in islice(pieces, len(pieces) - 100, None):
            kept, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            assert list(reader.read(piece)) == []
            for_one = max(for_one, tracemalloc.get_traced_memory()[1] - kept)
    finally:
        tracemalloc.stop()
    return peak - before, for_one


@pytest.mark.parametrize("size", [1, 2])
def test_a_large_frame_in_tiny_pieces_is_kept_once(size: int) -> None:
    """What is kept is about the frame itself, and a piece more costs about that piece: nothing is copied for it."""
    whole = 1_000_000 if size == 2 else 300_000
    pieces = parted(client_frame(BINARY, bytes(whole))[:-1], size)
    kept, for_one = held(pieces, whole)
    assert whole * 0.9 < kept < whole * 1.3
    assert for_one < 20_000


def test_a_large_message_in_tiny_fragments_is_kept_once() -> None:
    fragment = client_frame(CONTINUATION, b"ab", final=False)
    pieces = [client_frame(BINARY, final=False)] + [fragment] * 100_000
    kept, for_one = held(pieces, 1_000_000)
    assert kept < 200_000 * 1.3 + 10_000
    assert for_one < 20_000


def test_empty_fragments_are_not_kept() -> None:
    """However many come, for a message has no end before its last fragment."""
    fragment = client_frame(CONTINUATION, final=False)
    pieces = [client_frame(TEXT, final=False)] + [fragment] * 50_000
    kept, _ = held(pieces, 100)
    assert kept < 10_000
    kept, _ = held([client_frame(TEXT, final=False)] + [fragment * 1000] * 200, 100)
    assert kept < 30_000


def test_a_header_alone_takes_no_memory() -> None:
    """A size is not believed before its bytes come."""
    limit = 100_000_000
    kept, _ = held([client_frame(BINARY, declared=limit)] + [b"x"] * 200, limit)
    assert kept < 10_000


def test_of_a_message_nothing_is_kept_once_it_is_read() -> None:
    reader = FrameReader(1_000_000)
    frames = [client_frame(BINARY, bytes(500_000), final=False), client_frame(CONTINUATION, bytes(500_000))]
    pieces = [piece for each in frames for piece in (each[:7], each[7:])]
    tracemalloc.start()
    try:
        assert [len(item) for piece in pieces for item in reader.read(piece)] == [1_000_000]
        assert tracemalloc.get_traced_memory()[0] < 20_000
    finally:
        tracemalloc.stop()


# beside websockets' own reader

quiet = logging.getLogger("unit.quiet")
quiet.disabled = True


def server(limit: int) -> ServerProtocol:
    return ServerProtocol(state=OPEN, max_size=limit, logger=quiet)


class Ours:
    """A FrameReader that is given frame after frame."""

    def __init__(self, limit: int) -> None:
        self._reader = FrameReader(limit)

    def read(self, data: bytes) -> tuple[list[Item], int | None]:
        items: list[Item] = []
        try:
            for item in self._reader.read(data):
                if isinstance(item, Control) and item.opcode == CLOSE:
                    close_code(item.payload)
                items.append(item)
        except FrameError as error:
            return items, error.code
        return items, None


class Theirs:
    """The reader of websockets, with what its users do above it: join the fragments and decode the text."""

    def __init__(self, limit: int) -> None:
        self._protocol = server(limit)
        self._limit = limit
        self._parts: list[bytes] = []
        self._text = False

    @property
    def left(self) -> int:
        """Bytes that the next frame may have."""
        return self._limit - (self._protocol.current_size or 0)

    @property
    def within(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._protocol.current_size is not None

    def read(self, data: bytes) -> tuple[list[Item], int | None]:
        self._protocol.receive_data(data)
        items: list[Item] = []
        for event in self._protocol.events_received():
            assert isinstance(event, Frame)
            payload = bytes(event.data)
            if event.opcode >= Opcode.CLOSE:
                items.append(Control(int(event.opcode), payload))
                continue
            if event.opcode != Opcode.CONT:
                self._parts, self._text = [], event.opcode == Opcode.TEXT
            self._parts.append(payload)
            if event.fin:
                try:
                    items.append(b"".join(self._parts).decode() if self._text else b"".join(self._parts))
                except UnicodeDecodeError:
                    return items, NOT_UTF8
        if self._protocol.parser_exc is None:
            return items, None
        assert self._protocol.close_sent is not None
        return items, self._protocol.close_sent.code


def first_frame(data: bytes) -> tuple[int, int]:
    """The size that the first frame in the data says it has, and how long its header is; 0, 0 where that is cut."""
    if len(data) < 2:
        return 0, 0
    length = {126: 2, 127: 8}.get(data[1] & 0x7F, 0)
    if len(data) < 2 + length:
        return 0, 0
    size = int.from_bytes(data[2 : 2 + length], "big") if length else data[1] & 0x7F
    return size, 2 + length + (4 if data[1] & 0x80 else 0)


def on_purpose(piece: bytes, left: int, within: bool, ours: int | None, theirs: int | None) -> bool:
    """Whether Whinny may read a frame otherwise than websockets does. All that it may is here.

    `left`: bytes that the message may still have; `within`: whether the frame comes between fragments.
    """
    size, header = first_frame(piece)
    opcode = piece[0] & 0x0F
    # websockets looks at the first two bytes at once, Whinny when all bytes of the length are there.
    if (ours, theirs) == (None, PROTOCOL_ERROR) and not header:
        return True
    # A frame with two faults: websockets looks at its size first, Whinny at the other bits of its header.
    if (ours, theirs) == (PROTOCOL_ERROR, TOO_BIG):
        return size > left
    # websockets counts control frames for what a message may have; the RFC gives them their own bound.
    if theirs == TOO_BIG and opcode >= CLOSE:
        return left < size <= 125
    # websockets takes a close frame between fragments for an error; to the RFC it is a control frame like others.
    if (ours, theirs) == (None, PROTOCOL_ERROR):
        return opcode == CLOSE and within
    # A close frame with two faults: websockets looks at its reason first, Whinny at its code.
    if (ours, theirs) == (PROTOCOL_ERROR, NOT_UTF8):
        code = int.from_bytes(bytes(piece[header + at] ^ piece[header - 4 + at] for at in range(2)), "big")
        return opcode == CLOSE and code not in SENDABLE and not 3000 <= code < 5000
    return False


def compare(data: bytes, limit: int) -> None:
    """Give the data to both, a frame at a time; the first refusal, or the close frame, is the end."""
    ours, theirs = Ours(limit), Theirs(limit)
    while data:
        size, header = first_frame(data)
        stop = header + size if header else len(data)
        piece, data = data[:stop], data[stop:]
        left, within = theirs.left, theirs.within
        items, code = ours.read(piece)
        if code is not None and len(piece) < stop and size <= left:
            piece += bytes(stop - len(piece))  # websockets refuses some frames only when all of them is there
        elif code is not None and not header:
            piece += bytes(20)
        their_items, their_code = theirs.read(piece)
        if code != their_code:
            assert on_purpose(piece, left, within, code, their_code), (piece, code, their_code)
            return
        assert items == their_items
        if code is not None or any(isinstance(item, Control) and item.opcode == CLOSE for item in items):
            return


@settings(max_examples=400, deadline=None)
@given(client_frames(wrong=True), st.integers(0, 300) | st.just(100_000))
def test_frames_are_read_as_websockets_reads_them(frames: list[bytes], limit: int) -> None:
    """The same messages, and the same close code for what is refused, but for what `on_purpose` lists."""
    compare(b"".join(frames), limit)


@settings(max_examples=400, deadline=None)
@given(client_frames(wrong=False), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=3), st.data())
def test_damaged_frames_are_read_as_websockets_reads_them(
    frames: list[bytes], damage: list[tuple[int, int]], data: st.DataObject
) -> None:
    """The same with any bytes changed, and the end cut off."""
    whole = bytearray(b"".join(frames))
    for where, byte in damage:
        whole[where % len(whole)] = byte
    compare(bytes(whole[: data.draw(st.integers(1, len(whole)))]), 100)


def test_an_error_says_what_is_wrong() -> None:
    """To the log, and as an error of the protocol like others."""
    with pytest.raises(ProtocolError, match="not masked") as caught:
        list(FrameReader(LIMIT).read(client_frame(TEXT, masked=False)))
    assert isinstance(caught.value, FrameError)
    assert caught.value.code == PROTOCOL_ERROR


@given(st.binary(max_size=125))
def test_any_close_payload_has_a_code_or_is_refused(payload: bytes) -> None:
    try:
        code = close_code(payload)
    except FrameError as error:
        code = -error.code
    assert code == NO_CODE or code in SENDABLE or 3000 <= code < 5000 or -code in (PROTOCOL_ERROR, NOT_UTF8)


# writing


def by_websockets(data: bytes) -> list[Frame]:
    """The frames in the data, read by the client's side of websockets."""
    protocol = Protocol(Side.CLIENT, max_size=None, logger=quiet)
    protocol.receive_data(data)
    assert protocol.parser_exc is None
    events = protocol.events_received()
    assert all(isinstance(event, Frame) for event in events)
    return events  # type: ignore[return-value]


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 1_000_000])
def test_what_is_written_is_read_by_websockets(opcode: int, size: int) -> None:
    """As a whole message, neither masked nor with reserved bits, its length as short as can be (§5.1, §5.2)."""
    payload = b"ab" * (size // 2) + b"c" * (size % 2)
    written = frame(opcode, payload)
    assert by_websockets(written) == [Frame(Opcode(opcode), payload)]
    assert written == Frame(Opcode(opcode), payload).serialize(mask=False)


@pytest.mark.parametrize("opcode", [PING, PONG])
@pytest.mark.parametrize("size", [0, 1, 125])
def test_control_frames_that_are_written(opcode: int, size: int) -> None:
    assert by_websockets(frame(opcode, b"x" * size)) == [Frame(Opcode(opcode), b"x" * size)]


@pytest.mark.parametrize("code", SENDABLE)
def test_the_close_frame_that_is_written(code: int) -> None:
    assert by_websockets(close_frame(code)) == [Frame(Opcode.CLOSE, code.to_bytes(2, "big"))]


def test_a_close_frame_never_says_that_there_is_no_code() -> None:
    assert by_websockets(close_frame(NO_CODE)) == [Frame(Opcode.CLOSE, b"")]
