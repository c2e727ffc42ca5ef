"""The errors of msgspec and pydantic in the shape of Ajv's: those that Ajv has a keyword for under that."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from whinny.framework.schema import AjvError, pointer


class _Found(NamedTuple):
    keyword: str
    params: dict[str, Any]
    message: str


def _error(path: Sequence[str | int], found: _Found) -> AjvError:
    """An error at a place of the value; in the schema that is among the properties or the items there."""
    schema_path = [each for part in path for each in (["items"] if isinstance(part, int) else ["properties", part])]
    return {
        "instancePath": pointer(path),
        "schemaPath": "#" + pointer([*schema_path, found.keyword]),
        **found._asdict(),
    }


def _type(*names: str) -> _Found:
    return _Found("type", {"type": names[0] if len(names) == 1 else list(names)}, f"must be {','.join(names)}")


def _format(name: str) -> _Found:
    return _Found("format", {"format": name}, f'must match format "{name}"')


# msgspec

_PLACE: Final = re.compile(r" - at (`key` in )?`\$(.*)`$")
_PART: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")
_EXPECTED: Final = re.compile(r"Expected `(.+)`, got `.+`")
_NAMES: Final = {"int": "integer", "str": "string", "float": "number", "bool": "boolean", "bytes": "binary"}
_FORMATS: Final = {
    "Invalid RFC3339 encoded datetime": "date-time",
    "Invalid RFC3339 encoded date": "date",
    "Invalid RFC3339 encoded time": "time",
    "Invalid ISO8601 duration": "duration",
    "Invalid UUID": "uuid",
    "Invalid decimal string": "decimal",
}


def translate_msgspec(problem: str) -> AjvError:
    """The one error that msgspec tells. In a dict it does not tell the key; then the place is that of the dict."""
    place = _PLACE.search(problem)
    path: list[str | int] = []
    for part in _PART.finditer(place[2]) if place else ():
        name, index = part.groups()
        if name is None and index is None:
            break
        path.append(name if name is not None else int(index))
    said = problem[: place.start()] if place else problem
    if place and place[1]:
        return _error(path, _Found("propertyNames", {}, "property name must be valid"))
    if said in _FORMATS:
        return _error(path, _format(_FORMATS[said]))
    if expected := _EXPECTED.fullmatch(said):
        return _error(path, _type(*(_NAMES.get(name, name) for name in expected[1].split(" | "))))
    return _error(path, _Found("value_error", {}, said))


# pydantic

_TYPES: Final = {
    "string": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "dict": "object",
    "model": "object",
    "model_attributes": "object",
    "dataclass": "object",
    "list": "array",
    "tuple": "array",
    "set": "array",
    "frozen_set": "array",
    "bytes": "binary",
    "none_required": "null",
}
"""What Ajv calls the types, by the beginning of pydantic's codes."""

_PYDANTIC_FORMATS: Final = {
    "datetime": "date-time",
    "date": "date",
    "time": "time",
    "time_delta": "duration",
    "uuid": "uuid",
    "url": "uri",
}

_ENDINGS: Final = ("_from_date_parsing", "_from_datetime_parsing", "_from_float", "_parsing", "_type")

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

_LITERAL: Final = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|True|False|None""")


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
        yield _error(path, found)


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
    if code in ("literal_error", "enum"):
        allowed = [ast.literal_eval(each) for each in _LITERAL.findall(context.get("expected", ""))]
        return _Found("enum", {"allowedValues": allowed}, "must be equal to one of the allowed values")
    stem = next((code.removesuffix(ending) for ending in _ENDINGS if code.endswith(ending)), code)
    if stem in _TYPES:
        return _type(_TYPES[stem])
    if stem in _PYDANTIC_FORMATS:
        return _format(_PYDANTIC_FORMATS[stem])
    return _Found(code, {name: _plain(given) for name, given in context.items()}, message)


def _plain(value: Any) -> Any:
    """Something that can be sent."""
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
