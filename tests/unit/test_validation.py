"""Payload validation: errors as Ajv 8 writes them, and never a crash."""

from __future__ import annotations

import copy
import functools
import gc
import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from unit.apps import attach
from unit.clock import in_fake_time
from unit.fakes import FakeClient
from unit.strategies import values
from whinny import (
    ConfigurationError,
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    event_name,
    get_websocket_hook_function,
    validate_payload,
)
from whinny.framework import SchemaValidator
from whinny.framework.schema import LARGE
from whinny.framework.schema.document import Document
from whinny.framework.schema.validation import BUDGET, CHANGES_BUDGET, Validation


def errors(schema: Any, value: Any) -> list[dict[str, Any]]:
    """The errors of a value, in an order of their own."""
    return sorted(SchemaValidator(schema).errors(value), key=lambda each: (each["schemaPath"], str(each["params"])))


def error(path: str, schema_path: str, params: dict[str, Any], message: str) -> dict[str, Any]:
    keyword = schema_path.rpartition("/")[2]
    return {
        "instancePath": path,
        "schemaPath": schema_path,
        "keyword": keyword,
        "params": params,
        "message": message,
    }


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": "string"}, 1, error("", "#/type", {"type": "string"}, "must be string")),
        ({"type": "integer"}, 1.5, error("", "#/type", {"type": "integer"}, "must be integer")),
        ({"type": "object"}, None, error("", "#/type", {"type": "object"}, "must be object")),
        ({"minimum": 3}, 1, error("", "#/minimum", {"comparison": ">=", "limit": 3}, "must be >= 3")),
        ({"maximum": 3}, 4, error("", "#/maximum", {"comparison": "<=", "limit": 3}, "must be <= 3")),
        ({"exclusiveMinimum": 3}, 3, error("", "#/exclusiveMinimum", {"comparison": ">", "limit": 3}, "must be > 3")),
        ({"exclusiveMaximum": 3}, 3, error("", "#/exclusiveMaximum", {"comparison": "<", "limit": 3}, "must be < 3")),
        ({"multipleOf": 2}, 3, error("", "#/multipleOf", {"multipleOf": 2}, "must be multiple of 2")),
        ({"minLength": 2}, "ü", error("", "#/minLength", {"limit": 2}, "must NOT have fewer than 2 characters")),
        ({"maxLength": 1}, "ab", error("", "#/maxLength", {"limit": 1}, "must NOT have more than 1 characters")),
        ({"pattern": "^a"}, "b", error("", "#/pattern", {"pattern": "^a"}, 'must match pattern "^a"')),
        ({"format": "email"}, "b", error("", "#/format", {"format": "email"}, 'must match format "email"')),
        ({"minItems": 1}, [], error("", "#/minItems", {"limit": 1}, "must NOT have fewer than 1 items")),
        ({"maxItems": 1}, [1, 2], error("", "#/maxItems", {"limit": 1}, "must NOT have more than 1 items")),
        ({"minProperties": 1}, {}, error("", "#/minProperties", {"limit": 1}, "must NOT have fewer than 1 properties")),
        (
            {"maxProperties": 0},
            {"a": 1},
            error("", "#/maxProperties", {"limit": 0}, "must NOT have more than 0 properties"),
        ),
        (
            {"enum": ["a", 1]},
            2,
            error("", "#/enum", {"allowedValues": ["a", 1]}, "must be equal to one of the allowed values"),
        ),
        ({"const": "a"}, "b", error("", "#/const", {"allowedValue": "a"}, "must be equal to constant")),
        ({"not": {"type": "string"}}, "a", error("", "#/not", {}, "must NOT be valid")),
        (
            {"required": ["a"]},
            {},
            error("", "#/required", {"missingProperty": "a"}, "must have required property 'a'"),
        ),
        (
            {"properties": {}, "additionalProperties": False},
            {"a": 1},
            error(
                "", "#/additionalProperties", {"additionalProperty": "a"}, "must NOT have additional properties"
            ),
        ),
        (
            {"properties": {"a/b~c": {"items": {"type": "null"}}}},
            {"a/b~c": [None, 5]},
            error("/a~1b~0c/1", "#/properties/a~1b~0c/items/type", {"type": "null"}, "must be null"),
        ),
        (
            {"$ref": "#/$defs/name", "$defs": {"name": {"type": "string"}}},
            1,
            error("", "#/$defs/name/type", {"type": "string"}, "must be string"),
        ),
    ],
)  # fmt: skip
def test_the_common_keywords(schema: Any, value: Any, expected: dict[str, Any]) -> None:
    """One error of each keyword, letter for letter as Ajv 8 writes it."""
    assert errors(schema, value) == [expected]


def test_all_errors_are_there() -> None:
    """Ajv's `allErrors`: one for each missing and each additional property, and those of all depths."""
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "minLength": 2, "pattern": "^[a-z]+$"}, "age": {"type": "integer"}},
        "required": ["name", "age", "mail"],
        "additionalProperties": False,
    }
    found = errors(schema, {"name": "A", "x": 1, "y": 2})
    assert [(each["instancePath"], each["keyword"], each["params"]) for each in found] == [
        ("", "additionalProperties", {"additionalProperty": "x"}),
        ("", "additionalProperties", {"additionalProperty": "y"}),
        ("/name", "minLength", {"limit": 2}),
        ("/name", "pattern", {"pattern": "^[a-z]+$"}),
        ("", "required", {"missingProperty": "age"}),
        ("", "required", {"missingProperty": "mail"}),
    ]


def test_any_of_has_the_errors_of_its_branches() -> None:
    """Where no branch fits, those of all of them stand beside the keyword's own."""
    found = errors({"anyOf": [{"type": "string"}, {"minimum": 5}]}, 1)
    assert [(each["schemaPath"], each["message"]) for each in found] == [
        ("#/anyOf", "must match a schema in anyOf"),
        ("#/anyOf/0/type", "must be string"),
        ("#/anyOf/1/minimum", "must be >= 5"),
    ]


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (
            {"type": ["string", "null"]},
            1,
            error("", "#/type", {"type": ["string", "null"]}, "must be string,null"),
        ),
        (
            {"oneOf": [{"type": "number"}, {"type": "integer"}]},
            1,
            error("", "#/oneOf", {"passingSchemas": [0, 1]}, "must match exactly one schema in oneOf"),
        ),
        (
            {"uniqueItems": True},
            [1, 1],
            error(
                "",
                "#/uniqueItems",
                {"i": 1, "j": 0},
                "must NOT have duplicate items (items ## 0 and 1 are identical)",
            ),
        ),
        (
            {"contains": {"type": "string"}},
            [1],
            error("", "#/contains", {"minContains": 1}, "must contain at least 1 valid item(s)"),
        ),
        (
            {"dependentRequired": {"a": ["b"]}},
            {"a": 1},
            error(
                "",
                "#/dependentRequired",
                {"property": "a", "missingProperty": "b", "depsCount": 1, "deps": "b"},
                "must have property b when property a is present",
            ),
        ),
        (
            {"properties": {"a": False}},
            {"a": 1},
            error("/a", "#/properties/a/false schema", {}, "boolean schema is false"),
        ),
        (
            {"additionalProperties": False},
            {"a": 1},
            error(
                "", "#/additionalProperties", {"additionalProperty": "a"}, "must NOT have additional properties"
            ),
        ),
        (
            {"prefixItems": [{}], "items": False},
            [1, 2],
            error("", "#/items", {"limit": 1}, "must NOT have more than 1 items"),
        ),
        (
            {"unevaluatedProperties": False},
            {"a": 1},
            error(
                "", "#/unevaluatedProperties", {"unevaluatedProperty": "a"}, "must NOT have unevaluated properties"
            ),
        ),
    ],
)  # fmt: skip
def test_the_rarer_keywords(schema: Any, value: Any, expected: dict[str, Any]) -> None:
    """The other keywords are written as Ajv 8 does, too."""
    found = [each for each in errors(schema, value) if "/contains/" not in each["schemaPath"]]
    assert found == [expected]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"propertyNames": {"maxLength": 1}}, {"abc": 1}),
        ({"properties": {"type": False}}, {"type": 1}),
        ({"properties": {"required": False}}, {"required": 1}),
        ({"properties": {"pattern": False}}, {"pattern": 1}),
    ],
)
def test_no_keyword_crashes(schema: Any, value: Any) -> None:
    """Whatever a property is called, a value that does not fit gives errors and no exception."""
    assert errors(schema, value)


# what is no JSON


@pytest.mark.parametrize("kind", ["string", "number", "integer", "boolean", "object", "array", "null"])
@pytest.mark.parametrize("value", [b"", b"x" * 100, bytearray(b"x"), memoryview(b"x"), object(), {1, 2}])
def test_binary_values_are_type_errors(kind: str, value: Any) -> None:
    """Bytes where any JSON type is due are an error of the keyword `type`, at their place."""
    [found] = errors({"type": kind}, value)
    assert (found["instancePath"], found["keyword"]) == ("", "type")
    [found] = errors({"properties": {"a": {"items": {"type": kind}}}}, {"a": [value]})
    assert (found["instancePath"], found["keyword"]) == ("/a/0", "type")


schema_of_much = {
    "type": "object",
    "properties": {"a": {"type": "string", "minLength": 2}, "b": {"type": "array", "items": {"type": "integer"}}},
    "required": ["a"],
    "additionalProperties": {"anyOf": [{"type": "number"}, {"enum": ["x", None]}]},
}


@given(values)
def test_no_payload_crashes_or_is_changed(value: Any) -> None:
    """Any payload, bytes, lone surrogates and large numbers included, gives a list of errors and stays as it was."""
    before = copy.deepcopy(value)
    for schema in (schema_of_much, True, {"items": {"properties": {"a": {"type": "string"}}}}):
        for each in SchemaValidator(schema).errors(value):
            assert set(each) == {"instancePath", "schemaPath", "keyword", "params", "message"}
            WebsocketResponse(each).envelope()
    assert value == before or value != value


@pytest.mark.parametrize("levels", [250, 255, 256, 300, 900])
def test_deep_payloads_do_not_crash(levels: int) -> None:
    """Payloads as deep as the decoder lets through, and deeper ones where it is told to, give errors."""
    value: Any = []
    for _ in range(levels):
        value = [value]
    assert errors({"type": "string"}, value)


def test_lone_surrogates_are_text() -> None:
    """A text that JavaScript cut in the middle of a character is text."""
    assert errors({"type": "string"}, "\ud800") == []


def test_binary_values_hide_no_other_errors() -> None:
    """Beside bytes out of place the other errors of the payload are there, too."""
    schema = {"properties": {"a": {"type": "string"}}, "required": ["c"]}
    assert [each["keyword"] for each in errors(schema, {"a": b"x"})] == ["type", "required"]


def test_binary_values_that_no_schema_speaks_of() -> None:
    """Bytes where the schema allows anything are treated alike, whether the rest of the payload fits or not."""
    fits = errors({"properties": {"a": {}}}, {"a": b"x"})
    fits_not = errors({"properties": {"a": {}}, "required": ["c"]}, {"a": b"x"})
    assert [each["keyword"] for each in fits_not if each["instancePath"] == "/a"] == [
        each["keyword"] for each in fits if each["instancePath"] == "/a"
    ]
    assert "required" in [each["keyword"] for each in fits_not]


# the hook


BAD_SCHEMAS: list[Any] = [
    {"type": "strin"},
    {"type": 5},
    {"pattern": "("},
    {"$ref": "#/nope"},
    {"minimum": "x"},
    {"required": "a"},
    {"$schema": "http://unknown.example/schema"},
    {"default": b"bytes"},
    5,
]


@pytest.mark.parametrize("schema", BAD_SCHEMAS)
@pytest.mark.parametrize("made_by", ["value", "function"])
def test_a_bad_schema_is_refused_at_attach(schema: Any, made_by: str) -> None:
    """The error names the method, or the class, that bears the schema."""
    given = schema if made_by == "value" else lambda controller: schema

    class OnMethod(SocketIOController):
        @event_name("go")
        @validate_payload(given)
        def go(self) -> None: ...

    @validate_payload(given)
    class OnClass(SocketIOController):
        @event_name("go")
        def go(self) -> None: ...

    services = ServiceManager(Settings())
    with pytest.raises(ConfigurationError, match=r"^OnMethod\.go has a wrong JSON Schema"):
        services.get(OnMethod).attach()
    with pytest.raises(ConfigurationError, match=r"^OnClass has a wrong JSON Schema"):
        services.get(OnClass).attach()


@in_fake_time
async def test_what_fits_reaches_the_method_and_nothing_else_does() -> None:
    """A payload that fits arrives as it is; any other is answered with the errors, and the method does not run."""
    ran: list[Any] = []

    class Controller(SocketIOController):
        limit = 3

        @event_name("go")
        @validate_payload(lambda controller: {"type": "integer", "maximum": controller.limit})
        def go(self, ctx: WebsocketContext, payload: int) -> WebsocketResponse:
            ran.append(payload)
            return WebsocketResponse()

    client = FakeClient(attach(Controller))
    client.connect()
    for number, args in enumerate([(3,), (4,), ("x",), (), (b"x",), (2, "more")]):
        client.emit("go", *args, ack_id=number)
    answers = client.acks()
    assert [answer["status"] for answer in answers.values()] == ["ok", "error", "error", "error", "error", "ok"]
    assert ran == [3, 2]
    assert answers[1]["error"] == {
        "code": "VALIDATION_PAYLOAD_ERROR",
        "payload": [error("", "#/maximum", {"comparison": "<=", "limit": 3}, "must be <= 3")],
    }
    assert answers[3]["error"]["payload"][0]["message"] == "must be integer"


def test_the_hook_can_be_called_alone() -> None:
    """In a test the hook's function validates a context that was made by hand."""
    hook = get_websocket_hook_function(validate_payload({"type": "string"}))
    services = ServiceManager(Settings())
    assert hook(WebsocketContext("go", "text"), services) is None
    assert hook(WebsocketContext("go", 5), services).error["code"] == "VALIDATION_PAYLOAD_ERROR"


def test_other_drafts() -> None:
    """`$schema` chooses the draft; without it, it is 2020-12."""
    draft_7 = {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]}
    assert errors(draft_7, [1])
    assert errors({"prefixItems": [{"type": "string"}]}, [1])
    assert not errors({"$schema": "http://json-schema.org/draft-07/schema#", "prefixItems": [{"type": "string"}]}, [1])


# schema functions


async def later(controller: object) -> dict[str, Any]:
    return {}


class Later:
    async def __call__(self, controller: object) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(
    "function",
    [later, Later(), functools.partial(later), lambda controller: later(controller)],
    ids=["function", "object", "partial", "lambda"],
)
@pytest.mark.parametrize("place", ["method", "class", "sub-controller"])
def test_a_schema_function_does_not_wait(function: Any, place: str, recwarn: pytest.WarningsRecorder) -> None:
    """An `async def` is refused at `attach` by name; the coroutine that it gave is closed, so that nothing warns."""
    decorator = validate_payload(function)
    go = event_name("go")
    root: Any = type("Root", (SocketIOController,), {"go": go(decorator(lambda self: None))})
    where = "Root.go"
    if place == "class":
        root, where = decorator(type("Root", (SocketIOController,), {"go": go(lambda self: None)})), "Root"
    if place == "sub-controller":
        inner = type("Inner", (), {"go": go(decorator(lambda self: None))})
        root, where = type("Root", (SocketIOController,), {"sub_controllers": (inner,)}), "Inner.go"
    with pytest.raises(ConfigurationError) as caught:
        attach(root)
    words = f"The schema function of {where} failed with TypeError: it must be a def, not an async def"
    assert str(caught.value) == words
    gc.collect()
    assert not recwarn.list


@pytest.mark.parametrize("schema", ["object", '{"type": "object"}', "#/$defs/a", b"{}", None, [], 5])
@pytest.mark.parametrize("made_by", ["hand", "a function"])
def test_a_schema_is_a_dict_or_a_bool(schema: Any, made_by: str) -> None:
    """Text that looks like one, above all, is refused with what it is."""
    decorator = validate_payload(schema if made_by == "hand" else lambda controller: schema)
    root = type("Root", (SocketIOController,), {"go": event_name("go")(decorator(lambda self: None))})
    with pytest.raises(ConfigurationError) as caught:
        attach(root)
    assert str(caught.value) == f"Root.go has a wrong JSON Schema: it must be a dict or a bool, not {schema!r}."
    with pytest.raises(ConfigurationError, match="must be a dict or a bool"):
        SchemaValidator(schema)


# what a client can ask for


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"additionalProperties": False}, {str(number): 1 for number in range(50_000)}),
        ({"items": {"type": "string"}}, [0] * 200_000),
        ({"uniqueItems": True}, list(range(20_000)) * 2),
        ({"items": {"type": ["string", "null"]}}, [b"x"] * 5_000),
        ({"items": {"anyOf": [{"type": "string"}, {"minimum": 5}]}}, [1] * 50_000),
    ],
)
def test_the_work_and_the_answer_are_bounded(schema: Any, value: Any) -> None:
    """Whatever a client sends, it is looked at a few times and answered with a hundred errors at most."""
    assert 1 <= len(SchemaValidator(schema).errors(value)) <= 100


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"items": {"type": "number"}}, ["1"] * 200_000),
        (
            {"items": {"type": "object", "properties": {"a": {"default": 1}}, "additionalProperties": False}},
            [{"b": 1}] * 50_000,
        ),
        ({"additionalProperties": False}, {str(number): 1 for number in range(50_000)}),
        ({"items": {"anyOf": [{"type": "boolean"}, {"type": "null"}]}}, ["1"] * 100_000),
        ({"anyOf": [{"items": {"type": "boolean"}}, {"items": {"minimum": 5}}]}, [1] * 200_000),
        ({"contains": {"type": "boolean"}}, [5] * 100_000),
        ({"type": "number"}, "1" * 1_000_000),
        ({"type": "integer"}, "0x" + "1" * 1_000_000),
        ({"type": "number"}, " " * 1_000_000 + "x"),
    ],
)
def test_the_work_of_changing_is_bounded(schema: Any, value: Any) -> None:
    """A megabyte is changed and checked in about a second, whatever it is."""
    validator = SchemaValidator(schema, coerce_types=True, use_defaults=True, remove_additional=True)
    started = time.process_time()
    _, found = validator.check(value)
    assert len(found) <= 100
    assert len(validator.errors(value)) <= 100
    assert time.process_time() - started < 5


@pytest.mark.parametrize("levels", [1, 100, 150, 256, 900])
@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["array", "number"], "items": {"$ref": "#"}},
        {"anyOf": [{"type": "number"}, {"type": "array", "items": {"$ref": "#"}}]},
        {
            "oneOf": [{"$ref": "#/$defs/many"}, {"type": "number"}],
            "$defs": {"many": {"items": {"$ref": "#"}, "type": "array"}},
        },
        {"items": {"not": {"not": {"$ref": "#"}}}},
    ],
)
def test_deep_payloads_can_be_changed(schema: Any, levels: int) -> None:
    """What is too deep to look into is refused, and crashes nothing."""
    value: Any = 5
    for _ in range(levels):
        value = [value]
    changed, found = SchemaValidator(schema, coerce_types=True).check(value)
    assert found if changed != value else len(found) <= 1
    assert found == [] or levels > 100


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        {"allOf": [{"$ref": "#"}], "anyOf": [{"$ref": "#"}]},
    ],
)
def test_a_schema_that_leads_in_circles(schema: Any) -> None:
    """References that never come to an end ask nothing of a value."""
    assert SchemaValidator(schema, coerce_types=True).check(5) == (5, [])
    assert errors(schema, 5) == []


@pytest.mark.parametrize("keyword", ["$ref", "$schema"])
def test_nothing_is_fetched(keyword: str) -> None:
    """A schema that leads to an address is refused, and nobody is asked for it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/schema"
        with pytest.raises(ConfigurationError, match=r"^Here\.go has a wrong JSON Schema"):
            SchemaValidator({"properties": {"a": {keyword: address}}} | {keyword: address}, "Here.go")
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_no_file_is_read(tmp_path: Path) -> None:
    """A schema that leads to a file is refused, though the file is there and is a schema."""
    file = tmp_path / "schema.json"
    file.write_text("{}")
    with pytest.raises(ConfigurationError):
        SchemaValidator({"$ref": file.as_uri()})


def test_unmatched_references_are_refused() -> None:
    """References to nowhere are found when the schema is compiled, wherever they stand."""
    for nowhere in ("#/$defs/a", "#a", "other", "/absolute"):
        with pytest.raises(ConfigurationError):
            SchemaValidator({"properties": {"a": {"anyOf": [{"$ref": nowhere}]}}})


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"unevaluatedProperties": False}, {"a": 1}, "must NOT have unevaluated properties"),
        ({"prefixItems": [{}], "items": False}, [[1], [1]], "must NOT have more than 1 items"),
        ({"items": False}, [[1], [1]], "boolean schema is false"),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, "must have property b when property a is present"),
        ({"prefixItems": [{}, {}], "unevaluatedItems": False}, [1, 2, 3], "must NOT have more than 2 items"),
        ({"prefixItems": [{}]}, [], None),
        ({"items": {"not": {"type": "number"}}}, [1], "must NOT be valid"),
        ({"contains": {"type": "null"}}, [1], "must contain at least 1 valid item(s)"),
        ({"properties": {"items": False}}, {"items": 1}, "boolean schema is false"),
        ({"properties": {"type": {"type": "string"}}}, {"type": 1}, "must be string"),
        ({"oneOf": [{"type": "object"}, {"type": "array"}, {}]}, [], "must match exactly one schema in oneOf"),
        ({"propertyNames": {"maxLength": 0}}, {"a": 1}, "must NOT have more than 0 characters"),
    ],
)  # fmt: skip
def test_the_one_error_of_a_large_payload(schema: Any, value: Any, expected: str | None) -> None:
    """It is in Ajv's words, too."""
    large = {"properties": {"a": schema, "b": {"type": "string"}}}
    found = SchemaValidator(large).errors({"a": value, "b": "x" * LARGE})
    assert [each["message"] for each in found] == ([] if expected is None else [expected])


# large payloads with numbers for names


@pytest.mark.parametrize(
    ("schema", "value", "place"),
    [
        ({"properties": {"1": {"type": "number"}}}, {"1": "x"}, "/1"),
        ({"properties": {"1": {"enum": ["1"]}}}, {"1": "x"}, "/1"),
        ({"properties": {"1": {"anyOf": [{"type": "number"}, {"type": "null"}]}}}, {"1": "x"}, "/1"),
        ({"properties": {"1": {"properties": {"0": {"type": "null"}}}}}, {"1": {"0": "x"}}, "/1/0"),
        ({"properties": {"1": {"items": {"properties": {"2": {"type": "null"}}}}}}, {"1": [{"2": 5}]}, "/1/0/2"),
        ({"patternProperties": {"^[0-9]$": {"type": "number"}}}, {"1": "x"}, "/1"),
        ({"properties": {"a": {"additionalProperties": {"type": "number"}}}}, {"a": {"1": "x"}}, "/a/1"),
        ({"required": ["1"]}, {}, ""),
        ({"$defs": {"1": {"type": "number"}}, "properties": {"1": {"$ref": "#/$defs/1"}}}, {"1": "x"}, "/1"),
    ],
)
def test_names_that_are_numbers_in_a_large_payload(schema: Any, value: Any, place: str) -> None:
    """One error with its place: a property named by a number is no item of an array."""
    small = SchemaValidator(schema).errors(value)
    [found] = SchemaValidator(schema).errors({**value, "large": "y" * LARGE})
    assert found["instancePath"] == place
    assert found in small
    assert SchemaValidator(schema).errors({"large": "y" * LARGE}) == ([found] if place == "" else [])


# schemas that branch and refer to themselves


DEEPER = {"properties": {"a": {"$ref": "#"}}, "type": "object"}
BRANCHING: dict[str, Any] = {
    "anyOf": {"anyOf": [DEEPER, {**DEEPER, "required": ["a"]}, {"type": "null"}]},
    "oneOf": {"oneOf": [DEEPER, {**DEEPER, "required": ["a"]}, {"type": "null"}]},
    "if": {"if": DEEPER, "then": DEEPER, "else": DEEPER, "type": ["object", "null"]},
    "not": {"not": {"anyOf": [DEEPER, DEEPER]}},
    "both": {"anyOf": [{"oneOf": [DEEPER, DEEPER]}, {"oneOf": [DEEPER, {"type": "null"}]}]},
    "unevaluated": {"unevaluatedProperties": False, "anyOf": [DEEPER, DEEPER], "type": "object"},
}
SWITCHES: list[dict[str, Any]] = [
    {},
    {"coerce_types": True},
    {"coerce_types": True, "use_defaults": True, "remove_additional": True},
]


@pytest.mark.parametrize("kind", BRANCHING)
@pytest.mark.parametrize(
    ("switches", "end"),
    [({}, "x"), ({}, b"x"), (SWITCHES[1], None), (SWITCHES[2], "x")],
    ids=["errors", "errors of bytes", "coerced", "changed"],
)
def test_no_recursion_is_looked_at_without_end(
    kind: str, switches: dict[str, Any], end: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each level of the payload may double the work; it is given up after so many looks, with one error or none."""
    looks = 0
    visit = Validation.visit

    def counted(self: Validation, *args: Any, **named: Any) -> bool:
        nonlocal looks
        looks += 1
        return visit(self, *args, **named)

    monkeypatch.setattr(Validation, "visit", counted)
    value = end
    for _ in range(40):
        value = {"a": value}
    _, found = SchemaValidator(BRANCHING[kind], **switches).check(value)
    assert looks <= BUDGET + 1 + (CHANGES_BUDGET + 1 if switches else 0)
    assert len(found) <= 100


ITEM: dict[str, Any] = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "name": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
}
NODE: dict[str, Any] = {"properties": {"id": {"type": "integer"}, "below": {"items": {"$ref": "#/$defs/node"}}}}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"items": ITEM}, [{"id": 1, "name": None}] * 45_000),
        ({"items": {"$ref": "#/$defs/item"}, "$defs": {"item": ITEM}}, [{"id": 1, "name": None}] * 45_000),
        ({"$ref": "#/$defs/node", "$defs": {"node": NODE}}, {"id": 1, "below": [{"id": 1, "below": []}] * 46_000}),
    ],
    ids=["items", "items by reference", "tree"],
)
def test_a_megabyte_that_fits_is_not_given_up(schema: Any, value: Any) -> None:
    """With a switch on, all of a payload is looked at, and one of the greatest size that is read still fits."""
    assert len(json.dumps(value, separators=(",", ":"))) > 900_000
    assert SchemaValidator(schema, coerce_types=True).check(value) == (value, [])


@pytest.mark.parametrize(
    ("schema", "circular"),
    [
        ({"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "null"}}}, False),
        ({"items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": True}}, False),
        ({"items": {"$ref": "#"}}, True),
        (
            {
                "$ref": "#/$defs/a",
                "$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"not": {"$ref": "#/$defs/a"}}},
            },
            True,
        ),
        ({"properties": {"a": {"items": {"$ref": "#/properties/a"}}}}, True),
        ({"items": {"$dynamicRef": "#n"}, "$defs": {"n": {"$dynamicAnchor": "n"}}}, True),
        ({"items": {"$ref": "urn:x"}, "$defs": {"x": {"$id": "urn:x", "items": {"$ref": "#"}}}}, True),
    ],
)
def test_only_what_refers_to_itself_is_circular(schema: Any, circular: bool) -> None:
    """Only there can a payload make a schema look at it again and again."""
    assert Document(schema).is_circular is circular


@pytest.mark.parametrize("switches", SWITCHES[:2], ids=["errors", "coerced"])
@pytest.mark.parametrize("kind", ["anyOf", "oneOf"])
def test_what_takes_too_long_has_one_error(kind: str, switches: dict[str, Any]) -> None:
    """The keyword `schema` stands for whatever there may be; the value is given back as it came."""
    value: Any = "x"
    for _ in range(40):
        value = {"a": value}
    given, found = SchemaValidator(BRANCHING[kind], **switches).check(value)
    assert given is value
    assert found == [error("", "#/schema", {}, "must fit the schema") | {"schemaPath": "#"}]


def test_what_does_not_branch_has_its_own_errors_at_any_depth() -> None:
    """The bound is one of work, and not of depth."""
    schema = {"properties": {"a": {"$ref": "#"}}, "type": ["object", "null"]}
    value: Any = "x"
    for _ in range(40):
        value = {"a": value}
    for switches in SWITCHES:
        [found] = SchemaValidator(schema, **switches).check(value)[1]
        assert (found["instancePath"], found["message"]) == ("/a" * 40, "must be object,null")
