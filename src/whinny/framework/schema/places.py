"""A place in the payload: the value there, the path to it, its JSON type, and what has been seen of it."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Any, Final, NamedTuple


class Place:
    """A value in the payload, and where it is."""

    __slots__ = ("part", "up", "value", "writable")

    def __init__(self, value: Any, up: Place | None = None, part: str | int = "", *, writable: bool = True) -> None:
        self.value = value
        self.up = up
        self.part = part
        self.writable = writable  # a property's name is not

    def replace(self, value: Any) -> None:
        self.value = value
        if self.up is not None:
            self.up.value[self.part] = value

    def at(self, part: str | int) -> Place:
        return Place(self.value[part], self, part)

    def path(self) -> str:
        parts: list[str] = []
        place = self
        while place.up is not None:
            parts.append("/" + pointer_part(place.part))
            place = place.up
        return "".join(reversed(parts))


class Mode(NamedTuple):
    """What the schemas around ask of a schema."""

    optional: bool = False
    """It need not hold (a branch of `anyOf`), so that defaults are none of its business."""
    brief: bool = False
    """Only whether it holds matters, so that the first error is the last."""
    name: str | None = None
    """The property whose name is checked, which each error tells."""


class Seen:
    """The properties and items that a schema has looked at, which `unevaluated...` leaves alone."""

    __slots__ = ("all_items", "all_properties", "items", "more_items", "properties")

    def __init__(self) -> None:
        self.properties: set[str] = set()
        self.all_properties = False
        self.items = 0  # the first so many
        self.more_items: set[int] = set()
        self.all_items = False

    def add(self, other: Seen) -> None:
        self.properties |= other.properties
        self.all_properties |= other.all_properties
        self.items = max(self.items, other.items)
        self.more_items |= other.more_items
        self.all_items |= other.all_items


_KINDS: Final[dict[type, str]] = {
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    dict: "object",
    list: "array",
    tuple: "array",
    type(None): "null",
}


def kind_of(value: Any) -> str | None:
    """The JSON type of a value; None for one that JSON does not know."""
    kind = _KINDS.get(type(value)) or next((name for base, name in _KINDS.items() if isinstance(value, base)), None)
    return kind if kind != "number" or isinstance(value, int) or isfinite(value) else None


def has_type(value: Any, types: tuple[str, ...]) -> bool:
    """Whether a value is of one of the types that the keyword `type` names."""
    kind = kind_of(value)
    if kind in types:
        return True
    return kind == "number" and "integer" in types and (isinstance(value, int) or value.is_integer())


def number(value: Any) -> Any:
    """JavaScript has one kind of number: 5.0 is 5."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def identity(value: Any) -> Any:
    """Something that is equal for equal JSON values: 1 is 1.0 and not true."""
    if isinstance(value, bool) or value is None:
        return str(value), None
    if isinstance(value, dict):
        return frozenset((name, identity(item)) for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(identity(item) for item in value)
    return value if isinstance(value, (str, int, float)) else (id(value), None)


def pointer(path: Iterable[str | int]) -> str:
    """A JSON pointer to what stands at a path."""
    return "".join("/" + pointer_part(part) for part in path)


def pointer_part(part: str | int) -> str:
    """A part of a JSON pointer."""
    return str(part).replace("~", "~0").replace("/", "~1")
