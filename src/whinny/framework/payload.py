"""Payloads of a declared type: what a client sent is converted to it, or the errors are given in Ajv's shape.

msgspec converts builtin and generic types, `msgspec.Struct`, dataclasses and `TypedDict`; pydantic whatever names a
model or a constraint of its own. msgspec tells only the first error, so on failure the type's own JSON Schema finds
them all.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, Final

import msgspec

from whinny.errors import ConfigurationError
from whinny.framework.converter_errors import translate_msgspec, translate_pydantic
from whinny.framework.schema import MOST_ERRORS, AjvError, SchemaValidator
from whinny.framework.signatures import annotation_text
from whinny.framework.straight import StraightDecoder, is_alike, straight_decoder

_NOTHING_ASKED: Final = (Any, object)


Converted = tuple[Any, list[AjvError]]
"""A payload of the declared type, and no errors; or None, and the errors of one that does not fit."""

Converter = Callable[[Any], Converted]


def converter_for(annotation: Any, where: str, noun: str = "payload") -> Converter | None:
    """What converts payloads to the type; None where the type asks for nothing (`Any`, `object`).

    Raises ConfigurationError, which names `where` and calls the payload `noun`, for a type that none can have.
    """
    annotation = _meant(annotation)
    if annotation in _NOTHING_ASKED:
        return None
    takes = f"{where} takes a {noun} of the type {annotation_text(annotation)}"
    try:
        parts = list(_walk(annotation, set()))
        pydantics = any(map(_is_of_pydantic, parts))
        if any(isinstance(part, typing.TypeVar) for part in (annotation, *typing.get_args(annotation))):
            raise ConfigurationError(f"{takes}, whose type variable stands for nothing in this class.")
        if pydantics and any(map(_is_of_msgspec, parts)):
            raise ConfigurationError(
                f"{takes}, which mixes what pydantic checks with msgspec's Struct or Meta, which pydantic does not "
                "check: use one of them."
            )
        return _by_pydantic(annotation) if pydantics else _by_msgspec(annotation)
    except ConfigurationError:
        raise
    except Exception as error:  # the libraries have many kinds for a type that they do not take
        lines = str(error).strip().splitlines() or [type(error).__name__]
        problem = lines[-1 if type(error) is TypeError else 0].rstrip(".")
        raise ConfigurationError(
            f"{takes}, which no client's data can be converted to: {problem}. Use "
            "builtin or generic types, msgspec.Struct, a dataclass, a TypedDict, a pydantic model, or Any."
        ) from error


def straight_decoder_for(annotation: Any) -> StraightDecoder | None:
    """What spares the converter of this type its work, where there is one; see `straight_decoder`."""
    annotation = _meant(annotation)
    if annotation in _NOTHING_ASKED or any(map(_is_of_pydantic, _walk(annotation, set()))):
        return None
    return straight_decoder(annotation)


def _meant(annotation: Any) -> Any:
    while hasattr(annotation, "__value__"):  # a name for a type
        annotation = annotation.__value__
    return annotation


# which of the two


def _is_of_pydantic(part: Any) -> bool:
    owner = part if isinstance(part, type) else type(part)
    return hasattr(owner, "__pydantic_validator__") or owner.__module__.partition(".")[0] in (
        "pydantic",
        "annotated_types",
    )


def _is_of_msgspec(part: Any) -> bool:
    return isinstance(part, msgspec.Meta) or (isinstance(part, type) and issubclass(part, msgspec.Struct))


def _walk(annotation: Any, seen: set[int]) -> Iterator[Any]:
    """The types that a type is made of, and what is said of them by Annotated."""
    if id(annotation) in seen:
        return
    seen.add(id(annotation))
    yield annotation
    for part in _parts(annotation):
        yield from _walk(part, seen)


def _parts(annotation: Any) -> Iterable[Any]:
    yield from typing.get_args(annotation)
    origin = typing.get_origin(annotation) or annotation
    if not isinstance(origin, type) or origin.__module__.partition(".")[0] in ("builtins", "pydantic"):
        return
    if (
        dataclasses.is_dataclass(origin)
        or typing.is_typeddict(origin)
        or issubclass(origin, (msgspec.Struct, tuple))
        or hasattr(origin, "__pydantic_validator__")
    ):
        with suppress(NameError, TypeError, AttributeError):  # the libraries will tell
            yield from typing.get_type_hints(origin, include_extras=True).values()


# msgspec


def _by_msgspec(annotation: Any) -> Converter:
    members = _members(annotation)
    errors_of = _schema_errors(members)
    # To be told of binary data and of keys that are no text takes msgspec more time than to convert a small payload.
    alike = all(is_alike(member, text_keys=True) for member in members)
    convert_to = msgspec.convert if alike else _convert
    # msgspec looks at a generic type anew each time, but keeps what it has found out of the fields of a Struct.
    wrapped = msgspec.defstruct("Wrapped", [("value", members[0])], array_like=True) if alike else None

    def convert(value: Any) -> Converted:
        if wrapped is not None:
            try:
                return msgspec.convert((value,), wrapped).value, []  # type: ignore[attr-defined]
            except (msgspec.ValidationError, UnicodeEncodeError, RecursionError):
                pass  # what follows converts more, and says what is wrong
        problem = ""
        for prepare in (_as_it_is, _whole):
            candidate = prepare(value)
            for member in members:
                try:
                    return convert_to(candidate, member), []
                except msgspec.ValidationError as error:
                    if isinstance(error.__cause__, TypeError):  # a mistake in the type's __post_init__
                        raise error.__cause__ from None
                    problem = str(error)
                except (UnicodeEncodeError, RecursionError):
                    problem = "must be well-formed"
        return None, errors_of(value) or [translate_msgspec(problem)]

    return convert


def _convert(value: Any, member: Any) -> Any:
    # Text is no binary data, although msgspec would read base64 from it.
    return msgspec.convert(value, member, builtin_types=(bytes, bytearray), str_keys=True)


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
    parts, named = msgspec.json.schema_components(members, schema_hook=_schema_of_object)
    schema = _without_binary({**(parts[0] if len(parts) == 1 else {"anyOf": list(parts)}), "$defs": named})
    try:
        return SchemaValidator(schema).errors
    except ConfigurationError:  # a pattern that is one in Python alone: then msgspec's own error must do
        return lambda value: []


def _schema_of_object(cls: type) -> dict[str, Any]:
    if cls is object:
        return {"title": "anything"}
    raise NotImplementedError


def _probe(member: Any) -> None:
    """Raises TypeError for a type that msgspec does not convert to."""
    with suppress(msgspec.ValidationError):
        _convert(_Nothing(), member)


class _Nothing:
    """A value that fits no type."""


def _members(annotation: Any) -> tuple[Any, ...]:
    """The types to try one after the other: msgspec converts to no union with two members that look alike."""
    try:
        _probe(annotation)
    except TypeError:
        if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
            raise
        members = typing.get_args(annotation)
        for member in members:
            _probe(member)
        return members
    return (annotation,)


def _without_binary(schema: Any) -> Any:
    """The schema of a type, with no word on binary values: it would want text in base64 there."""
    if isinstance(schema, dict):
        if schema.get("contentEncoding") == "base64":
            return {}
        return {name: _without_binary(inner) for name, inner in schema.items()}
    return [_without_binary(inner) for inner in schema] if isinstance(schema, list) else schema


# pydantic


def _by_pydantic(annotation: Any) -> Converter:
    from pydantic import TypeAdapter, ValidationError

    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    with suppress(ValidationError):
        adapter.validate_python(_Nothing())  # raises for a model with a field whose type is not there

    def convert(value: Any) -> Converted:
        try:
            return adapter.validate_python(value), []
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)[:MOST_ERRORS]
            return None, list(translate_pydantic(details, value))
        except UnicodeEncodeError:
            return None, [translate_msgspec("must be well-formed")]

    return convert
