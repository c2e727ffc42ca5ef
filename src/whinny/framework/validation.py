"""JSON Schema, with errors in the shape that Ajv 8 gives them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import jsonschema_rs

from whinny.errors import ConfigurationError

AjvError = dict[str, Any]

_COMPARISONS: Final = {"minimum": ">=", "maximum": "<=", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}
_COUNTED: Final = {
    "minLength": ("fewer", "characters"),
    "maxLength": ("more", "characters"),
    "minItems": ("fewer", "items"),
    "maxItems": ("more", "items"),
    "minProperties": ("fewer", "properties"),
    "maxProperties": ("more", "properties"),
}


class SchemaValidator:
    """A compiled schema (2020-12 unless `$schema` says otherwise; formats are asserted)."""

    __slots__ = ("_schema", "_validator")

    def __init__(self, schema: dict[str, Any] | bool, where: str = "The schema") -> None:
        """Raises ConfigurationError that begins with `where` when the schema is none."""
        try:
            self._validator = jsonschema_rs.validator_for(schema, validate_formats=True)
        except ValueError as error:
            raise ConfigurationError(f"{where} has a JSON Schema that is none: {error}") from error
        self._schema = schema

    def errors(self, value: Any) -> list[AjvError]:
        """All errors of a value; none when it fits."""
        try:
            if self._validator.is_valid(value):
                return []
            return [error for found in self._validator.iter_errors(value) for error in self._translate(found)]
        except (ValueError, RecursionError):
            return self._errors_of_no_json(value)

    def _errors_of_no_json(self, value: Any) -> list[AjvError]:
        """The value cannot be JSON (bytes, say): say what stands where no JSON type does."""
        plain, foreign = _without_foreign(value, "")
        errors = [_error(path, "#", "type", {"type": "json"}, "must be JSON") for path in foreign]
        if not errors:
            return [_error("", "#", "type", {"type": "json"}, "must be JSON")]
        try:
            found = [error for each in self._validator.iter_errors(plain) for error in self._translate(each)]
        except (ValueError, RecursionError):
            found = []
        at_foreign = [error for error in found if error["instancePath"] in foreign]
        return at_foreign or errors

    def _translate(self, error: Any) -> Iterator[AjvError]:
        kind: Any = error.kind
        keyword = str(error.schema_path[-1]) if error.schema_path else "false schema"
        instance_path = _pointer(error.instance_path)
        schema_path = "#" + _pointer(error.schema_path)
        name: str = kind.name
        if name in ("anyOf", "oneOf") and hasattr(kind, "context"):
            for branch in kind.context:
                for inner in branch:
                    yield from self._translate(inner)
        if name == "additionalProperties":
            for unexpected in kind.unexpected:
                params = {"additionalProperty": unexpected}
                yield _error(instance_path, schema_path, keyword, params, "must NOT have additional properties")
            return
        params, message = _params(keyword, kind, error)
        yield _error(instance_path, schema_path, keyword, params, message)


def _params(keyword: str, kind: Any, error: Any) -> tuple[dict[str, Any], str]:
    if keyword == "required":
        return {"missingProperty": kind.property}, f"must have required property '{kind.property}'"
    if keyword == "type":
        types = kind.types
        return {"type": types[0] if len(types) == 1 else types}, f"must be {','.join(types)}"
    if keyword in _COMPARISONS:
        sign = _COMPARISONS[keyword]
        return {"comparison": sign, "limit": kind.limit}, f"must be {sign} {kind.limit}"
    if keyword in _COUNTED:
        word, what = _COUNTED[keyword]
        return {"limit": kind.limit}, f"must NOT have {word} than {kind.limit} {what}"
    if keyword == "enum":
        return {"allowedValues": kind.options}, "must be equal to one of the allowed values"
    if keyword == "const":
        return {"allowedValue": kind.expected_value}, "must be equal to constant"
    if keyword == "multipleOf":
        return {"multipleOf": kind.multiple_of}, f"must be multiple of {kind.multiple_of}"
    if keyword == "pattern":
        return {"pattern": kind.pattern}, f'must match pattern "{kind.pattern}"'
    if keyword == "format":
        return {"format": kind.format}, f'must match format "{kind.format}"'
    if keyword == "anyOf":
        return {}, "must match a schema in anyOf"
    if keyword == "not":
        return {}, "must NOT be valid"
    return {}, str(error.message)


def _error(instance_path: str, schema_path: str, keyword: str, params: dict[str, Any], message: str) -> AjvError:
    return {
        "instancePath": instance_path,
        "schemaPath": schema_path,
        "keyword": keyword,
        "params": params,
        "message": message,
    }


def _pointer(path: list[str | int]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _without_foreign(value: Any, path: str) -> tuple[Any, list[str]]:
    """The value with an object of no JSON type replaced by one that fits no plain type, and where these stood."""
    if isinstance(value, dict):
        items, paths = {}, []
        for key, item in value.items():
            items[key], inner = _without_foreign(item, f"{path}{_pointer([key])}")
            paths += inner
        return items, paths
    if isinstance(value, (list, tuple)):
        parts = [_without_foreign(item, f"{path}/{index}") for index, item in enumerate(value)]
        return [part for part, _ in parts], [each for _, inner in parts for each in inner]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value, []
    return None, [path]
