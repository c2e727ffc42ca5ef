"""Random schemas and values: Whinny and Ajv agree."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from ajv.reference import Reference, multiset
from whinny.framework import SchemaValidator
from whinny.framework.schema import validator

NAMES = st.sampled_from(["a", "b", "ab", "c/d"])
SCALARS = st.sampled_from([None, True, False, 0, 1, 2, 5, 1.5, "", "a", "ab", "5", "\U0001f600"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
TYPES = st.sampled_from(["string", "number", "integer", "boolean", "null", "array", "object"])
COUNTS = st.integers(0, 3)
REFERENCES = st.sampled_from(["#/$defs/plain", "#/$defs/deep", "#"])

PLAIN = {
    "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
    "enum": st.lists(VALUES, min_size=1, max_size=3),
    "const": VALUES,
    "minimum": COUNTS,
    "exclusiveMaximum": COUNTS,
    "multipleOf": st.sampled_from([1, 2, 0.5]),
    "minLength": COUNTS,
    "maxLength": COUNTS,
    "pattern": st.sampled_from(["a", "^b", "^.$"]),
    "minItems": COUNTS,
    "maxItems": COUNTS,
    "uniqueItems": st.booleans(),
    "required": st.lists(NAMES, max_size=2, unique=True),
    "minProperties": COUNTS,
    "maxProperties": COUNTS,
    "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=2, unique=True), max_size=2),
    "default": SCALARS,
}


def nested(inner: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    """The keywords that have schemas in them."""
    several = st.lists(inner, min_size=1, max_size=3)
    by_name = st.dictionaries(NAMES, inner, max_size=2)
    return {
        "properties": by_name,
        "patternProperties": st.dictionaries(st.sampled_from(["a", "^b"]), inner, max_size=2),
        "additionalProperties": inner | st.just(False),
        "propertyNames": inner,
        "dependentSchemas": by_name,
        "items": inner,
        "prefixItems": several,
        "contains": inner,
        "minContains": COUNTS,
        "maxContains": COUNTS,
        "allOf": several,
        "anyOf": several,
        "oneOf": several,
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
    }


def some_of(keywords: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """A schema of a few of these keywords."""
    names = st.lists(st.sampled_from(sorted(keywords)), max_size=3, unique=True)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: keywords[name] for name in chosen}))


PLAIN_SCHEMAS = some_of(PLAIN) | st.booleans()
SCHEMAS = st.recursive(PLAIN_SCHEMAS, lambda inner: some_of({**PLAIN, **nested(inner)}), max_leaves=5)
UNEVALUATED = {"unevaluatedProperties": PLAIN_SCHEMAS, "unevaluatedItems": PLAIN_SCHEMAS}

RANDOM = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def ajv(reference: Reference, schema: Any, value: Any, **options: bool) -> tuple[Any, list[dict[str, Any]]]:
    """Ajv's answer, where it has one: of some schemas with `anyOf` it makes code that fails, so there is none to meet."""
    if all(f"'{keyword}'" in str(schema) for keyword in ("not", "contains", "prefixItems")):
        reject()  # within `not`, Ajv takes the empty list for one that contains something, where an item is `false`
    try:
        return reference.check(schema, value, **options)
    except ValueError as error:
        if "Cannot set properties of undefined" not in str(error):
            raise
        reject()


@RANDOM
@given(SCHEMAS, VALUES)
def test_the_errors_are_those_of_ajv(reference: Reference, schema: Any, value: Any) -> None:
    """The same errors, and each as often."""
    assert multiset(SchemaValidator(schema).errors(value)) == multiset(ajv(reference, schema, value)[1])


@RANDOM
@given(SCHEMAS, SCHEMAS, REFERENCES, VALUES)
def test_references(reference: Reference, plain: Any, deep: Any, first: str, value: Any) -> None:
    """References from within properties and items, around in circles."""
    inner = {"properties": {"a": {"$ref": first}}, "items": {"$ref": "#/$defs/plain"}, "allOf": [deep]}
    schema = {"$ref": "#/$defs/deep", "$defs": {"plain": plain, "deep": inner}}
    assert multiset(SchemaValidator(schema).errors(value)) == multiset(ajv(reference, schema, value)[1])


@RANDOM
@given(SCHEMAS.filter(lambda schema: isinstance(schema, dict)), some_of(UNEVALUATED), VALUES)
def test_unevaluated(reference: Reference, schema: Any, rest: Any, value: Any) -> None:
    """What no keyword has looked at, where Ajv has no way of its own."""
    names = str(schema)
    if "'contains'" in names or "'if'" in names or ("'items'" in names and "unevaluatedItems" in rest):
        return
    whole = {**schema, **rest}
    assert multiset(SchemaValidator(whole).errors(value)) == multiset(ajv(reference, whole, value)[1])


@RANDOM
@given(SCHEMAS, VALUES, st.sets(st.sampled_from(["coerce_types", "use_defaults", "remove_additional"]), min_size=1))
def test_the_changes_are_those_of_ajv(reference: Reference, schema: Any, value: Any, switches: set[str]) -> None:
    """The same value; the same errors, where Ajv finds some."""
    if "'propertyNames'" in str(schema):
        return
    changed, errors = SchemaValidator(schema, **dict.fromkeys(switches, True)).check(value)
    names = {"coerce_types": "coerceTypes", "use_defaults": "useDefaults", "remove_additional": "removeAdditional"}
    wanted, wanted_errors = ajv(reference, schema, value, **{names[switch]: True for switch in switches})
    assert multiset([{"value": changed}]) == multiset([{"value": wanted}])
    assert multiset(errors) == multiset(wanted_errors or SchemaValidator(schema).errors(changed))


@RANDOM
@given(SCHEMAS, VALUES)
def test_the_one_error_of_a_large_payload(reference: Reference, schema: Any, value: Any) -> None:
    """It is one of those that Ajv finds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validator, "LARGE", 0)
        found = SchemaValidator(schema).errors(value)
    wanted = multiset(ajv(reference, schema, value)[1])
    assert len(found) == bool(wanted)
    assert set(multiset(found)) <= set(wanted)
