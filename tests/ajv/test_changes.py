"""What the three switches change in a payload, and the errors that are left, are as with the real Ajv."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ajv.reference import Reference, multiset
from ajv.test_errors import named
from whinny.framework import SchemaValidator

TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "size": {"type": "integer", "default": 1},
                "below": {"type": "array", "items": {"$ref": "#/$defs/node"}, "default": []},
            },
            "additionalProperties": False,
        }
    },
}
NAMED = {"properties": {"a": {"type": "number", "default": 1}}}

TEXTS = [
    "",
    " ",
    "1",
    "1.5",
    "-1",
    "+1",
    " 12 ",
    "1e3",
    "1e-7",
    ".5",
    "5.",
    "0x10",
    "-0x10",
    "0o17",
    "0b11",
    "0X1F",
    "1_000",
    "1,5",
    "x",
    "1x",
    "NaN",
    "true",
    "false",
    "null",
    "\u00a01\ufeff",
    "\x851",
    "1 2",
    "-0",
    "00012",
    "12345678901234567890",
    "0.1",
    "1e21",
    "\u0661",
    "\n",
    "e5",
    ".",
    "0x",
    "True",
]
NUMBERS = [
    0,
    1,
    2,
    -1,
    1.0,
    1.5,
    1e21,
    1e20,
    1e-7,
    0.000001,
    123456789012345680000,
    1.7976931348623157e308,
    5e-324,
    -1.5e-10,
    2**53 + 2,
]
VALUES = [*TEXTS, *NUMBERS, True, False, None, [], {}, ["1"], {"a": 1}]

COERCED: list[tuple[Any, list[Any]]] = [
    *[({"type": kind}, VALUES) for kind in ("string", "number", "integer", "boolean", "null", "array", "object")],
    ({"type": ["number", "boolean"]}, ["true", "1", None, True, "x"]),
    ({"type": ["boolean", "number"]}, ["true", "1", 1, None, "x"]),
    ({"type": ["string", "null"]}, [1, True, "", None, []]),
    ({"type": ["null", "integer"]}, ["", "5", False, 0, 1.5]),
    ({"type": ["object", "integer"]}, ["5", "x", {}]),
    ({"type": ["integer", "string"]}, [1.5, "5", True]),
    ({"type": "number", "minimum": 5}, ["3", "7", "x"]),
    ({"type": "string", "minLength": 2}, [5, 55, True, None]),
    ({"type": "integer", "enum": [1, 2]}, ["1", "3"]),
    ({"type": "boolean", "const": True}, ["true", "false", 1]),
    (
        {"properties": {"a": {"type": "number"}, "b": {"items": {"type": "string"}}}},
        [{"a": "1", "b": [1, True, None, {}]}, {"a": "x"}],
    ),
    ({"patternProperties": {"^x": {"type": "integer"}}}, [{"x1": "5", "y": "5"}]),
    ({"properties": {"a": {}}, "additionalProperties": {"type": "integer"}}, [{"a": "5", "b": "5", "c": "x"}]),
    (
        {"prefixItems": [{"type": "string"}, {"type": "number"}], "items": {"type": "boolean"}},
        [[1, "2", "true", 0], ["a"]],
    ),
    ({"contains": {"type": "number"}}, [["1", "2"], ["a", "3"]]),
    ({"items": {"type": "integer"}, "uniqueItems": True}, [["1", 1], ["1", 2]]),
    ({"unevaluatedProperties": {"type": "number"}}, [{"a": "1"}]),
    ({"prefixItems": [{}], "unevaluatedItems": {"type": "number"}}, [["1", "2"]]),
    ({"allOf": [{"type": "number"}, {"minimum": 5}]}, ["3", "7"]),
    ({"allOf": [{"minLength": 2}, {"type": "number"}]}, ["3", "33"]),
    ({"anyOf": [{"type": "number"}, {"type": "boolean"}]}, ["3", "true", "x"]),
    ({"anyOf": [{"type": "number"}, {"type": "string"}]}, ["3", 3]),
    ({"anyOf": [{"properties": {"a": {"type": "number"}}, "required": ["b"]}, {"required": ["a"]}]}, [{"a": "1"}]),
    ({"oneOf": [{"type": "number"}, {"type": "boolean"}]}, ["3", "true", 1, "x"]),
    ({"oneOf": [{"type": "integer", "minimum": 5}, {"type": "null"}]}, ["7", "3", ""]),
    ({"not": {"type": "number"}}, ["3", "x"]),
    ({"not": {"required": ["z"], "properties": {"a": {"type": "number"}}}}, [{"a": "3"}]),
    ({"if": {"properties": {"a": {"type": "number"}}}, "then": {"required": ["b"]}}, [{"a": "3"}, {"a": "x"}]),
    ({"if": {"type": "number"}, "then": {"minimum": 5}, "else": {"type": "null"}}, ["3", "7", "x", ""]),
    ({"dependentSchemas": {"a": {"properties": {"b": {"type": "number"}}}}}, [{"a": 1, "b": "2"}, {"b": "2"}]),
    ({"properties": {"a": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "number"}}}, [{"a": "1"}, {"a": "x"}]),
    ({"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"type": "integer"}}}, [{"a": {"a": {"b": "3"}}}]),
    (True, ["1"]),
    ({}, ["1"]),
]

DEFAULTED: list[tuple[Any, list[Any]]] = [
    ({"properties": {"a": {"default": 1}, "b": {"default": {"c": []}}}}, [{}, {"a": None}, {"a": 2, "b": 1}, [], 5]),
    ({"properties": {"a": {"type": "string", "default": 5}}}, [{}]),
    ({"properties": {"a": {"default": {}, "properties": {"b": {"default": 1}}}}}, [{}, {"a": {}}, {"a": 5}]),
    ({"properties": {"a": {"default": 1}}, "required": ["a"]}, [{}]),
    ({"properties": {"a": {"default": 1}}, "minProperties": 1}, [{}]),
    ({"default": 5}, [None]),
    ({"items": NAMED}, [[{}, {"a": 2}, 5]]),
    ({"prefixItems": [{"default": 1}]}, [[]]),
    ({"patternProperties": {"a": {"default": 1}}}, [{}]),
    ({"additionalProperties": {"default": 1}}, [{}, {"a": None}]),
    ({"properties": {"a": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"default": 1}}}, [{}]),
    ({"properties": {"a": {"$ref": "#/$defs/n", "default": 2}}, "$defs": {"n": {"type": "string"}}}, [{}]),
    ({"$ref": "#/$defs/n", "$defs": {"n": NAMED}}, [{}]),
    ({"allOf": [NAMED, {"properties": {"b": {"default": 2}}}]}, [{}]),
    ({"allOf": [{"required": ["a"]}], "properties": {"a": {"default": 1}}}, [{}]),
    ({"anyOf": [NAMED, {"type": "null"}]}, [{}]),
    ({"oneOf": [NAMED, {"type": "null"}]}, [{}]),
    ({"not": {"not": NAMED}}, [{}]),
    ({"if": NAMED, "then": {"properties": {"b": {"default": 2}}}, "else": {}}, [{}]),
    ({"if": {"required": ["x"]}, "then": {}, "else": {"properties": {"b": {"default": 2}}}}, [{}, {"x": 1}]),
    ({"dependentSchemas": {"x": NAMED}}, [{}, {"x": 1}]),
    ({"contains": NAMED}, [[{}]]),
    ({"anyOf": [{"$ref": "#/$defs/n"}], "$defs": {"n": NAMED}}, [{}]),
    ({"anyOf": [{"$ref": "#/$defs/n"}], "$defs": {"n": {**NAMED, "items": {"$ref": "#/$defs/n"}}}}, [{}]),
    ({"propertyNames": {"default": "x"}}, [{"a": 1}]),
    ({"unevaluatedProperties": NAMED}, [{"x": {}}]),
    ({"properties": {"a": True, "b": False}}, [{}]),
    (
        {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"default": 1}, {"default": 2}]},
        [[], [0], [0, 0]],
    ),
    (TREE, [{}, {"below": [{}, {"size": 5}]}]),
]

REMOVED: list[tuple[Any, list[Any]]] = [
    ({"additionalProperties": False}, [{"a": 1}, {}, 5]),
    (
        {"properties": {"a": {}}, "patternProperties": {"^x": {}}, "additionalProperties": False},
        [{"a": 1, "b": 2, "x1": 3}],
    ),
    ({"properties": {"a": {}}, "additionalProperties": {"type": "number"}}, [{"a": 1, "b": "x"}]),
    ({"properties": {"a": {}}}, [{"a": 1, "b": 2}]),
    ({"properties": {"a": {}}, "unevaluatedProperties": False}, [{"a": 1, "b": 2}]),
    ({"properties": {"a": {}}, "additionalProperties": False, "maxProperties": 1}, [{"a": 1, "b": 2}]),
    ({"properties": {"a": {}}, "additionalProperties": False, "required": ["b"]}, [{"a": 1}]),
    ({"properties": {"a": {}}, "additionalProperties": False, "propertyNames": {"const": "a"}}, [{"a": 1, "b": 2}]),
    ({"properties": {"a": {"additionalProperties": False}}, "additionalProperties": False}, [{"a": {"b": 1}, "c": {}}]),
    ({"items": {"properties": {"a": {}}, "additionalProperties": False}}, [[{"a": 1, "b": 2}, {"b": 1}]]),
    (
        {
            "allOf": [
                {"properties": {"a": {}}, "additionalProperties": False},
                {"properties": {"b": {}}, "additionalProperties": False},
            ]
        },
        [{"a": 1, "b": 2}],
    ),
    (
        {
            "anyOf": [
                {"properties": {"a": {}}, "additionalProperties": False},
                {"properties": {"b": {}}, "additionalProperties": False},
            ]
        },
        [{"a": 1, "b": 2, "c": 3}],
    ),
    (
        {"anyOf": [{"properties": {"a": {"type": "null"}}, "additionalProperties": False}, {"required": ["b"]}]},
        [{"a": 1, "b": 2}],
    ),
    (
        {"oneOf": [{"properties": {"a": {}}, "required": ["a"], "additionalProperties": False}, {"required": ["b"]}]},
        [{"a": 1, "b": 2}, {"b": 1}],
    ),
    ({"not": {"additionalProperties": False, "required": ["a"]}}, [{"a": 1, "b": 2}]),
    ({"not": {"required": ["z"], "additionalProperties": False}}, [{"a": 1}]),
    ({"if": {"additionalProperties": False}, "then": {"maxProperties": 0}}, [{"a": 1}]),
    ({"dependentSchemas": {"a": {"additionalProperties": False}}}, [{"a": 1, "b": 2}]),
    (TREE, [{"size": 1, "x": 2, "below": [{"y": 1, "below": []}]}]),
]

ALL_AT_ONCE: list[tuple[Any, list[Any]]] = [
    (TREE, [{"size": "5", "x": 1, "below": [{"size": "x"}, {}]}, {}, {"below": "x"}]),
    ({"properties": {"a": {"type": "string", "default": 5}}, "additionalProperties": False}, [{"b": 1}, {"a": None}]),
    ({"properties": {"a": {"type": "integer", "default": "7"}}}, [{}]),
    (
        {"type": "object", "properties": {"a": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": "3"}}},
        [{}, {"a": ""}],
    ),
    (
        {
            "properties": {"page": {"type": "integer", "minimum": 1, "default": 1}, "q": {"type": "string"}},
            "required": ["q"],
            "additionalProperties": False,
        },
        [{"q": 5, "page": "2", "x": 1}, {"page": "0"}, {}],
    ),
]


def flat(cases: list[tuple[Any, list[Any]]]) -> list[tuple[Any, Any]]:
    return [(schema, value) for schema, values in cases for value in values]


SWITCHED = [
    *[(schema, value, "coerce_types") for schema, value in flat(COERCED)],
    *[(schema, value, "use_defaults") for schema, value in flat(DEFAULTED)],
    *[(schema, value, "remove_additional") for schema, value in flat(REMOVED)],
    *[
        (schema, value, "coerce_types use_defaults remove_additional")
        for cases in (COERCED[7:], DEFAULTED, REMOVED, ALL_AT_ONCE)
        for schema, value in flat(cases)
    ],
]
OPTIONS = {"coerce_types": "coerceTypes", "use_defaults": "useDefaults", "remove_additional": "removeAdditional"}


@pytest.mark.parametrize(("schema", "value", "switches"), SWITCHED, ids=[named(case) for case in SWITCHED])
def test_the_changes_are_those_of_ajv(reference: Reference, schema: Any, value: Any, switches: str) -> None:
    """The same value and the same errors; and the value that was given stays as it was."""
    before = copy.deepcopy(value)
    changed, errors = SchemaValidator(schema, **dict.fromkeys(switches.split(), True)).check(value)
    wanted, wanted_errors = reference.check(schema, value, **{OPTIONS[switch]: True for switch in switches.split()})
    assert multiset(errors) == multiset(wanted_errors)
    assert multiset([{"value": changed}]) == multiset([{"value": wanted}])
    assert value == before


STRICTER = [
    # `required` looks before `additionalProperties` removes, and a branch of `anyOf` before the next one removes.
    ({"properties": {"a": {}}, "additionalProperties": False, "required": ["b"]}, {"a": 1, "b": 2}, "required"),
    (
        {"anyOf": [{"required": ["b"]}, {"properties": {"a": {}}, "additionalProperties": False, "required": ["c"]}]},
        {"a": 1, "b": 2},
        "anyOf",
    ),
    # Each branch of `anyOf` converts what the one before it has made.
    ({"anyOf": [{"type": "integer"}, {"type": "string", "minLength": 2}]}, "3", "anyOf"),
]


@pytest.mark.parametrize(("schema", "value", "keyword"), STRICTER)
def test_what_is_let_through_fits(reference: Reference, schema: Any, value: Any, keyword: str) -> None:
    """A known difference: where Ajv lets a value through that its own changes made unfit, Whinny has the errors."""
    _, errors = SchemaValidator(schema, coerce_types=True, remove_additional=True).check(value)
    assert keyword in [error["keyword"] for error in errors]
    assert not reference.check(schema, value, coerceTypes=True, removeAdditional=True)[1]


@pytest.mark.parametrize("text", ["Infinity", "-Infinity", "1e999", "0x" + "f" * 300])
@pytest.mark.parametrize("kind", ["number", "integer"])
def test_no_number_is_infinite(reference: Reference, text: str, kind: str) -> None:
    """A known difference: what JavaScript takes for Infinity, which JSON cannot hold, stays a text and an error."""
    value, errors = SchemaValidator({"type": kind}, coerce_types=True).check(text)
    assert value == text
    assert [error["keyword"] for error in errors] == ["type"]
    assert reference.check({"type": kind}, text, coerceTypes=True) == (None, [])  # as JSON writes Infinity


def test_property_names_are_not_converted(reference: Reference) -> None:
    """A known difference: Ajv means to convert them, and fails."""
    schema = {"properties": {"a": {"propertyNames": {"type": "integer"}}}}
    value = {"a": {"5": 1}}
    changed, errors = SchemaValidator(schema, coerce_types=True).check(value)
    assert (changed, [error["keyword"] for error in errors]) == (value, ["type", "propertyNames"])
    with pytest.raises(ValueError, match="constant variable"):
        reference.check(schema, value, coerceTypes=True)


def test_foreign_values_are_kept() -> None:
    """Binary data and foreign objects in the copy are the same ones, and a value without changes is the same."""
    data, thing = b"bytes", object()
    value = {"size": "5", "data": data, "things": [thing]}
    validator = SchemaValidator({"properties": {"size": {"type": "integer"}}}, coerce_types=True)
    changed, errors = validator.check(value)
    assert (changed["size"], errors) == (5, [])
    assert changed["data"] is data
    assert changed["things"][0] is thing
    fitting = {"size": 5, "data": data}
    assert validator.check(fitting)[0] is fitting


def test_defaults_are_not_shared() -> None:
    """Each value gets a default of its own."""
    validator = SchemaValidator({"properties": {"a": {"default": []}}}, use_defaults=True)
    validator.check({})[0]["a"].append(1)
    assert validator.check({})[0] == {"a": []}


def test_without_switches_nothing_changes() -> None:
    """`check` returns the value itself, and the errors of `errors`."""
    value = {"a": "5", "b": 1}
    schema = {"properties": {"a": {"type": "integer", "default": 1}}, "additionalProperties": False}
    changed, errors = SchemaValidator(schema).check(value)
    assert changed is value
    assert errors == SchemaValidator(schema).errors(value)


@pytest.mark.parametrize("value", ["\ud800", b"x", float("inf"), float("nan"), 10**400, object()])
@pytest.mark.parametrize("kind", ["string", "number", "integer", "boolean", "null", "array", "object"])
def test_what_is_no_json_crashes_nothing(kind: str, value: Any) -> None:
    """What cannot be JSON is an error of its type, or stays as it is."""
    changed, errors = SchemaValidator({"items": {"type": kind}}, coerce_types=True).check([value])
    assert errors or changed is not None
    assert all(error["keyword"] == "type" for error in errors)
