"""Payloads of a declared type: what a client sent is converted to it, or the errors are given in Ajv's shape.

msgspec converts builtin and generic types, `msgspec.Struct`, dataclasses and `TypedDict`; pydantic whatever names a
model of its own. msgspec tells only the first error, so on failure the type's own JSON Schema finds them all.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, NamedTuple

import msgspec

from whinny.errors import ConfigurationError
from whinny.framework.pydantic_errors import translate_pydantic
from whinny.framework.schema import MOST_ERRORS, AjvError, SchemaValidator

_NOTHING_ASKED: Final = (Any, object)

_PLACE: Final = re.compile(r" - at `\$(.*)`$")
_EXPECTED: Final = re.compile(r"^Expected `(.+)`, got `(.+)`$")
_JSON_NAMES: Final = {"int": "integer", "str": "string", "float": "number", "bool": "boolean", "bytes": "binary"}
_PART: Final = re.compile(r"\.([^.\[]+)|\[(\d+)\]")


class Converted(NamedTuple):
    """A payload of the declared type, or the errors of one that does not fit."""

    value: Any
    errors: list[AjvError]


Converter = Callable[[Any], Converted]


def converter_for(annotation: Any, where: str) -> Converter | None:
    """What converts payloads to the type; None where the type asks for nothing (`Any`, `object`).

    Raises ConfigurationError, which names `where`, for a type that no payload can have.
    """
    if annotation in _NOTHING_ASKED:
        return None
    try:
        if _names_pydantic(annotation, set()):
            return _by_pydantic(annotation)
        return _by_msgspec(annotation)
    except (TypeError, ValueError, NameError, RecursionError) as error:
        raise ConfigurationError(
            f"{where} takes a payload of the type {_shown(annotation)}, which no client's data can be converted to: "
            f"{str(error).splitlines()[-1]}. Use builtin or generic types, msgspec.Struct, a dataclass, a TypedDict, a "
            "pydantic model, or Any."
        ) from error


def _shown(annotation: Any) -> str:
    return annotation.__qualname__ if isinstance(annotation, type) else str(annotation)


# msgspec


def _by_msgspec(annotation: Any) -> Converter:
    members = _members(annotation)
    errors_of = _schema_errors(members)
    for member in members:
        _probe(member)

    def convert(value: Any) -> Converted:
        problem = ""
        for prepare in (_as_it_is, _whole):
            candidate = prepare(value)
            for member in members:
                try:
                    # Text is no binary data, although msgspec would read base64 from it.
                    return Converted(msgspec.convert(candidate, member, builtin_types=(bytes,), str_keys=True), [])
                except (msgspec.ValidationError, UnicodeEncodeError, RecursionError) as error:
                    problem = str(error) if isinstance(error, msgspec.ValidationError) else "must be well-formed"
        return Converted(None, errors_of(value) or [_first_error(problem)])

    return convert


def _as_it_is(value: Any) -> Any:
    return value


def _whole(value: Any) -> Any:
    """A copy in which 5.0 is 5: to JSON they are one number, but msgspec takes the first for no `int`."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return {key: _whole(item) for key, item in value.items()} if isinstance(value, dict) else value


def _schema_errors(members: tuple[Any, ...]) -> Callable[[Any], list[AjvError]]:
    parts, named = msgspec.json.schema_components(members)
    schema = _without_binary({**(parts[0] if len(parts) == 1 else {"anyOf": list(parts)}), "$defs": named})
    try:
        return SchemaValidator(schema).errors
    except ConfigurationError:  # a pattern that is one in Python alone: then msgspec's own error must do
        return lambda value: []


def _probe(member: Any) -> None:
    """Raises TypeError for a type that msgspec does not convert to."""
    with suppress(msgspec.ValidationError):
        msgspec.convert(_Nothing(), member, builtin_types=(bytes,))


class _Nothing:
    """A value that fits no type."""


def _members(annotation: Any) -> tuple[Any, ...]:
    """The types to try one after the other: msgspec converts to no union with two members that look alike."""
    try:
        _probe(annotation)
    except TypeError:
        if typing.get_origin(annotation) in (typing.Union, types.UnionType):
            return typing.get_args(annotation)
        raise
    return (annotation,)


def _without_binary(schema: Any) -> Any:
    """The schema of a type, with no word on binary values: it would want text in base64 there."""
    if isinstance(schema, dict):
        if schema.get("contentEncoding") == "base64":
            return {}
        return {name: _without_binary(inner) for name, inner in schema.items()}
    return [_without_binary(inner) for inner in schema] if isinstance(schema, list) else schema


def _first_error(problem: str) -> AjvError:
    """The error that msgspec tells, where the schema finds none: it knows nothing of binary data, for one."""
    place = _PLACE.search(problem)
    pointer = "".join(f"/{name or index}" for name, index in _PART.findall(place[1])) if place else ""
    said = problem[: place.start()] if place else problem
    params, message = {}, said
    if expected := _EXPECTED.match(said):
        named = [_JSON_NAMES.get(name, name) for name in expected[1].split(" | ")]
        params, message = {"type": named[0] if len(named) == 1 else named}, f"must be {','.join(named)}"
    return {"instancePath": pointer, "schemaPath": "#/type", "keyword": "type", "params": params, "message": message}


# pydantic


def _names_pydantic(annotation: Any, seen: set[int]) -> bool:
    if id(annotation) in seen:
        return False
    seen.add(id(annotation))
    if isinstance(annotation, type) and hasattr(annotation, "__pydantic_validator__"):
        return True
    return any(_names_pydantic(part, seen) for part in _parts(annotation))


def _parts(annotation: Any) -> Iterable[Any]:
    yield from typing.get_args(annotation)
    fields = dataclasses.is_dataclass(annotation) or typing.is_typeddict(annotation)
    if fields or (isinstance(annotation, type) and issubclass(annotation, tuple)):
        try:
            yield from typing.get_type_hints(annotation).values()
        except (NameError, TypeError):  # msgspec will tell
            return


def _by_pydantic(annotation: Any) -> Converter:
    from pydantic import TypeAdapter, ValidationError  # there, since the type is pydantic's

    adapter: TypeAdapter[Any] = TypeAdapter(annotation)

    def convert(value: Any) -> Converted:
        try:
            return Converted(adapter.validate_python(value), [])
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)[:MOST_ERRORS]
            return Converted(None, list(translate_pydantic(details, value)))
        except UnicodeEncodeError:
            return Converted(None, [_first_error("must be well-formed")])

    return convert
