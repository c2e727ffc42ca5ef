"""The errors of a payload are those of the real Ajv."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ajv.cases import ALL, DRAFT_7
from ajv.reference import Reference, multiset
from whinny import ConfigurationError
from whinny.framework import SchemaValidator


def named(case: tuple[Any, ...]) -> str:
    return " ".join(json.dumps(part, ensure_ascii=True) for part in case)


@pytest.mark.parametrize(("schema", "value"), ALL, ids=[named(case) for case in ALL])
def test_the_errors_are_those_of_ajv(reference: Reference, schema: Any, value: Any) -> None:
    """The same errors, and each as often."""
    assert multiset(SchemaValidator(schema).errors(value)) == multiset(reference.check(schema, value)[1])


OURS_ALONE = [
    # what ajv-formats does not know
    ({"format": "idn-email"}, "a"),
    ({"format": "idn-hostname"}, "\u302e.example"),
    ({"format": "iri"}, "x"),
    ({"format": "iri-reference"}, "\\\\"),
    # where the library keeps to the RFC and ajv-formats is kind
    ({"format": "date-time"}, "2020-01-01 00:00:00Z"),
    ({"format": "date-time"}, "2020-01-01T00:00:00+0100"),
    ({"format": "time"}, "10:00:00+01"),
    ({"format": "duration"}, "P1Y1D"),
    ({"format": "email"}, "a" * 65 + "@b.example"),
    ({"format": "hostname"}, "a.example."),
    ({"format": "uri"}, "http://a:b"),
    ({"format": "uri-reference"}, "1:2"),
    ({"format": "uuid"}, "urn:uuid:2eb8aa08-aa98-11ea-b4aa-73b441d16380"),
    ({"format": "regex"}, "{"),
    # Ajv takes what every JavaScript object has for a property of the payload
    ({"required": ["toString"]}, {}),
    # Ajv takes all items for looked at beside `contains`, and the properties of an `if` that does not hold
    ({"contains": {"type": "string"}, "unevaluatedItems": False}, ["a", 1]),
    (
        {"if": {"properties": {"a": {"const": 1}}}, "then": {"minProperties": 1}, "unevaluatedProperties": False},
        {"a": 2},
    ),
    # `nullable` is no keyword of JSON Schema
    ({"type": "string", "nullable": True}, None),
    # the older drafts' content keywords
    ({"$schema": DRAFT_7, "contentMediaType": "application/json"}, "{"),
    # JavaScript has no integers beyond 2 ** 53
    ({"enum": [2**53 + 1]}, 2**53),
    ({"minimum": 2**53 + 1}, 2**53),
    # a dot is anything but \n
    ({"not": {"pattern": "^.$"}}, "\r"),
]

AJVS_ALONE = [
    # Ajv takes "all items" for "one item" where a branch has looked at all
    ({"anyOf": [{"items": {}}], "unevaluatedItems": False}, [1, 2]),
    # formats of ajv-formats that JSON Schema does not have
    *[({"format": name}, "x!") for name in ("byte", "url", "iso-time", "iso-date-time", "json-pointer-uri-fragment")],
    ({"format": "int32"}, 2**40),
    # where ajv-formats is strict
    ({"format": "email"}, "a@localhost"),
    ({"format": "email"}, '"a b"@c.example'),
    ({"format": "uri"}, "a:"),
    # Ajv divides doubles: 0.3 / 0.1 is 2.9999999999999996
    ({"multipleOf": 0.1}, 0.3),
    ({"multipleOf": 0.01}, 19.99),
    # Ajv takes what every JavaScript object has for a property of the payload
    ({"properties": {"toString": {"type": "string"}}}, {}),
    ({"dependentRequired": {"constructor": ["a"]}}, {}),
    # until 2019-09 nothing beside `$ref` counts
    ({"$schema": DRAFT_7, "$ref": "#/definitions/a", "minLength": 3, "definitions": {"a": {"type": "string"}}}, "a"),
    # keywords that ajv-formats adds
    ({"format": "date", "formatMinimum": "2020-01-01"}, "2019-01-01"),
    # a dot is anything but \n, and \b is where a word of any script begins
    ({"pattern": "^.$"}, "\r"),
    ({"pattern": "\\bü"}, "ü"),
]


@pytest.mark.parametrize(("schema", "value"), OURS_ALONE, ids=[named(case) for case in OURS_ALONE])
def test_what_whinny_alone_refuses(reference: Reference, schema: Any, value: Any) -> None:
    """The known differences from Ajv, which the docs tell: Whinny finds an error and Ajv none."""
    assert SchemaValidator(schema).errors(value)
    assert not reference.check(schema, value)[1]


@pytest.mark.parametrize(("schema", "value"), AJVS_ALONE, ids=[named(case) for case in AJVS_ALONE])
def test_what_ajv_alone_refuses(reference: Reference, schema: Any, value: Any) -> None:
    """The known differences from Ajv, which the docs tell: Ajv finds an error and Whinny none."""
    assert reference.check(schema, value)[1]
    assert not SchemaValidator(schema).errors(value)


JAVASCRIPTS_PATTERNS = ["^(?<a>x)\\k<a>$", "[^]", "[]", "[\\b]", "\\0"]
OUR_PATTERNS = ["(?i)a", "(?P<a>x)", "x*+", "\\A", "]"]


@pytest.mark.parametrize("pattern", JAVASCRIPTS_PATTERNS)
def test_patterns_that_only_javascript_knows(reference: Reference, pattern: str) -> None:
    """They are refused when the controller is attached."""
    reference.check({"pattern": pattern}, "x")
    with pytest.raises(ConfigurationError, match="is not a"):
        SchemaValidator({"pattern": pattern})


@pytest.mark.parametrize("pattern", OUR_PATTERNS)
def test_patterns_that_javascript_does_not_know(reference: Reference, pattern: str) -> None:
    """The library knows some more than JavaScript."""
    SchemaValidator({"pattern": pattern})
    with pytest.raises(ValueError, match="Invalid regular expression"):
        reference.check({"pattern": pattern}, "x")


def test_a_schema_of_the_specification_has_one_error(reference: Reference) -> None:
    """A reference to a schema that is not in the document but in the library is one error, not each of its own."""
    schema = {"$ref": "https://json-schema.org/draft/2020-12/schema"}
    assert [error["keyword"] for error in SchemaValidator(schema).errors({"type": 5})] == ["$ref"]
    assert len(reference.check(schema, {"type": 5})[1]) == 3
