"""What validation changes in a payload when it is asked to: types as JavaScript converts them, and copies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Changes:
    """Which changes Ajv's options of these names, all set to true, make."""

    coerce_types: bool = False
    """A string, number, boolean or null of the wrong type becomes the type that is due, where it can."""
    use_defaults: bool = False
    """A property that is not there gets the `default` of its schema."""
    remove_additional: bool = False
    """Properties that `additionalProperties: false` forbids are removed."""

    def __bool__(self) -> bool:
        return self.coerce_types or self.use_defaults or self.remove_additional


def copied(value: Any) -> Any:
    """A copy whose dicts and lists are new; all else is the same."""
    if isinstance(value, dict):
        return {key: copied(item) if isinstance(item, _CONTAINERS) else item for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [copied(item) if isinstance(item, _CONTAINERS) else item for item in value]
    return value


_CONTAINERS: Final = (dict, list, tuple)


class _Nothing:
    """No value of JSON."""


NOTHING: Final = _Nothing()


def coerce(value: Any, types: Iterable[str]) -> Any:
    """`value` as the first of these JSON types that it can become; NOTHING when it can become none."""
    for each in types:
        change = _COERCIONS.get(each)
        coerced = NOTHING if change is None else change(value)
        if coerced is not NOTHING:
            return coerced
    return NOTHING


def _to_string(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value) if isinstance(value, (int, float)) and _is_finite(value) else NOTHING


def _to_number(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return int(value or 0)
    # JavaScript takes the empty text for 0 when asked for a number; Ajv does not ask.
    return _number_of(value) if isinstance(value, str) and value else NOTHING


def _to_integer(value: Any) -> Any:
    number = _to_number(value)
    return NOTHING if isinstance(number, float) and not number.is_integer() else number


def _to_boolean(value: Any) -> Any:
    if value is None or value == "false" or _is_number(value, 0):
        return False
    return True if value == "true" or _is_number(value, 1) else NOTHING


def _to_null(value: Any) -> Any:
    return None if value == "" or value is False or _is_number(value, 0) else NOTHING


def _is_number(value: Any, number: int) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == number


_COERCIONS: Final = {
    "string": _to_string,
    "number": _to_number,
    "integer": _to_integer,
    "boolean": _to_boolean,
    "null": _to_null,
}

_SPACE: Final = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What JavaScript trims; str.strip() knows other characters."""

_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_OTHER_BASES: Final = {
    "x": (16, re.compile("[0-9a-fA-F]+")),
    "o": (8, re.compile("[0-7]+")),
    "b": (2, re.compile("[01]+")),
}


def _number_of(text: str) -> Any:
    """The number that JavaScript's Number() makes of a text; NOTHING for none, and for what no JSON can hold."""
    text = text.strip(_SPACE)
    if not text:
        return 0
    if _DECIMAL.fullmatch(text):
        number = float(text)
    elif text[0] == "0" and text[1:2].lower() in _OTHER_BASES:
        base, digits = _OTHER_BASES[text[1].lower()]
        if not digits.fullmatch(text, 2):
            return NOTHING
        number = _as_double(int(text[2:], base)) if len(text) < 2000 else float("inf")
    else:
        return NOTHING
    if not isfinite(number):
        return NOTHING
    return int(number) if number.is_integer() else number


def _as_double(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf")


def _is_finite(number: float) -> bool:
    return isfinite(_as_double(number) if isinstance(number, int) else number)


def number_text(number: float) -> str:
    """A finite number as JavaScript prints it: a double, in the fewest digits that tell it from others."""
    if isinstance(number, int) and abs(number) < 2**53:
        return str(number)
    number = float(number)
    if number == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    shown, point = "".join(map(str, digits)), len(digits) + int(exponent)
    if point > 21 or point < -5:
        tail = "." + shown[1:] if len(shown) > 1 else ""
        text = f"{shown[0]}{tail}e{point - 1:+d}"
    elif point <= 0:
        text = "0." + "0" * -point + shown
    elif point >= len(shown):
        text = shown + "0" * (point - len(shown))
    else:
        text = f"{shown[:point]}.{shown[point:]}"
    return "-" * sign + text
