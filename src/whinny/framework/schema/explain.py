"""What Ajv would say of the one error that jsonschema-rs has told: for values too large to look at whole."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from whinny.framework.schema.changes import Changes
from whinny.framework.schema.document import Document, Node, Path, quoted
from whinny.framework.schema.keywords import CHECKS
from whinny.framework.schema.places import Place, pointer
from whinny.framework.schema.validation import AjvError, EnoughError, Validation


def explain(document: Document, error: Any, value: Any) -> list[AjvError]:
    """What Ajv would say of one error of jsonschema-rs, found by looking at its place alone."""
    path, keyword = _keyword_of(error.schema_path)
    schema = _lookup(document.schema, path)
    if not isinstance(schema, (dict, bool)) or (keyword and (isinstance(schema, bool) or keyword not in schema)):
        return [_unknown_error(error)]
    around = _schema_pointer(path)
    node = Node(document, schema, document.references.base_of(schema), around)
    place = Place(value)
    for part in error.instance_path:
        place = place.at(_name_of(part, place.value))
    if keyword == "items" and type(error.kind).__name__ == "FalseSchema" and place.up is not None:
        place = place.up  # the error is of the item, Ajv's of the array
    validation = Validation(document, None, Changes(), most=1)
    with suppress(EnoughError):
        validation.fail_as(error, keyword, node, place)
    return validation.errors or [_unknown_error(error)]


def _keyword_of(path: Path) -> tuple[Path, str]:
    """Where the schema stands whose keyword failed, and the keyword; an empty one when the schema itself is false."""
    start = 0
    while start < len(path):
        keyword = str(path[start])
        has_name = keyword in _BY_NAME or isinstance((path[start + 1 : start + 2] or [""])[0], int)
        end = start + 1 + has_name
        if (
            keyword == "propertyNames"
            or (end >= len(path) and keyword in _ASSERTING and not has_name)
            or end > len(path)
        ):
            return path[:start], keyword
        start = end
    return path, ""


_BY_NAME: Final = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"}
)
"""Keywords with a schema for each name, which may be that of a keyword."""

_ASSERTING: Final = frozenset({*CHECKS, "type"})
"""Keywords that say something of a value, which `then` and `$defs` do not."""


def _schema_pointer(path: Path) -> str:
    return "#" + "".join("/" + (str(part) if part in ("$defs", "$ref") else quoted(part)) for part in path)


def _name_of(part: str | int, value: Any) -> str | int:
    """The property or the item that is meant: jsonschema-rs tells names that are numbers as numbers."""
    if not isinstance(value, dict) or part in value:
        return part
    return next((name for name in value if name.isdigit() and int(name) == part), str(part))


def _unknown_error(error: Any) -> AjvError:
    path: Path = error.schema_path
    keyword = str(path[-1]) if path else "false schema"
    return {
        "instancePath": pointer(error.instance_path),
        "schemaPath": _schema_pointer(path),
        "keyword": keyword,
        "params": {},
        "message": f'must pass "{keyword}" keyword validation',
    }


def _lookup(document: Any, path: Path) -> Any:
    for part in path:
        try:
            document = document[_name_of(part, document)]
        except (KeyError, IndexError, TypeError):
            return None
    return document
