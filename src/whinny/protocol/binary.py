"""Binary values in a packet's data: taken out with placeholders left behind, and put back.

`bytes`, `bytearray` and `memoryview` count as binary, wherever they stand in lists, tuples, dicts and in the objects
that msgspec can turn into those (Struct, dataclass, …). Where there is no packet to attach them to, they become text.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final

import msgspec

from whinny.errors import EncodeError, ProtocolError

BINARY_TYPES: Final = (bytes, bytearray, memoryview)
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_CONTAINERS: Final = frozenset({dict, list, tuple})


def extract(data: list[Any] | dict[str, Any]) -> tuple[Any, list[bytes]]:
    """`data` with placeholders instead of its binary values, and these in order.

    The data itself is never changed; without binary values it is returned as it is. Raises EncodeError when it nests
    too deeply or has values that cannot be sent.
    """
    attachments: list[bytes] = []
    try:
        return data if is_plain(data) else _extract(data, attachments), attachments
    except RecursionError as error:
        raise EncodeError("the data is nested too deeply, or contains itself") from error


def inline(value: Any) -> Any:
    """A value as `extract` prepares it, but with its binary values as base64 text. Raises EncodeError."""
    try:
        return value if is_plain((value,)) else _extract(value, None)
    except RecursionError as error:
        raise EncodeError("the data is nested too deeply, or contains itself") from error


def is_plain(value: dict[str, Any] | Sequence[Any]) -> bool:
    """Whether a list, tuple or dict is of JSON's own types through and through: there is nothing to take out then."""
    for item in value.values() if type(value) is dict else value:
        kind = type(item)
        if kind not in _PLAIN and (kind not in _CONTAINERS or not is_plain(item)):
            return False
    return True


def _extract(value: Any, attachments: list[bytes] | None) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict:
        changed = None
        for key, item in value.items():
            if type(item) in _PLAIN:
                continue
            new = _extract(item, attachments)
            if new is not item:
                if changed is None:
                    changed = dict(value)
                changed[key] = new
        return value if changed is None else changed
    if kind is list or kind is tuple:
        items = [item if type(item) in _PLAIN else _extract(item, attachments) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if isinstance(value, BINARY_TYPES):
        if attachments is None:
            return b64encode(bytes(value)).decode()
        attachments.append(bytes(value))
        return {"_placeholder": True, "num": len(attachments) - 1}
    if isinstance(value, (str, int, float)) and not isinstance(value, Enum):
        return _plain(value)
    if is_dataclass(value) and not isinstance(value, type):
        # msgspec sends no defaults that only the class has, as in what it has converted itself.
        return _extract(_fields(value), attachments)
    try:
        plain = msgspec.to_builtins(value, builtin_types=BINARY_TYPES, str_keys=True, enc_hook=_plain)
    except RecursionError:
        raise
    except Exception as error:  # also what the app's own classes raise when they are asked for their data
        raise EncodeError(f"the data cannot be sent: {error}") from error
    return value if type(plain) in _PLAIN else _extract(plain, attachments)


def _fields(value: Any) -> dict[str, Any]:
    try:
        return {field.name: getattr(value, field.name) for field in fields(value)}
    except Exception as error:
        raise EncodeError(f"the data cannot be sent: {error}") from error


def _plain(value: Any) -> Any:
    """A subclass of text or number (markup, a numpy float) as its plain type, a pydantic model as a dict."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if hasattr(type(value), "__pydantic_validator__"):
        return value.model_dump(by_alias=True)
    if type(value).__module__.partition(".")[0] == "pydantic":  # its addresses and secrets
        return str(value)
    raise TypeError(f"an object of the type {type(value).__name__} is no data")


def insert(value: Any, attachments: list[bytes]) -> Any:
    """The inverse of `extract`, on decoded JSON, in place. Raises ProtocolError on a placeholder of no attachment."""
    if type(value) is dict:
        if value.get("_placeholder") is True:
            number = value.get("num")
            if type(number) is int and 0 <= number < len(attachments):
                return attachments[number]
            raise ProtocolError("a placeholder names no attachment")
        for key, item in value.items():
            if type(item) is dict or type(item) is list:
                value[key] = insert(item, attachments)
    elif type(value) is list:
        for index, item in enumerate(value):
            if type(item) is dict or type(item) is list:
                value[index] = insert(item, attachments)
    return value
