"""JSON Schema: a schema compiled once, values checked against it.

jsonschema-rs says what fits; why something does not, and what to change in it, is found as Ajv does. What jsonschema-rs
cannot look at, because it is no JSON, is no obstacle to that: a lone surrogate, which browsers can send, is a character
like any other, and binary data or a foreign object is a value of no JSON type.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import jsonschema_rs
import msgspec

from whinny.errors import ConfigurationError
from whinny.framework.schema.changes import Changes
from whinny.framework.schema.document import Document, compile_schema
from whinny.framework.schema.explain import explain
from whinny.framework.schema.references import Schema, mentions
from whinny.framework.schema.validation import MOST_ERRORS, AjvError, TooMuchError, Validation

LARGE: Final = 16 * 1024
"""Bytes from which only the first error is looked for: all those of a megabyte would hold up everybody for seconds."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_BRANCHING: Final = frozenset({"anyOf", "oneOf"})
_NO_CHANGES: Final = Changes()


class SchemaValidator:
    """A compiled schema (2020-12 unless `$schema` says otherwise; formats are asserted).

    The switches are Ajv's options of the same names, for `check`: `coerce_types` turns a string, number, boolean or
    null into the type that is due, `use_defaults` puts in properties that are not there and have a `default`, and
    `remove_additional` takes out those that `additionalProperties: false` forbids.
    """

    __slots__ = ("_changes", "_document", "_has_branches", "_validator")

    def __init__(
        self,
        schema: Schema,
        where: str = "The schema",
        *,
        coerce_types: bool = False,
        use_defaults: bool = False,
        remove_additional: bool = False,
    ) -> None:
        """Raises ConfigurationError that begins with `where` when the schema is none, or refers to what is not in it.

        Nothing is fetched, neither from the network nor from the disk.
        """
        if not isinstance(schema, (dict, bool)):
            raise ConfigurationError(f"{where} has a wrong JSON Schema: it must be a dict or a bool, not {schema!r}.")
        try:
            self._validator = compile_schema(schema)
        except (ValueError, TypeError) as error:
            problem = str(error).strip().partition("\n")[0]
            raise ConfigurationError(f"{where} has a wrong JSON Schema: {problem}") from error
        self._document = Document(schema)
        self._has_branches = mentions(schema, _BRANCHING)
        self._changes = Changes(coerce_types, use_defaults, remove_additional)

    def check(self, value: Any) -> tuple[Any, list[AjvError]]:
        """The value, changed as the switches say, and its errors, as those of `errors`.

        The value that is given stays as it is: what changes is a copy, in which binary data and foreign objects are
        the same. Without switches, and where there is nothing to change, the value itself is returned. What has no
        errors fits the schema, also where a change came after a keyword had looked, which Ajv does not make sure of.
        """
        if not self._changes:
            return value, self.errors(value)
        try:
            validation = Validation(self._document, value, self._changes)
            errors = validation.validate()
        except TooMuchError:
            return value, [_too_much()]
        except RecursionError:
            return value, [_no_json()]
        changed = validation.root.value if validation.changed else value
        return changed, errors or self.errors(changed)

    @property
    def fits(self) -> Callable[[Any], bool]:
        """Tells only whether a value fits. Raises ValueError, TypeError or RecursionError for what is no JSON."""
        is_valid: Callable[[Any], bool] = self._validator.is_valid
        return is_valid

    def errors(self, value: Any) -> list[AjvError]:
        """The errors of a value, as Ajv 8 writes them with `allErrors`, in any order; none when it fits.

        Of more than 100 the first 100; of a value above 16 KiB only the first, which costs less than all.
        """
        try:
            if self._validator.is_valid(value):
                return []
        except (ValueError, TypeError, RecursionError):  # the value is no JSON
            return self._errors_of_no_json(value)
        return self._errors_of_json(value)

    def _errors_of_json(self, value: Any) -> list[AjvError]:
        large = _is_large(value)
        try:
            if not large or self._has_branches:
                # Of branches jsonschema-rs collects all errors, and the branches' branches', which may take seconds.
                found = Validation(self._document, value, _NO_CHANGES, most=1 if large else MOST_ERRORS).validate()
                if found:
                    return found
        except TooMuchError:
            return [_too_much()]
        except RecursionError:
            if self._has_branches:
                return [_too_much()]
        try:
            return self._first_error(value) or [_too_much()]
        except (ValueError, TypeError, RecursionError):
            return [_no_json()]

    def _first_error(self, value: Any) -> list[AjvError]:
        try:
            self._validator.validate(value)
        except jsonschema_rs.ValidationError as error:
            return explain(self._document, error, value)
        return []

    def _errors_of_no_json(self, value: Any) -> list[AjvError]:
        try:
            plain, is_json = _plain(value)
            if not is_json:
                return Validation(self._document, value, _NO_CHANGES).validate()
            return [] if self._validator.is_valid(plain) else self._errors_of_json(plain)
        except TooMuchError:
            return [_too_much()]
        except (ValueError, TypeError, RecursionError):
            return [_no_json()]


def _too_much() -> AjvError:
    """The error of a value that does not fit, for reasons that would take too long to find."""
    return {"instancePath": "", "schemaPath": "#", "keyword": "schema", "params": {}, "message": "must fit the schema"}


def _is_large(value: Any) -> bool:
    try:
        return len(msgspec.json.encode(value)) > LARGE
    except (ValueError, TypeError):  # no JSON; there is no fast way with it
        return False


def _no_json() -> AjvError:
    """The error of a value that is none at all, or nests deeper than the interpreter looks."""
    return {
        "instancePath": "",
        "schemaPath": "#",
        "keyword": "type",
        "params": {"type": "json"},
        "message": "must be JSON",
    }


def _plain(value: Any) -> tuple[Any, bool]:
    """A copy with lone surrogates replaced, and whether it is JSON then."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value), True
    if value is None or isinstance(value, (int, float)):
        return value, True
    if isinstance(value, dict):
        parts, is_json = _plain(list(value.values()))
        return dict(zip((_SURROGATE.sub("\ufffd", str(key)) for key in value), parts, strict=True)), is_json
    if not isinstance(value, (list, tuple)):
        return value, False
    items, are_json = [], True
    for item in value:
        if type(item) not in _NUMBERS:
            plain, is_json = _plain(item)
            items.append(plain)
            are_json &= is_json
        else:
            items.append(item)
    return items, are_json


_NUMBERS: Final = frozenset({int, float, bool, type(None)})
