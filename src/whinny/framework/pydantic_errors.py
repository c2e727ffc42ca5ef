"""The errors of pydantic in the shape of Ajv's: under Ajv's keyword where there is one, else under pydantic's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from whinny.framework.schema import AjvError, pointer_part

_TYPES: Final = {
    "string": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "dict": "object",
    "model": "object",
    "dataclass": "object",
    "list": "array",
    "tuple": "array",
    "set": "array",
    "frozen_set": "array",
    "none_required": "null",
}
"""What Ajv calls the types, by the beginning of pydantic's codes."""

_BOUNDS: Final = {
    "greater_than": ("exclusiveMinimum", "gt", ">"),
    "greater_than_equal": ("minimum", "ge", ">="),
    "less_than": ("exclusiveMaximum", "lt", "<"),
    "less_than_equal": ("maximum", "le", "<="),
}

_LENGTHS: Final = {
    "string_too_short": ("minLength", "min_length", "fewer", "characters"),
    "string_too_long": ("maxLength", "max_length", "more", "characters"),
    "too_short": ("minItems", "min_length", "fewer", "items"),
    "too_long": ("maxItems", "max_length", "more", "items"),
}


class _Found(NamedTuple):
    keyword: str
    params: dict[str, Any]
    message: str


def translate_pydantic(details: Iterable[Any], value: Any) -> Iterator[AjvError]:
    """The errors, as `ValidationError.errors()` gives them, of this value."""
    for detail in details:
        code, location, context = detail["type"], detail["loc"], detail.get("ctx", {})
        path = _path(location, value)
        named = location[-1] if location else ""
        if code == "missing":
            found = _Found("required", {"missingProperty": named}, f"must have required property '{named}'")
        elif code == "extra_forbidden":
            path = path[:-1]
            message = "must NOT have additional properties"
            found = _Found("additionalProperties", {"additionalProperty": named}, message)
        else:
            found = _other(code, context, detail["msg"])
        schema_path = [each for part in path for each in (["items"] if isinstance(part, int) else ["properties", part])]
        yield {
            "instancePath": _pointer(path),
            "schemaPath": "#" + _pointer([*schema_path, found.keyword]),
            **found._asdict(),
        }


def _pointer(path: Sequence[str | int]) -> str:
    return "".join("/" + pointer_part(part) for part in path)


def _path(location: Sequence[str | int], value: Any) -> list[str | int]:
    """Where it is in the value: a location also names the members of a union that were tried, which stand nowhere."""
    path: list[str | int] = []
    for part in location:
        within = part in value if isinstance(value, dict) else isinstance(part, int) and _has_index(value, part)
        if within:
            value = value[part]
            path.append(part)
    return path


def _has_index(value: Any, index: int) -> bool:
    return isinstance(value, list) and index < len(value)


def _other(code: str, context: dict[str, Any], message: str) -> _Found:
    if code in _BOUNDS:
        keyword, name, sign = _BOUNDS[code]
        limit = context.get(name)
        return _Found(keyword, {"comparison": sign, "limit": _plain(limit)}, f"must be {sign} {limit}")
    if code in _LENGTHS:
        keyword, name, word, things = _LENGTHS[code]
        limit = context.get(name)
        return _Found(keyword, {"limit": limit}, f"must NOT have {word} than {limit} {things}")
    if code == "multiple_of":
        factor = context.get("multiple_of")
        return _Found("multipleOf", {"multipleOf": _plain(factor)}, f"must be multiple of {factor}")
    if code == "string_pattern_mismatch":
        pattern = context.get("pattern")
        return _Found("pattern", {"pattern": pattern}, f'must match pattern "{pattern}"')
    kind = _TYPES.get(code) or _TYPES.get(_stem(code))
    if kind is not None:
        return _Found("type", {"type": kind}, f"must be {kind}")
    return _Found(code, {name: _plain(given) for name, given in context.items()}, message)


def _stem(code: str) -> str:
    for ending in ("_type", "_parsing", "_from_float", "_attributes_type"):
        if code.endswith(ending):
            return code.removesuffix(ending)
    return ""


def _plain(value: Any) -> Any:
    """Something that can be sent."""
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
