"""JSON Schema: a schema compiled once, values checked against it.

jsonschema-rs says what fits; why something does not, and what to change in it, is found as Ajv does. What jsonschema-rs
cannot look at, because it is no JSON, is no obstacle to that: a lone surrogate, which browsers can send, is a character
like any other, and binary data or a foreign object is a value of no JSON type.
"""

from __future__ import annotations

import re
from typing import Any, Final

import jsonschema_rs
import msgspec

from whinny.errors import ConfigurationError
from whinny.framework.ajv import AjvError, Document, Run, compile_schema, explain
from whinny.framework.changes import Changes
from whinny.framework.references import Schema

LARGE: Final = 16 * 1024
"""Bytes from which only the first error is looked for: all those of a megabyte would hold up everybody for seconds."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NO_CHANGES: Final = Changes()


class SchemaValidator:
    """A compiled schema (2020-12 unless `$schema` says otherwise; formats are asserted).

    The switches are Ajv's options of the same names, for `check`: `coerce_types` turns a string, number, boolean or
    null into the type that is due, `use_defaults` puts in properties that are not there and have a `default`, and
    `remove_additional` takes out those that `additionalProperties: false` forbids.
    """

    __slots__ = ("_changes", "_document", "_validator")

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
        try:
            self._validator = compile_schema(schema)
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"{where} has a JSON Schema that is none: {error}") from error
        self._document = Document(schema)
        self._changes = Changes(coerce_types, use_defaults, remove_additional)

    def check(self, value: Any) -> tuple[Any, list[AjvError]]:
        """The value, changed as the switches say, and its errors, as those of `errors`.

        The value that is given stays as it is: what changes is a copy, in which binary data and foreign objects are
        the same. Without switches, and where there is nothing to change, the value itself is returned.
        """
        if not self._changes:
            return value, self.errors(value)
        try:
            run = Run(self._document, value, self._changes)
            errors = run.validate()
        except RecursionError:
            return value, [_no_json()]
        changed = run.root.value if run.changed else value
        return changed, errors or (self.errors(changed) if run.changed else [])

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
        try:
            errors = [] if _is_large(value) else Run(self._document, value, _NO_CHANGES).validate()
            return errors or self._first_error(value)
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
                return Run(self._document, value, _NO_CHANGES).validate()
            return [] if self._validator.is_valid(plain) else self._errors_of_json(plain)
        except (ValueError, TypeError, RecursionError):
            return [_no_json()]


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
        parts = {_SURROGATE.sub("\ufffd", str(key)): _plain(item) for key, item in value.items()}
        return {key: part for key, (part, _) in parts.items()}, all(is_json for _, is_json in parts.values())
    if isinstance(value, (list, tuple)):
        items = [_plain(item) for item in value]
        return [item for item, _ in items], all(is_json for _, is_json in items)
    return value, False
