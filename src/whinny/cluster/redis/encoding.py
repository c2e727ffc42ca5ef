"""Plain values as the bytes of messages between servers, UTF-8, in JSON or msgpack; and what is none of a server's.

Half of a surrogate pair, which a client may send in a text, has no UTF-8: it becomes U+FFFD, as in what clients get.
An integer beyond 64 bits, which msgpack does not have, becomes the float that JavaScript has for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar

import msgspec

A = TypeVar("A")
T = TypeVar("T")


class Foreign(ValueError):
    """A message that no server has sent: it cannot be read."""


def reads(read: Callable[[A], T]) -> Callable[[A], T]:
    """Decorates what reads a message, or a part of one: what it cannot read is Foreign."""

    @wraps(read)
    def read_it(part: A) -> T:
        try:
            return read(part)
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
            raise Foreign(str(error)) from error

    return read_it


_json: Final = msgspec.json.Encoder().encode
_msgpack: Final = msgspec.msgpack.Encoder().encode


def to_json(value: Any) -> bytes:
    """The value as JSON; binary values as base64. Raises TypeError, ValueError, OverflowError, RecursionError."""
    return _encoded(_json, value)


def to_msgpack(value: Any) -> bytes:
    """The value as msgpack. Raises TypeError, ValueError, OverflowError, RecursionError."""
    return _encoded(_msgpack, value)


def _encoded(encode: Callable[[Any], bytes], value: Any) -> bytes:
    try:
        return encode(value)
    except (UnicodeEncodeError, OverflowError):
        return encode(_encodable(value))


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_encodable_key(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encodable(item) for item in value]
    return _as_float(value) if _is_too_big(value) else value


def _encodable_key(key: Any) -> Any:
    return str(key) if _is_too_big(key) else _encodable(key)


def _is_too_big(value: Any) -> bool:
    return isinstance(value, int) and not -(2**63) <= value < 2**64


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
