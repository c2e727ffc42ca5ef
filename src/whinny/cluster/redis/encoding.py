"""Plain values as the bytes of messages between servers: UTF-8, in JSON or msgpack.

Half of a surrogate pair, which a client may send in a text, has no UTF-8: it becomes U+FFFD, as in what clients get.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

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
    except UnicodeEncodeError:
        return encode(_well_formed(value))


def _well_formed(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_well_formed(key): _well_formed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_well_formed(item) for item in value]
    return value
