"""JSON as JavaScript reads and writes it, fast.

msgspec does the work. What it refuses and JSON.parse reads goes by the standard library: lone surrogates, which
JSON.stringify escapes and which are written so too, and numbers beyond all bounds. NaN and the infinities are written
as null, as JSON.stringify writes them.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, NoReturn

import msgspec

from whinny.errors import EncodeError, ProtocolError

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def encode(value: Any) -> str:
    """`value` as JSON. Raises EncodeError when it is none."""
    try:
        return _encode(value).decode()
    except UnicodeEncodeError:
        return _encode_surrogates(value)
    except RecursionError as error:
        raise EncodeError("the data is nested too deeply, or contains itself") from error
    except (TypeError, ValueError) as error:
        raise EncodeError(f"the data cannot be written as JSON: {error}") from error


def decode(text: str) -> Any:
    """The value that `text` is. Raises ProtocolError when it is no JSON."""
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return _decode_leniently(text)
    except RecursionError:
        raise ProtocolError("the data is nested too deeply") from None


def _encode_surrogates(value: Any) -> str:
    try:
        plain = _finite(msgspec.to_builtins(value, str_keys=True))
        return json.dumps(plain, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    except RecursionError as error:
        raise EncodeError("the data is nested too deeply, or contains itself") from error
    except (TypeError, ValueError) as error:
        raise EncodeError(f"the data cannot be written as JSON: {error}") from error


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def _decode_leniently(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise ProtocolError("the data is no JSON") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
