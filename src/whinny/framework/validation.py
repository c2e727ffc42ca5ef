"""JSON Schema: a schema compiled once, values checked against it.

jsonschema-rs checks. What it cannot look at, because it is no JSON, is handled here: a lone surrogate, which browsers
can send, is a character like any other, and binary data or a foreign object is a value of no JSON type.
"""

from __future__ import annotations

import re
from typing import Any, Final

import jsonschema_rs
import msgspec

from whinny.errors import ConfigurationError
from whinny.framework.ajv import MOST_ERRORS, AjvError, translate

_SURROGATE: Final = re.compile("[\ud800-\udfff]")

_STAND_INS: Final[tuple[Any, ...]] = (None, "", 0.5, True, {}, [])
"""One value of each JSON type. The first is what a foreign value is checked as: almost no keyword looks at null."""


LARGE: Final = 16 * 1024
"""Bytes from which only the first error is looked for: all those of a megabyte would hold up everybody for seconds."""


class SchemaValidator:
    """A compiled schema (2020-12 unless `$schema` says otherwise; formats are asserted)."""

    __slots__ = ("_schema", "_validator")

    def __init__(self, schema: dict[str, Any] | bool, where: str = "The schema") -> None:
        """Raises ConfigurationError that begins with `where` when the schema is none."""
        try:
            self._validator = jsonschema_rs.validator_for(schema, validate_formats=True)
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"{where} has a JSON Schema that is none: {error}") from error
        self._schema = schema

    def errors(self, value: Any) -> list[AjvError]:
        """The errors of a value, as Ajv 8 writes them with `allErrors`, in any order; none when it fits.

        Of more than 100 the first 100; of a value above 16 KiB only the first, which costs less than all.
        """
        try:
            if self._validator.is_valid(value):
                return []
            return self._found(value)
        except (ValueError, TypeError, RecursionError):  # the value is no JSON
            try:
                return self._errors_of_no_json(value)
            except (ValueError, TypeError, RecursionError):
                return [_no_json()]

    def _found(self, value: Any) -> list[AjvError]:
        if len(msgspec.json.encode(value)) <= LARGE:
            return translate(self._validator.iter_errors(value), value, self._schema)
        try:
            self._validator.validate(value)
        except jsonschema_rs.ValidationError as error:
            return translate([error], value, self._schema)
        return []

    def _errors_of_no_json(self, value: Any) -> list[AjvError]:
        plain, foreign = _plain(value, "", _STAND_INS[0])
        errors = self._found(plain)
        # Where null passes, find out whether any other JSON type does not.
        unsure = set(foreign) - {error["instancePath"] for error in errors}
        for stand_in in _STAND_INS[1:]:
            if unsure and len(errors) < MOST_ERRORS:
                plain, _ = _plain(value, "", stand_in)
                wrong = [error for error in self._found(plain) if error["instancePath"] in unsure]
                wrong = [error for error in wrong if error["keyword"] in ("type", "enum", "const")]
                errors += wrong
                unsure -= {error["instancePath"] for error in wrong}
        return errors[:MOST_ERRORS]


def _no_json() -> AjvError:
    return {
        "instancePath": "",
        "schemaPath": "#",
        "keyword": "type",
        "params": {"type": "json"},
        "message": "must be JSON",
    }


def _plain(value: Any, path: str, stand_in: Any) -> tuple[Any, list[str]]:
    """A copy with lone surrogates replaced and foreign values stood in for, and the paths of the foreign ones."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value), []
    if value is None or isinstance(value, (int, float)):
        return value, []
    if isinstance(value, dict):
        items, foreign = {}, []
        for key, item in value.items():
            name = _SURROGATE.sub("\ufffd", str(key))
            part = name.replace("~", "~0").replace("/", "~1")
            items[name], inner = _plain(item, f"{path}/{part}", stand_in)
            foreign += inner
        return items, foreign
    if isinstance(value, (list, tuple)):
        parts = [_plain(item, f"{path}/{index}", stand_in) for index, item in enumerate(value)]
        return [part for part, _ in parts], [place for _, inner in parts for place in inner]
    return stand_in, [path]
