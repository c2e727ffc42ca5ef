"""Signatures and annotations of an app author's functions, looked at once, when a controller is attached."""

from __future__ import annotations

import inspect
import re
import sys
import typing
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final

from whinny.errors import ConfigurationError

_ADDRESS: Final = re.compile(" at 0x[0-9a-fA-F]+")


def signature_of(function: Callable[..., Any]) -> inspect.Signature | None:
    """The signature, with annotations that may be unresolved; None for something written in C that does not tell."""
    try:
        if sys.version_info >= (3, 14):  # annotations may name what is imported for type checkers alone
            from annotationlib import Format

            return inspect.signature(function, annotation_format=Format.FORWARDREF)
        return inspect.signature(function)
    except (ValueError, TypeError):
        return None


def count_positional(function: Callable[..., Any], most: int) -> int | None:
    """How many positional arguments to call it with, `most` at most; None where it takes none of these numbers.

    A parameter with a default counts. `*args` takes all.
    """
    signature = signature_of(function)
    if signature is None:
        return most
    for count in range(most, -1, -1):
        try:
            signature.bind(*[None] * count)
        except TypeError:
            continue
        return count
    return None


def resolve(annotation: Any, function: Callable[..., Any], owner: type, where: str) -> Any:
    """The type that an annotation of a function's parameter means, in a method that `owner` has or inherits.

    Raises ConfigurationError, which names `where`, when it names something that is not there when the program runs.
    """
    plain: Any = inspect.unwrap(getattr(function, "__func__", function))
    namespace = getattr(plain, "__globals__", {})
    local = closure_of(plain)
    holder: Any = SimpleNamespace(__annotations__={"it": annotation})
    try:
        resolved = typing.get_type_hints(holder, namespace, local, include_extras=True)["it"]
    except Exception as error:
        raise ConfigurationError(
            f"{where} has the annotation {annotation_text(annotation)}, which cannot be resolved: {error}. What it "
            "names must be there when the program runs: imported not only under TYPE_CHECKING, and defined at the "
            "module's level."
        ) from error
    return _with_type_arguments(resolved, owner)


def _with_type_arguments(annotation: Any, owner: type) -> Any:
    """The type with what a class has for the type variables of its generic parents."""
    known: dict[Any, Any] = {}
    for cls in owner.__mro__:
        for base in getattr(cls, "__orig_bases__", ()):
            parameters = getattr(typing.get_origin(base), "__parameters__", ())
            arguments = [known.get(each, each) for each in typing.get_args(base)]
            known |= {one: other for one, other in zip(parameters, arguments, strict=False) if one is not other}
    if isinstance(annotation, typing.TypeVar):
        return known.get(annotation, annotation)
    parameters = getattr(annotation, "__parameters__", ())
    if isinstance(annotation, type) or not any(each in known for each in parameters):
        return annotation
    return annotation[tuple(known.get(each, each) for each in parameters)]


def closure_of(function: Any) -> dict[str, Any]:
    """The variables around a function that it uses, by their names; not those that are not set yet."""
    code = getattr(function, "__code__", None)
    cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True)) if code is not None else {}
    return {name: cell.cell_contents for name, cell in cells.items() if _filled(cell)}


def _filled(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def annotation_text(annotation: Any) -> str:
    """An annotation as messages show it."""
    return annotation.__qualname__ if isinstance(annotation, type) else shown(annotation)


def shown(value: object) -> str:
    """A value, or a signature, as messages show it: functions by their names, and nothing by its address."""
    return _ADDRESS.sub("", str(value) if isinstance(value, inspect.Signature) else repr(value))
