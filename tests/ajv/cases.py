"""Schemas, and the values that Ajv and Whinny are to judge by each of them."""

from __future__ import annotations

from typing import Any

DRAFT_7 = "http://json-schema.org/draft-07/schema#"
DRAFT_2019 = "https://json-schema.org/draft/2019-09/schema"
TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "below": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
        }
    },
}
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2, "pattern": "^[a-z]+$"},
        "age": {"type": "integer", "minimum": 0},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}

Case = tuple[Any, list[Any]]

TYPES: list[Case] = [
    ({"type": "string"}, ["a", "", 1, None, True, [], {}]),
    ({"type": "number"}, [1, 1.5, -0.0, "1", False, None]),
    ({"type": "integer"}, [1, 1.0, 1.5, "1", True]),
    ({"type": "boolean"}, [True, False, 0, "true", None]),
    ({"type": "null"}, [None, 0, "", False]),
    ({"type": "array"}, [[], [1], {}, "[]"]),
    ({"type": "object"}, [{}, [], None, 1]),
    ({"type": ["string", "null"]}, ["a", None, 1, []]),
    ({"type": ["integer", "object"]}, [1, {}, 1.5, []]),
    ({"type": ["array", "object"]}, [[], {}, None, 1]),
    ({"type": ["number"]}, [1, "x"]),
    ({"type": ["string", "integer"], "minLength": 2, "minimum": 5}, ["a", 1, "ab", 5, None]),
    ({"type": "string", "minimum": 5}, [3, "a", 7]),
    ({"type": "integer", "minLength": 3}, ["a", 3]),
    ({"type": "array", "maxItems": 1, "enum": [[1]]}, [[1], [1, 2], 5]),
]

VALUES: list[Case] = [
    ({"enum": ["a", 1, None, {"b": [1]}, [True]]}, ["a", 1.0, None, {"b": [1]}, [True], [1], True, "1", {"b": [2]}]),
    ({"enum": [0, False]}, [0, False, 1, True, "", None]),
    ({"const": 1}, [1, 1.0, True, "1"]),
    ({"const": {"a": [1, {"b": None}]}}, [{"a": [1, {"b": None}]}, {"a": [1, {}]}, {}]),
    ({"const": None}, [None, 0]),
    ({"const": False}, [False, 0, []]),
]

NUMBERS: list[Case] = [
    ({"minimum": 3}, [2, 3, 2.9, -1e30, "x"]),
    ({"maximum": 3.5}, [3, 3.5, 3.6, 1e300]),
    ({"exclusiveMinimum": 3}, [3, 3.1, 4]),
    ({"exclusiveMaximum": 3}, [3, 2.9]),
    ({"minimum": 1e21, "maximum": 1e-7}, [5]),
    ({"minimum": 5.0}, [1]),
    ({"multipleOf": 2}, [4, 3, 0, -2, 2.0, 2.5]),
    ({"multipleOf": 0.5}, [1, 1.5, 1.2]),
    ({"type": "integer", "minimum": 3, "maximum": 1, "multipleOf": 4}, [2, 2.5, "x"]),
]

STRINGS: list[Case] = [
    ({"minLength": 2}, ["a", "ab", "\U0001f600", "\U0001f600\U0001f600", "ü", 1]),
    ({"maxLength": 1}, ["", "\U0001f600", "ab", "e\u0301"]),
    ({"pattern": "^[a-z]+$"}, ["abc", "aBc", "", "abc\n", 5]),
    ({"pattern": "b"}, ["abc", "ac"]),
    ({"pattern": "^\\d{3}$"}, ["123", "12", "\u0661\u0662\u0663"]),
    ({"pattern": "^\\w\\s\\S$"}, ["a b", "ü b", "a\u00a0b"]),
    ({"pattern": "^.$"}, ["\U0001f600", "ab", "\n"]),
    ({"pattern": "^\\p{L}+$"}, ["üa", "1"]),
    ({"pattern": "^(?=.*[0-9]).+$"}, ["a1", "a"]),
    ({"pattern": "^(a)\\1$"}, ["aa", "ab"]),
    ({"pattern": '^"\\/$'}, ['"/', "x"]),
    ({"type": "string", "minLength": 3, "maxLength": 1, "pattern": "^x", "format": "email"}, ["ab", 5]),
]

FORMATS: dict[str, list[str]] = {
    "date-time": ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00.123+01:00", "2020-01-01", "2020-13-01T00:00:00Z", "x"],
    "date": ["2020-02-29", "2021-02-29", "2020-1-1", "x"],
    "time": ["10:00:00Z", "10:00:00+02:00", "10:00:00", "25:00:00Z", "x"],
    "duration": ["P1D", "PT1H", "P1Y2M3DT4H5M6S", "P1W", "P", "1D"],
    "email": ["a@b.example", "a.b+c@d.example", "a", "@b", "a@"],
    "hostname": ["a.example", "localhost", "-a.example", "a..b"],
    "ipv4": ["127.0.0.1", "256.0.0.1", "1.2.3"],
    "ipv6": ["::1", "2001:db8::1", ":::", "12345::"],
    "uri": ["http://a.example/x?y#z", "urn:a:b", "/x", "a b"],
    "uri-reference": ["/x", "http://a.example", "#a", "\\\\x"],
    "uri-template": ["/a/{b}", "/a/{b"],
    "uuid": ["2eb8aa08-aa98-11ea-b4aa-73b441d16380", "2eb8aa08", "2EB8AA08-AA98-11EA-B4AA-73B441D16380"],
    "regex": ["^a$", "("],
    "json-pointer": ["/a/b", "", "a", "/a~"],
    "relative-json-pointer": ["0/a", "1#", "a"],
    "nothing-that-anybody-knows": ["x"],
}

ARRAYS: list[Case] = [
    ({"minItems": 1}, [[], [1], {}]),
    ({"maxItems": 1.0}, [[1, 2], [1]]),
    ({"items": {"type": "string"}}, [["a"], ["a", 1, None], [], "x"]),
    ({"items": False}, [[], [1, 2]]),
    ({"items": True}, [[1]]),
    ({"prefixItems": [{"type": "string"}, {"type": "number"}]}, [["a", 1], [1, "a"], ["a"], [], ["a", 1, None]]),
    ({"prefixItems": [{"type": "string"}], "items": {"type": "number"}}, [["a", 1], ["a", "b"], [1, "b", "c"], []]),
    ({"prefixItems": [{"type": "string"}], "items": False}, [["a"], ["a", 1, 2], []]),
    ({"prefixItems": [False, True]}, [[1, 2], []]),
    (
        {"uniqueItems": True},
        [[1, 2], [1, 1.0], [1, True], [1, 2, 2, 1], [{"a": 1, "b": 2}, {"b": 2, "a": 1}], [[1], [1]]],
    ),
    ({"uniqueItems": False}, [[1, 1]]),
    ({"items": {"type": "number"}, "uniqueItems": True}, [[1, 2, 2, 1], [1, 1], ["a", "a"]]),
    ({"items": {"type": ["string", "number"]}, "uniqueItems": True}, [["1", 1], ["a", 1, "a", 1]]),
    ({"items": {"type": "object"}, "uniqueItems": True}, [[{}, {}], [{"a": 1}, {}]]),
    ({"contains": {"type": "string"}}, [["a"], [1, "a"], [1, None], []]),
    ({"contains": {"type": "string", "minLength": 2}}, [["a", 1], ["ab"]]),
    ({"contains": True}, [[], [1]]),
    ({"contains": False}, [[], [1]]),
    ({"contains": {"type": "string"}, "minContains": 2}, [["a", "b"], ["a", 1], [1, 2]]),
    ({"contains": {"type": "string"}, "maxContains": 1}, [["a"], ["a", 1, "b"], [1], []]),
    ({"contains": {"type": "string"}, "minContains": 2, "maxContains": 3}, [["a"], ["a"] * 2, ["a"] * 4, [1, "a"]]),
    ({"contains": {"type": "string"}, "minContains": 0}, [[], [1]]),
    ({"contains": {"type": "string"}, "minContains": 0, "maxContains": 1}, [[], [1], ["a", "b"]]),
    ({"contains": {"type": "string"}, "minContains": 3, "maxContains": 1}, [["a"], []]),
    ({"items": {"contains": {"const": 1}}}, [[[1]], [[2], [3, 4]]]),
    ({"items": {"items": {"properties": {"a": {"type": "null"}}}}}, [[[{"a": 1}], [{"a": None}, {"a": 2}]]]),
]

OBJECTS: list[Case] = [
    ({"properties": {"a": {"type": "string"}, "b": {"minimum": 1}}}, [{"a": "x", "b": 1}, {"a": 1, "b": 0}, {}, []]),
    ({"properties": {"a": False, "b": True}}, [{"a": 1, "b": 1}, {"b": 1}]),
    (
        {"patternProperties": {"^a": {"type": "string"}, "b$": {"type": "number"}}},
        [{"a": 1, "ab": None, "c": []}, {"ab": 1}],
    ),
    ({"additionalProperties": False}, [{}, {"a": 1, "b": 2}]),
    ({"additionalProperties": {"type": "string"}}, [{"a": 1, "b": "x"}, {}]),
    (
        {"properties": {"a": {}}, "patternProperties": {"^x-": {}}, "additionalProperties": False},
        [{"a": 1, "x-b": 2}, {"c": 1, "x": 2, "a": 3}],
    ),
    ({"properties": {"a": {}}, "additionalProperties": {"type": "number"}}, [{"a": "x", "b": "y", "c": 1}]),
    ({"propertyNames": {"maxLength": 2}}, [{"a": 1}, {"abc": 1, "abcd": 2}]),
    ({"propertyNames": {"pattern": "^a", "minLength": 2}}, [{"ab": 1, "b": 2}]),
    ({"propertyNames": False}, [{}, {"a": 1}]),
    ({"propertyNames": {"enum": ["a", "b"]}}, [{"a": 1, "c": 2}]),
    ({"propertyNames": {"anyOf": [{"const": "a"}, {"minLength": 3}]}}, [{"a": 1, "bb": 2, "ccc": 3}]),
    ({"properties": {"a": {"propertyNames": {"const": "b"}}}}, [{"a": {"c": 1}}]),
    ({"required": ["a", "b"]}, [{"a": 1, "b": None}, {"a": 1}, {}, []]),
    ({"minProperties": 2}, [{"a": 1}, {"a": 1, "b": 2}]),
    ({"maxProperties": 1}, [{"a": 1}, {"a": 1, "b": 2}]),
    (
        {"dependentRequired": {"a": ["b", "c"], "d": []}},
        [{"a": 1}, {"a": 1, "b": 1}, {"d": 1}, {"a": 1, "b": 1, "c": 1}],
    ),
    ({"dependentSchemas": {"a": {"required": ["b"]}, "c": False}}, [{"a": 1}, {"a": 1, "b": 1}, {"c": 1}, {}]),
    ({"dependencies": {"a": ["b"], "c": {"required": ["d"]}}}, [{"a": 1, "c": 1}, {}]),
    (
        PERSON,
        [
            {"name": "ab", "age": 1},
            {"name": "A", "x": 1, "y": 2},
            {},
            {"name": "ab", "age": -1, "tags": ["a", 1, "a"]},
            5,
        ],
    ),
    (
        {
            "properties": {
                "a/b": {"type": "null"},
                "a~b": {"type": "null"},
                "a%b": {"type": "null"},
                "ü ": {"type": "null"},
            }
        },
        [{"a/b": 1, "a~b": 1, "a%b": 1, "ü ": 1}],
    ),
    ({"properties": {"a\"b'c": {"type": "null"}, "\U0001f600": {"type": "null"}}}, [{"a\"b'c": 1, "\U0001f600": 1}]),
    ({"patternProperties": {"^/ü~%$": {"type": "null"}}}, [{"/ü~%": 1}]),
    ({"required": ["a'b", 'c"d', "ü"]}, [{}]),
    (
        {"properties": {"a": {"items": {"properties": {"b": {"type": "string"}}, "required": ["c"]}}}},
        [{"a": [{"b": 1}, {"c": 1}]}],
    ),
    (
        {"properties": {"if": {"type": "null"}, "then": {"type": "null"}, "items": {"items": False}}},
        [{"if": 1, "then": 1, "items": [1]}],
    ),
]

COMBINED: list[Case] = [
    ({"allOf": [{"type": "string"}, {"minLength": 2}]}, ["ab", "a", 1]),
    ({"allOf": [{"type": "string"}, {"type": "string"}]}, [1]),
    ({"allOf": [True, False]}, [1]),
    ({"anyOf": [{"type": "string"}, {"minimum": 5}]}, ["a", 5, 1, None]),
    (
        {"anyOf": [{"required": ["a"]}, {"properties": {"b": {"type": "string"}}, "required": ["b"]}]},
        [{}, {"b": 1}, {"a": 1}],
    ),
    ({"anyOf": [{}, {"type": "string"}]}, [1]),
    ({"anyOf": [{"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "boolean"}]}, [1, None]),
    ({"anyOf": [False, False]}, [1]),
    ({"oneOf": [{"type": "number"}, {"type": "integer"}]}, [1, 1.5, "a"]),
    ({"oneOf": [{"type": "number"}, {"type": "string", "minLength": 2}, {"type": "integer"}]}, [1, "a", "ab", None]),
    ({"oneOf": [True, {"type": "string"}, True]}, [1, "a"]),
    ({"not": {"type": "string"}}, ["a", 1]),
    ({"not": {}}, [1]),
    ({"not": False}, [1]),
    ({"not": {"not": {"type": "string"}}}, ["a", 1]),
    ({"not": {"properties": {"a": {"const": 1}}, "required": ["a"]}}, [{"a": 1}, {"a": 2}, {}]),
    ({"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"minimum": 5}}, ["a", "ab", 1, 5, None]),
    ({"if": {"type": "string"}, "then": False}, ["a", 1]),
    ({"if": {"type": "string"}, "else": {"type": "number"}}, ["a", 1, None]),
    ({"if": {"type": "string"}}, [1]),
    ({"then": False, "else": False}, [1]),
    ({"if": True, "then": {"required": ["a"]}}, [{}]),
    ({"allOf": [{"if": {"required": ["a"]}, "then": {"required": ["b"]}}, {"else": {}, "if": False}]}, [{"a": 1}, {}]),
    (True, [1, None]),
    (False, [1, None]),
    ({}, [1]),
    ({"title": "only words", "unheard": 5}, [1]),
]

REFERENCES: list[Case] = [
    ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}, ["a", 1]),
    ({"$ref": "#/$defs/a", "minLength": 3, "$defs": {"a": {"type": "string"}}}, ["a", 1, "abc"]),
    ({"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}], "$defs": {"a": {"type": "string"}}}, [1]),
    (
        {
            "anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}],
            "$defs": {"a": {"type": "null"}, "b": {"type": "string"}},
        },
        [1, None],
    ),
    (TREE, [{"name": "a"}, {"name": "a", "below": [{"name": 1}, {"below": [{}]}]}, 5]),
    (
        {"properties": {"a": {"$ref": "#"}}, "additionalProperties": False},
        [{"a": {"a": {}}}, {"a": {"b": 1}}, {"b": {}}],
    ),
    (
        {
            "$ref": "#/$defs/a",
            "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/c"}, "c": {"type": "string"}},
        },
        [1, "a"],
    ),
    ({"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"type": "string"}}}, [[1, "a"]]),
    ({"properties": {"a": {"$ref": "#/properties/b"}, "b": {"type": "string"}}}, [{"a": 1, "b": 1}]),
    ({"$ref": "#/$defs/a~1b%25%22", "$defs": {'a/b%"': {"type": "string"}}}, [1]),
    ({"$ref": "#word", "$defs": {"a": {"$anchor": "word", "type": "string"}}}, [1]),
    (
        {
            "$id": "http://a.example/root",
            "properties": {"a": {"$ref": "other"}},
            "$defs": {
                "x": {
                    "$id": "other",
                    "type": "object",
                    "properties": {"b": {"$ref": "#/$defs/y"}},
                    "$defs": {"y": {"type": "null"}},
                }
            },
        },
        [{"a": {"b": 1}}, {"a": 1}, {"a": {"b": None}}],
    ),
    (
        {
            "$id": "http://a.example/root",
            "$ref": "other#/$defs/y",
            "$defs": {
                "x": {
                    "$id": "other",
                    "$defs": {"y": {"type": "null"}},
                }
            },
        },
        [1],
    ),
    ({"$defs": {"a": False}, "properties": {"b": {"$ref": "#/$defs/a"}}}, [{"b": 1}, {}]),
    ({"$dynamicAnchor": "node", "properties": {"a": {"$dynamicRef": "#node"}}, "required": ["v"]}, [{"v": 1, "a": {}}]),
    (
        {
            "if": {"$ref": "#/$defs/a"},
            "then": {"$ref": "#/$defs/b"},
            "$defs": {"a": {"type": "string"}, "b": {"minLength": 2}},
        },
        ["a", "ab", 1],
    ),
    ({"not": {"$ref": "#/$defs/a"}, "$defs": {"a": {"type": "string"}}}, ["a", 1]),
    ({"propertyNames": {"$ref": "#/$defs/a"}, "$defs": {"a": {"minLength": 2}}}, [{"a": 1}]),
    (
        {
            "propertyNames": {"$ref": "#/$defs/a"},
            "$defs": {"a": {"$ref": "#/$defs/b", "maxLength": 0}, "b": {"minLength": 2}},
        },
        [{"a": 1}],
    ),
]

UNEVALUATED: list[Case] = [
    ({"unevaluatedProperties": False}, [{}, {"a": 1, "b": 2}]),
    ({"unevaluatedProperties": {"type": "string"}}, [{"a": 1, "b": "x"}, {}]),
    ({"properties": {"a": {}}, "unevaluatedProperties": False}, [{"a": 1}, {"a": 1, "b": 2}]),
    ({"properties": {"a": {"type": "null"}}, "unevaluatedProperties": False}, [{"a": 1, "b": 2}]),
    (
        {"allOf": [{"properties": {"a": {}}}, {"patternProperties": {"^x": {}}}], "unevaluatedProperties": False},
        [{"a": 1, "x": 2, "b": 3}],
    ),
    ({"allOf": [{"properties": {"a": {"type": "null"}}}], "unevaluatedProperties": False}, [{"a": 1, "b": 2}]),
    (
        {"anyOf": [{"properties": {"a": {"type": "null"}}}, {"properties": {"b": {}}}], "unevaluatedProperties": False},
        [{"a": 1, "b": 2}, {"a": None}],
    ),
    (
        {
            "oneOf": [{"properties": {"a": {}}, "required": ["a"]}, {"properties": {"b": {}}, "required": ["b"]}],
            "unevaluatedProperties": False,
        },
        [{"a": 1}, {"a": 1, "c": 2}, {"b": 1}, {"c": 1}],
    ),
    (
        {
            "if": {"properties": {"a": {"const": 1}}, "required": ["a"]},
            "then": {"properties": {"b": {}}},
            "unevaluatedProperties": False,
        },
        [{"a": 1, "b": 1}, {"a": 1, "c": 1}],
    ),
    (
        {"dependentSchemas": {"a": {"properties": {"a": {}, "b": {}}}}, "unevaluatedProperties": False},
        [{"a": 1, "b": 1}, {"b": 1}],
    ),
    (
        {"$ref": "#/$defs/a", "unevaluatedProperties": False, "$defs": {"a": {"properties": {"a": {}}}}},
        [{"a": 1}, {"b": 1}],
    ),
    ({"additionalProperties": {"type": "null"}, "unevaluatedProperties": False}, [{"a": 1}, {"a": None}]),
    ({"not": {"not": {"properties": {"a": {}}}}, "unevaluatedProperties": False}, [{"a": 1}]),
    ({"unevaluatedItems": False}, [[], [1, 2]]),
    ({"unevaluatedItems": {"type": "string"}}, [["a"], [1, "a", None]]),
    ({"prefixItems": [{"type": "string"}], "unevaluatedItems": False}, [["a"], ["a", 1], [1, 2, 3]]),
    ({"prefixItems": [{}], "unevaluatedItems": {"type": "string"}}, [[1, 2, "a"]]),
    ({"allOf": [{"prefixItems": [{}, {}]}], "unevaluatedItems": False}, [[1, 2], [1, 2, 3]]),
    (
        {"anyOf": [{"prefixItems": [{"type": "string"}, {}]}, {"prefixItems": [{}]}], "unevaluatedItems": False},
        [[1, 2], ["a", 2], ["a", 2, 3]],
    ),
    ({"items": {"type": "string"}, "unevaluatedItems": False}, [["a", 1]]),
    ({"items": {"unevaluatedProperties": False, "properties": {"a": {}}}}, [[{"a": 1}, {"b": 1}]]),
]

OTHER_DRAFTS: list[Case] = [
    ({"$schema": DRAFT_7, "items": [{"type": "string"}], "additionalItems": False}, [["a"], ["a", 1], [1]]),
    ({"$schema": DRAFT_7, "items": [{"type": "string"}], "additionalItems": {"type": "null"}}, [["a", None, 1]]),
    ({"$schema": DRAFT_7, "dependencies": {"a": ["b", "c"], "d": {"required": ["e"]}}}, [{"a": 1, "d": 1}, {}]),
    ({"$schema": DRAFT_7, "$ref": "#/definitions/a", "definitions": {"a": {"type": "string"}}}, [1, "a"]),
    ({"$schema": DRAFT_7, "$ref": "#word", "definitions": {"a": {"$id": "#word", "type": "string"}}}, [1]),
    ({"$schema": DRAFT_7, "contains": {"type": "string"}, "minContains": 2}, [["a"], [1]]),
    (
        {
            "$schema": DRAFT_2019,
            "$recursiveAnchor": True,
            "properties": {"a": {"$recursiveRef": "#"}},
            "required": ["v"],
        },
        [{"v": 1, "a": {}}],
    ),
    ({"$schema": DRAFT_2019, "items": [{"type": "string"}], "unevaluatedItems": False}, [["a", 1], [1]]),
]

ALL: list[tuple[Any, Any]] = [
    (schema, value)
    for cases in (TYPES, VALUES, NUMBERS, STRINGS, ARRAYS, OBJECTS, COMBINED, REFERENCES, UNEVALUATED, OTHER_DRAFTS)
    for schema, values in cases
    for value in values
] + [({"format": name}, value) for name, values in FORMATS.items() for value in [*values, 5]]
