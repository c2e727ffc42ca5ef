"""JSON text decoded straight into a type, where that comes to the same as decoding it and converting what comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
from msgspec import NODEFAULT, inspect

_ALIKE: Final = (
    inspect.AnyType,
    inspect.NoneType,
    inspect.BoolType,
    inspect.IntType,
    inspect.FloatType,
    inspect.StrType,
    inspect.DateTimeType,
    inspect.DateType,
    inspect.TimeType,
    inspect.TimeDeltaType,
    inspect.UUIDType,
    inspect.LiteralType,
    inspect.EnumType,
    inspect.UnionType,
    inspect.CollectionType,
    inspect.TupleType,
    inspect.DictType,
    inspect.TypedDictType,
    inspect.StructType,
    inspect.DataclassType,
    inspect.Field,
    inspect.Metadata,
)
"""What msgspec makes the same of, from JSON and from what was decoded. It does not of bytes and of Decimal."""
_FACTORIES: Final = (NODEFAULT, list, dict, set)


StraightDecoder = Callable[[str], tuple[str, Any]]
"""Decodes the text of a JSON list, of a name and a payload of one type."""


def straight_decoder(annotation: Any) -> StraightDecoder | None:
    """The decoder for payloads of this type: what it gives, the type's converter would give too.

    It raises an error for all that the converter refuses, and for some that it takes. None for a type with which that
    is not certain, or which runs code of the app's own while it is decoded.
    """
    return msgspec.json.Decoder(tuple[str, annotation]).decode if is_alike(annotation) else None


def is_alike(annotation: Any, *, text_keys: bool = False) -> bool:
    """Whether msgspec makes the same of JSON and of what was decoded; with `text_keys`, also if no key is converted."""
    try:
        parts = list(_parts(inspect.type_info(annotation), set()))
    except Exception:  # nothing that msgspec decodes
        return False
    keys = (type(part.key_type) is inspect.StrType for part in parts if isinstance(part, inspect.DictType))
    return all(map(_is_alike, parts)) and (not text_keys or all(keys))


def _parts(part: Any, seen: set[int]) -> Iterator[Any]:
    """The parts of msgspec's description of a type, which may contain itself."""
    if isinstance(part, (tuple, list)):
        for each in part:
            yield from _parts(each, seen)
    elif isinstance(part, msgspec.Struct) and id(part) not in seen:
        seen.add(id(part))
        yield part
        for name in part.__struct_fields__:
            if name not in ("default", "default_factory"):
                yield from _parts(getattr(part, name), seen)


def _is_alike(part: Any) -> bool:
    if isinstance(part, inspect.Field):
        return part.default_factory in _FACTORIES
    if isinstance(part, inspect.EnumType):
        return part.cls._missing_.__module__ == "enum"
    return isinstance(part, _ALIKE) and not hasattr(getattr(part, "cls", None), "__post_init__")
