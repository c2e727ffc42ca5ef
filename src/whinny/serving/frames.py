"""WebSocket frames as a server reads and writes them (RFC 6455 §5), without extensions. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from websockets import frames as websockets_frames

from whinny.errors import ProtocolError

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

PROTOCOL_ERROR: Final = 1002
NO_CODE: Final = 1005
NOT_UTF8: Final = 1007
TOO_BIG: Final = 1009

_unmask = websockets_frames.apply_mask  # type: ignore[attr-defined]  # in C where that is installed

_FINAL: Final = 0x80
_FINAL_TEXT: Final = _FINAL | TEXT
_MASKED: Final = 0x80
_EXTENSION_BITS: Final = 0x70
_OPCODES: Final = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})
_LONGEST_CONTROL: Final = 125
_SHORT_TEXT: Final = [bytes((_FINAL | TEXT, size)) for size in range(126)]
"""The headers of by far the most frames."""


class FrameError(ProtocolError):
    """The client broke the WebSocket protocol; `code` is the close code that says how (RFC 6455 §7.4.1)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Control(NamedTuple):
    """A control frame: CLOSE, PING or PONG."""

    opcode: int
    payload: bytes


def frame(opcode: int, payload: bytes) -> bytes:
    """A whole message, or a control frame, as the server sends it: one frame, not masked."""
    size = len(payload)
    if size < 126:
        header = _SHORT_TEXT[size] if opcode == TEXT else bytes((_FINAL | opcode, size))
    elif size < 65536:
        header = bytes((_FINAL | opcode, 126)) + size.to_bytes(2, "big")
    else:
        header = bytes((_FINAL | opcode, 127)) + size.to_bytes(8, "big")
    return header + payload


def close_frame(code: int) -> bytes:
    """The frame that closes with this code; with none for 1005, which is never sent."""
    return frame(CLOSE, b"" if code == NO_CODE else code.to_bytes(2, "big"))


def close_code(payload: bytes) -> int:
    """The code in a close frame, 1005 where there is none. Raises FrameError for one that must not be sent."""
    if not payload:
        return NO_CODE
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not (3000 <= code < 5000 or (1000 <= code < 1015 and code not in (1004, 1005, 1006))):
        raise FrameError(PROTOCOL_ERROR, "the close frame has a code that must not be sent")
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise FrameError(NOT_UTF8, "the close frame's reason is not UTF-8") from None
    return code


class FrameReader:
    """The frames of one client. A message may have at most `limit` bytes; of more than that nothing is kept."""

    __slots__ = ("_limit", "_message", "_needed", "_opcode", "_unfinished")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._unfinished: bytearray | None = None  # a frame of which a part has come
        self._needed = 0  # bytes that the unfinished frame must have before it is worth another look
        self._message: bytearray | None = None  # the fragments of a message so far
        self._opcode = CONTINUATION  # what the fragments make: TEXT or BINARY

    def read(self, data: bytes) -> Iterator[str | bytes | Control]:
        """The messages and control frames that this data completes, in order: text, binary, or Control.

        To be exhausted before the next data is given. Raises FrameError; the reader is of no use after it.
        """
        if self._unfinished is not None:
            self._unfinished += data
            if len(self._unfinished) < self._needed:
                return
            data, self._unfinished = self._unfinished, None  # type: ignore[assignment]
        position, end = 0, len(data)
        needed = 2
        while end - position >= needed:
            first, second = data[position], data[position + 1]
            size = second & 0x7F
            start = position + 6
            if size > 125:
                length = 2 if size == 126 else 8
                needed = 2 + length
                if end - position < needed:
                    break
                size = int.from_bytes(data[position + 2 : position + needed], "big")
                start += length
            plain = first == _FINAL_TEXT and second >= _MASKED and self._message is None and size <= self._limit
            if not plain:
                self._check(first, second, size)
            stop = start + size
            if stop > end:
                needed = stop - position
                break
            payload = _unmask(data[start:stop], data[start - 4 : start])
            position = stop
            needed = 2
            if plain:
                try:
                    text = payload.decode()
                except UnicodeDecodeError:
                    raise FrameError(NOT_UTF8, "a text message is not UTF-8") from None
                yield text
            elif (complete := self._add(first, payload)) is not None:
                yield complete
        if position < end:
            self._unfinished, self._needed = bytearray(data[position:]), needed

    def _check(self, first: int, second: int, size: int) -> None:
        """Raises FrameError for a frame that must not come now, as soon as its header is there."""
        opcode = first & 0x0F
        if second < _MASKED:
            raise FrameError(PROTOCOL_ERROR, "a frame of the client is not masked")
        if first & _EXTENSION_BITS:
            raise FrameError(PROTOCOL_ERROR, "a frame uses an extension that was not agreed on")
        if opcode not in _OPCODES:
            raise FrameError(PROTOCOL_ERROR, "a frame has an unknown opcode")
        if opcode >= CLOSE:
            if size > _LONGEST_CONTROL or not first & _FINAL:
                raise FrameError(PROTOCOL_ERROR, "a control frame is too long or in fragments")
            return
        if (opcode == CONTINUATION) != (self._message is not None):
            raise FrameError(PROTOCOL_ERROR, "the fragments of a message are out of order")
        if size + len(self._message or b"") > self._limit:
            raise FrameError(TOO_BIG, "a message is larger than max_http_buffer_size")

    def _add(self, first: int, payload: bytes) -> str | bytes | Control | None:
        """What a frame completes that is no whole text."""
        opcode = first & 0x0F
        if opcode >= CLOSE:
            return Control(opcode, payload)
        final = first & _FINAL
        if opcode == BINARY and final:
            return payload
        if self._message is None:
            self._opcode, self._message = opcode, bytearray()
        self._message += payload
        if not final:
            return None
        message, self._message = self._message, None
        if self._opcode == BINARY:
            return bytes(message)
        try:
            return message.decode()
        except UnicodeDecodeError:
            raise FrameError(NOT_UTF8, "a text message is not UTF-8") from None
