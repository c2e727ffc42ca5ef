"""The errors of jsonschema-rs in the words and the shape of Ajv 8 with `allErrors`.

An error has `instancePath, schemaPath, keyword, params, message`. Most kinds of jsonschema-rs stand for one keyword of
Ajv; where Ajv says more (which items are equal, which property asked for another), it is found in value and schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec

AjvError = dict[str, Any]
Schema = dict[str, Any] | bool

MOST_ERRORS: Final = 100
"""A client chooses what it sends: without a bound, a megabyte of it could ask for an answer of many."""

Path = list[str | int]

_FALSE: Final = "boolean schema is false"


class _Subject(NamedTuple):
    """What was checked against what."""

    value: Any
    schema: Schema


def translate(errors: Iterable[Any], value: Any, schema: Schema) -> list[AjvError]:
    """The errors of `iter_errors` for this value, each once, the first MOST_ERRORS of them."""
    subject = _Subject(value, schema)
    found: dict[tuple[str, str, str], AjvError] = {}
    for error in errors:
        for each in _translate(error, subject):
            found.setdefault((each["instancePath"], each["schemaPath"], repr(each["params"])), each)
            if len(found) >= MOST_ERRORS:
                return list(found.values())
    return list(found.values())


def _translate(error: Any, subject: _Subject) -> Iterator[AjvError]:
    kind = type(error.kind).__name__
    special = _SPECIAL.get(kind)
    if special is not None:
        yield from special(error, subject)
    else:
        keyword = str(error.schema_path[-1])
        params, message = _plain_words(kind, error.kind, keyword, error)
        yield _error(error.instance_path, error.schema_path, keyword, params, message)
    yield from _failed_condition(error)


def _error(instance_path: Path, schema_path: Path, keyword: str, params: dict[str, Any], message: str) -> AjvError:
    return {
        "instancePath": "".join("/" + _escape(part) for part in instance_path),
        "schemaPath": "#" + "".join("/" + quote(_escape(part), safe="-_.!~*'()$ ") for part in schema_path),
        "keyword": keyword,
        "params": params,
        "message": message,
    }


def _escape(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _lookup(document: Any, path: Path) -> Any:
    """What stands at a path of a schema or a value; None where a schema's path leads through a reference."""
    for part in path:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return None
    return document


# keywords that are one error with something of the kind in it

_COMPARISONS: Final = {"minimum": ">=", "maximum": "<=", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}
_COUNTED: Final = {
    "minLength": ("fewer", "characters"),
    "maxLength": ("more", "characters"),
    "minItems": ("fewer", "items"),
    "maxItems": ("more", "items"),
    "minProperties": ("fewer", "properties"),
    "maxProperties": ("more", "properties"),
}


def _plain_words(kind: str, details: Any, keyword: str, error: Any) -> tuple[dict[str, Any], str]:
    if keyword in _COMPARISONS and hasattr(details, "limit"):
        sign, limit = _COMPARISONS[keyword], _number(details.limit)
        return {"comparison": sign, "limit": limit}, f"must be {sign} {limit}"
    if keyword in _COUNTED and hasattr(details, "limit"):
        word, what = _COUNTED[keyword]
        return {"limit": details.limit}, f"must NOT have {word} than {details.limit} {what}"
    if kind == "Required":
        return {"missingProperty": details.property}, f"must have required property '{details.property}'"
    if kind == "Enum":
        return {"allowedValues": details.options}, "must be equal to one of the allowed values"
    if kind == "Constant":
        return {"allowedValue": details.expected_value}, "must be equal to constant"
    if kind == "MultipleOf":
        factor = _number(details.multiple_of)
        return {"multipleOf": factor}, f"must be multiple of {factor}"
    if kind == "Pattern":
        return {"pattern": details.pattern}, f'must match pattern "{details.pattern}"'
    if kind == "Format":
        return {"format": details.format}, f'must match format "{details.format}"'
    if kind == "Not":
        return {}, "must NOT be valid"
    return {}, str(error.message)


def _number(value: Any) -> Any:
    """JavaScript has one kind of number: 5.0 is 5."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


# kinds that need more than that


def _type(error: Any, subject: _Subject) -> Iterator[AjvError]:
    declared = _lookup(subject.schema, error.schema_path)  # in the schema's order, which the kind has lost
    types = declared if isinstance(declared, list) else error.kind.types
    params = {"type": declared if isinstance(declared, list) else types[0] if len(types) == 1 else types}
    yield _error(error.instance_path, error.schema_path, "type", params, f"must be {','.join(types)}")


def _additional_properties(error: Any, subject: _Subject) -> Iterator[AjvError]:
    for name in error.kind.unexpected:
        yield _additional_property(error, name)


def _additional_property(error: Any, name: str) -> AjvError:
    params, message = {"additionalProperty": name}, "must NOT have additional properties"
    return _error(error.instance_path, error.schema_path, "additionalProperties", params, message)


def _unevaluated_properties(error: Any, subject: _Subject) -> Iterator[AjvError]:
    for name in error.kind.unexpected:
        params, message = {"unevaluatedProperty": name}, "must NOT have unevaluated properties"
        yield _error(error.instance_path, error.schema_path, "unevaluatedProperties", params, message)


def _unevaluated_items(error: Any, subject: _Subject) -> Iterator[AjvError]:
    limit = len(error.instance) - len(error.kind.unexpected)
    yield _too_many_items(error.instance_path, error.schema_path, "unevaluatedItems", limit)


def _additional_items(error: Any, subject: _Subject) -> Iterator[AjvError]:
    yield _too_many_items(error.instance_path, error.schema_path, "additionalItems", error.kind.limit)


def _too_many_items(instance_path: Path, schema_path: Path, keyword: str, limit: int) -> AjvError:
    return _error(instance_path, schema_path, keyword, {"limit": limit}, f"must NOT have more than {limit} items")


def _false_schema(error: Any, subject: _Subject) -> Iterator[AjvError]:
    path: Path = error.schema_path
    keyword = path[-1] if path else None
    around = _lookup(subject.schema, path[:-1]) or {}
    if keyword == "additionalProperties" and path[-2:-1] != ["properties"]:
        # The kind tells one value of them, and no name.
        for name in _lookup(subject.value, error.instance_path):
            yield _additional_property(error, name)
    elif keyword == "items" and isinstance(around, dict) and "prefixItems" in around:
        yield _too_many_items(error.instance_path[:-1], path, "items", len(around["prefixItems"]))
    else:
        yield _error(error.instance_path, [*path, "false schema"], "false schema", {}, _FALSE)


def _any_of(error: Any, subject: _Subject) -> Iterator[AjvError]:
    for branch in error.kind.context:
        for inner in branch:
            yield from _translate(inner, subject)
    yield _error(error.instance_path, error.schema_path, "anyOf", {}, "must match a schema in anyOf")


def _one_of(error: Any, subject: _Subject) -> Iterator[AjvError]:
    for branch in error.kind.context:
        for inner in branch:
            yield from _translate(inner, subject)
    passing = [index for index, branch in enumerate(error.kind.context) if not branch][:2] or None
    message = "must match exactly one schema in oneOf"
    yield _error(error.instance_path, error.schema_path, "oneOf", {"passingSchemas": passing}, message)


def _unique_items(error: Any, subject: _Subject) -> Iterator[AjvError]:
    i, j = _last_twins(error.instance)
    message = f"must NOT have duplicate items (items ## {j} and {i} are identical)"
    yield _error(error.instance_path, error.schema_path, "uniqueItems", {"i": i, "j": j}, message)


def _last_twins(items: list[Any]) -> tuple[int, int]:
    """The last item that stands there twice, and where it stood before."""
    seen: dict[bytes, int] = {}
    twins = (0, 0)
    for index, item in enumerate(items):
        key = msgspec.json.encode(item, order="sorted")
        if key in seen:
            twins = (index, seen[key])
        seen[key] = index
    return twins


def _contains(error: Any, subject: _Subject) -> Iterator[AjvError]:
    path: Path = [*error.schema_path[:-1], "contains"]
    around = _lookup(subject.schema, path[:-1]) or {}
    least, most = around.get("minContains", 1), around.get("maxContains")
    params = {"minContains": least} if most is None else {"minContains": least, "maxContains": most}
    bounds = f"at least {least}" if most is None else f"at least {least} and no more than {most}"
    yield _error(error.instance_path, path, "contains", params, f"must contain {bounds} valid item(s)")


def _required(error: Any, subject: _Subject) -> Iterator[AjvError]:
    keyword = str(error.schema_path[-1])
    missing: str = error.kind.property
    if keyword not in ("dependentRequired", "dependencies"):
        params, message = _plain_words("Required", error.kind, keyword, error)
        yield _error(error.instance_path, error.schema_path, keyword, params, message)
        return
    for name, wanted in (_lookup(subject.schema, error.schema_path) or {}).items():
        if name in error.instance and isinstance(wanted, list) and missing in wanted:
            listed = ", ".join(wanted)
            params = {"property": name, "missingProperty": missing, "depsCount": len(wanted), "deps": listed}
            noun = "property" if len(wanted) == 1 else "properties"
            message = f"must have {noun} {listed} when property {name} is present"
            yield _error(error.instance_path, error.schema_path, keyword, params, message)


def _property_names(error: Any, subject: _Subject) -> Iterator[AjvError]:
    inner = error.kind.error
    name = inner.instance
    for each in _translate(inner, subject):
        each["instancePath"] = "".join("/" + _escape(part) for part in error.instance_path)
        each["schemaPath"] = _error([], error.schema_path, "", {}, "")["schemaPath"]
        yield {**each, "propertyName": name}
    path = error.schema_path[: len(error.schema_path) - error.schema_path[::-1].index("propertyNames")]
    params, message = {"propertyName": name}, "property name must be valid"
    yield _error(error.instance_path, path, "propertyNames", params, message)


def _failed_condition(error: Any) -> Iterator[AjvError]:
    """Ajv adds an error of `if` where `then` or `else` failed."""
    path: Path = error.schema_path
    for index, part in enumerate(path):
        if part in ("then", "else") and (index == 0 or path[index - 1] not in ("properties", "$defs", "definitions")):
            message = f'must match "{part}" schema'
            yield _error(error.instance_path, [*path[:index], "if"], "if", {"failingKeyword": part}, message)


_SPECIAL: Final[dict[str, Callable[[Any, _Subject], Iterator[AjvError]]]] = {
    "AdditionalItems": _additional_items,
    "AdditionalProperties": _additional_properties,
    "AnyOf": _any_of,
    "Contains": _contains,
    "FalseSchema": _false_schema,
    "OneOfMultipleValid": _one_of,
    "OneOfNotValid": _one_of,
    "PropertyNames": _property_names,
    "Required": _required,
    "Type": _type,
    "UnevaluatedItems": _unevaluated_items,
    "UnevaluatedProperties": _unevaluated_properties,
    "UniqueItems": _unique_items,
}
