"""Payloads of a declared type: what is converted, what is refused and how, and what no payload can be."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import enum
import json
import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar

import msgspec
import pydantic
import pytest
import typing_extensions
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
    WebsocketErrorResponse,
    WebsocketResponse,
    event_name,
    websocket_hook,
)
from whinny.framework import converter_for

if TYPE_CHECKING:
    from fractions import Fraction

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"


class Item(msgspec.Struct):
    name: str
    price: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    picture: bytes = b""


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    name: str


class Circle(msgspec.Struct, tag=True):
    radius: int


class Square(msgspec.Struct, tag=True):
    side: int


class Circular(msgspec.Struct, tag=True):
    inner: Circular | Square | None = None


class Left(msgspec.Struct):
    left: int


class Right(msgspec.Struct):
    right: int


class Page(msgspec.Struct, Generic[T]):
    items: list[T]


@dataclasses.dataclass
class Order:
    items: list[Item]
    note: str | None = None


@dataclasses.dataclass
class Checked:
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")


class Address(TypedDict):
    street: str
    number: NotRequired[int]


class Point(NamedTuple):
    x: int
    y: int = 0


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    name: str = pydantic.Field(min_length=2)
    count: int = pydantic.Field(default=5, gt=3)
    inner: Model | None = None
    numbers: list[int] = []
    either: int | str | None = None
    letter: Literal["a", "b"] = "a"
    code: str = pydantic.Field(default="x", pattern="^[a-z]+$", serialization_alias="kode")

    @pydantic.field_validator("name")
    @classmethod
    def check(cls, name: str) -> str:
        if name == "bad":
            raise ValueError("that name is bad")
        return name


class Formats(pydantic.BaseModel):
    when: datetime.datetime
    id: uuid.UUID
    url: pydantic.HttpUrl
    raw: bytes


class Unfinished(pydantic.BaseModel):
    missing: Missing  # type: ignore[name-defined]  # noqa: F821


class WithMeta(pydantic.BaseModel):
    name: Annotated[str, msgspec.Meta(min_length=3)]


class WithField(msgspec.Struct):
    price: pydantic.PositiveInt


@dataclasses.dataclass
class Both:
    name: Annotated[str, msgspec.Meta(min_length=3)]
    model: Model


@dataclasses.dataclass
class Mistaken:
    low: int
    high: int | None = None

    def __post_init__(self) -> None:
        self.low + self.high  # type: ignore[operator]


Alias = typing_extensions.TypeAliasType("Alias", list[int])


@pydantic.dataclasses.dataclass
class PydanticPoint:
    x: int


@dataclasses.dataclass
class WithModel:
    model: Model


ID = uuid.UUID("12345678-1234-5678-1234-567812345678")


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (str, "a", "a"),
        (str, "\ud800", "\ud800"),
        (int, 5, 5),
        (int, 5.0, 5),
        (list[dict[str, int]], [{"a": 1.0}], [{"a": 1}]),
        (float, 5, 5.0),
        (bool, True, True),
        (None, None, None),
        (bytes, b"x", b"x"),
        (bytes | None, None, None),
        (bytes | str, b"x", b"x"),
        (bytes | str, "aGk=", "aGk="),
        (list, [1, b"x"], [1, b"x"]),
        (list[int], [1], [1]),
        (list[int] | list[str], ["a"], ["a"]),
        (tuple[int, str], [1, "a"], (1, "a")),
        (set[int], [1, 1], {1}),
        (dict, {"a": [b"x"]}, {"a": [b"x"]}),
        (dict[str, Any], {"a": [b"x", None]}, {"a": [b"x", None]}),
        (dict[int, str], {"1": "a"}, {1: "a"}),
        (Mapping[str, int], {"a": 1}, {"a": 1}),
        (str | int | None, 3, 3),
        (Literal["a", 1], "a", "a"),
        (Colour, "red", Colour.RED),
        (datetime.date, "2026-01-31", datetime.date(2026, 1, 31)),
        (uuid.UUID, str(ID), ID),
        (Decimal, "1.50", Decimal("1.50")),
        (Item, {"name": "a", "price": 2, "picture": b"x", "more": 1}, Item("a", 2.0, b"x")),
        (Circle | Square, {"type": "Square", "side": 2}, Square(2)),
        (Left | Right, {"right": 1}, Right(1)),
        (Page[int], {"items": [1]}, Page([1])),
        (Order, {"items": [{"name": "a"}]}, Order([Item("a")])),
        (Address, {"street": "a", "more": 1}, {"street": "a"}),
        (Point, [1], Point(1, 0)),
        (Annotated[int, msgspec.Meta(ge=1)], 1, 1),
        (Model, {"name": "ab", "count": "7"}, Model(name="ab", count=7)),
        (list[Model], [{"name": "ab"}], [Model(name="ab")]),
        (Model | None, None, None),
        (PydanticPoint, {"x": 1}, PydanticPoint(1)),
        (WithModel, {"model": {"name": "ab"}}, WithModel(Model(name="ab"))),
        (bytearray, b"x", bytearray(b"x")),
        (dict[str, object], {"a": [1, b"x"]}, {"a": [1, b"x"]}),
        (list[object], [1, None], [1, None]),
        (Alias, [1], [1]),
        (pydantic.PositiveInt, 1, 1),
    ],
)
def test_what_fits_is_converted(annotation: Any, value: Any, expected: Any) -> None:
    """Every kind of type gets its own values, in its own form."""
    convert = converter_for(annotation, "Controller.method")
    assert convert is not None
    converted = convert(value)
    assert converted[1] == []
    assert converted[0] == expected
    assert type(converted[0]) is type(expected)


def brief(annotation: Any, value: Any) -> list[tuple[str, str, str]]:
    """The errors of a value: where, keyword, message. All of them can be sent."""
    convert = converter_for(annotation, "Controller.method")
    assert convert is not None
    errors = convert(value)[1]
    json.dumps(errors)
    for error in errors:
        assert sorted(error) == ["instancePath", "keyword", "message", "params", "schemaPath"]
        assert error["schemaPath"].startswith("#")
    return sorted((error["instancePath"], error["keyword"], error["message"]) for error in errors)


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (str, 1, [("", "type", "must be string")]),
        (str, b"x", [("", "type", "must be string")]),
        (int, "5", [("", "type", "must be integer")]),
        (int, True, [("", "type", "must be integer")]),
        (int, 5.5, [("", "type", "must be integer")]),
        (bytes, "aGk=", [("", "type", "must be binary")]),
        (bytes | None, 3, [("", "type", "must be binary,null")]),
        (dict, [], [("", "type", "must be object")]),
        (
            dict[str, int],
            {"a": "x", "b": b"x"},
            [("/a", "type", "must be integer"), ("/b", "type", "must be integer")],
        ),
        (Literal["a"], "\ud800", [("", "enum", "must be equal to one of the allowed values")]),
        (Colour, "blue", [("", "enum", "must be equal to one of the allowed values")]),
        (datetime.date, "soon", [("", "format", 'must match format "date"')]),
        (
            Item,
            {"name": 1, "price": -1},
            [("/name", "type", "must be string"), ("/price", "exclusiveMinimum", "must be > 0")],
        ),
        (Item, {"name": "a", "picture": "text"}, [("/picture", "type", "must be binary")]),
        (Item, None, [("", "type", "must be object")]),
        (Strict, {"name": "a", "b/c": 1}, [("", "additionalProperties", "must NOT have additional properties")]),
        (
            Order,
            {"items": [{"name": "a"}, {"price": 0}]},
            [
                ("/items/1", "required", "must have required property 'name'"),
                ("/items/1/price", "exclusiveMinimum", "must be > 0"),
            ],
        ),
        (Checked, {"low": 2, "high": 1}, [("", "value_error", "low is above high")]),
        (bytearray, "eA==", [("", "type", "must be binary")]),
        (dict[str, dict[str, bytes]], {"a": {"b": "c"}}, [("", "type", "must be binary")]),
        (dict[int, str], {"a": "b"}, [("", "propertyNames", "property name must be valid")]),
        (datetime.datetime, "soon", [("", "format", 'must match format "date-time"')]),
        (list[datetime.time], ["soon"], [("/0", "format", 'must match format "time"')]),
        (Address, {}, [("", "required", "must have required property 'street'")]),
        (Point, {"x": 1}, [("", "type", "must be array")]),
        (Model, None, [("", "type", "must be object")]),
        (Model, {}, [("", "required", "must have required property 'name'")]),
        (
            Model,
            {"name": "a", "count": 1, "numbers": [1, "x"], "code": "A", "more": 1},
            [
                ("", "additionalProperties", "must NOT have additional properties"),
                ("/code", "pattern", 'must match pattern "^[a-z]+$"'),
                ("/count", "exclusiveMinimum", "must be > 3"),
                ("/name", "minLength", "must NOT have fewer than 2 characters"),
                ("/numbers/1", "type", "must be integer"),
            ],
        ),
        (Model, {"name": "bad"}, [("/name", "value_error", "Value error, that name is bad")]),
        (Model, {"name": "ab", "letter": "c"}, [("/letter", "enum", "must be equal to one of the allowed values")]),
        (
            Model,
            {"name": "ab", "either": []},
            [("/either", "type", "must be integer"), ("/either", "type", "must be string")],
        ),
        (
            Model,
            {"name": "ab", "inner": {"count": "x"}},
            [("/inner", "required", "must have required property 'name'"), ("/inner/count", "type", "must be integer")],
        ),
        (list[Model], [{"name": "ab"}, 3], [("/1", "type", "must be object")]),
        (pydantic.PositiveInt, -1, [("", "exclusiveMinimum", "must be > 0")]),
        (list[Annotated[int, pydantic.Field(le=3)]], [4], [("/0", "maximum", "must be <= 3")]),
        (
            Formats,
            {"when": "x", "id": "x", "url": "x", "raw": 1},
            [
                ("/id", "format", 'must match format "uuid"'),
                ("/raw", "type", "must be binary"),
                ("/url", "format", 'must match format "uri"'),
                ("/when", "format", 'must match format "date-time"'),
            ],
        ),
    ],
)
def test_what_does_not_fit_is_told_in_ajvs_shape(annotation: Any, value: Any, expected: Any) -> None:
    """All errors, at their places, under Ajv's keywords where there are such."""
    assert brief(annotation, value) == expected


def test_pydantics_errors_name_where_the_schema_says_it() -> None:
    """The path in the schema leads through properties and items."""
    convert = converter_for(Model, "Controller.method")
    assert convert is not None
    errors = convert({"name": "ab", "numbers": ["x"], "inner": {"name": "ab", "b~/c": 1}})[1]
    assert sorted(error["schemaPath"] for error in errors) == [
        "#/properties/inner/additionalProperties",
        "#/properties/numbers/items/type",
    ]


def test_errors_are_bounded() -> None:
    """A client cannot ask for an answer without end."""
    for annotation in (list[int], list[Annotated[int, pydantic.Field(gt=3)]], list[Model]):
        convert = converter_for(annotation, "Controller.method")
        assert convert is not None
        assert 1 <= len(convert(["x"] * 1000)[1]) <= 100


@pytest.mark.parametrize("annotation", [Any, object])
def test_some_types_ask_for_nothing(annotation: Any) -> None:
    """Nothing is converted then."""
    assert converter_for(annotation, "Controller.method") is None


@given(values)
@pytest.mark.parametrize(
    "annotation", [Item, Order, Address, Model, Circle | Square, dict[str, int], bytes | str, Colour]
)
def test_no_payload_crashes(annotation: Any, value: Any) -> None:
    """Whatever a client sends is converted or refused, and is not changed."""
    convert = converter_for(annotation, "Controller.method")
    assert convert is not None
    before = repr(value)
    converted = convert(value)
    assert isinstance(converted[1], list)
    assert repr(value) == before


class NoData:
    pass


@pytest.mark.parametrize(
    "annotation",
    [NoData, list[NoData], Iterable[int], type, Left | dict[str, Any] | NoData, "no type", 3, Unfinished],
)
def test_types_that_no_payload_can_have_are_refused(annotation: Any) -> None:
    """The method is named, and what may be used instead."""
    with pytest.raises(ConfigurationError, match=r"^Controller\.method takes a payload of the type .* dataclass"):
        converter_for(annotation, "Controller.method")


@pytest.mark.parametrize("annotation", [WithMeta, WithField, Both, Item | Model])
def test_what_neither_library_would_check_is_refused(annotation: Any) -> None:
    """A constraint of the one in a type of the other would pass everything without a word."""
    with pytest.raises(ConfigurationError, match=r"^Controller\.method .* mixes what pydantic checks with msgspec's"):
        converter_for(annotation, "Controller.method")


@pytest.mark.parametrize("annotation", [T, list[T]])
def test_a_type_variable_that_stands_for_nothing_is_refused(annotation: Any) -> None:
    """Nobody could say what fits."""
    with pytest.raises(ConfigurationError, match=r"^Controller\.method .* type variable"):
        converter_for(annotation, "Controller.method")


def test_a_mistake_in_a_type_is_no_error_of_the_payload() -> None:
    """A TypeError in `__post_init__` goes the way of all errors of the app."""
    convert = converter_for(Mistaken, "Controller.method")
    assert convert is not None
    with pytest.raises(TypeError, match="unsupported operand"):
        convert({"low": 1})


def test_branching_types_cannot_be_made_to_take_long() -> None:
    """A small payload that goes deep into a union which refers to itself is refused soon."""
    convert = converter_for(Circular | Square, "Controller.method")
    assert convert is not None
    value: Any = 3
    for _ in range(200):
        value = {"type": "Circular", "inner": value}
    assert [error["keyword"] for error in convert(value)[1]] == ["schema"]


class Base(SocketIOController, Generic[T]):
    @event_name("go")
    def go(self, ctx: WebsocketContext, payload: list[T]) -> WebsocketResponse:
        return WebsocketResponse(payload)


class OfInt(Base[int]):
    pass


@in_fake_time
async def test_a_generic_base_class_takes_the_type_of_its_child() -> None:
    """The child's type argument counts; where there is none, the method is refused."""
    client = FakeClient(attach(OfInt))
    client.connect()
    client.emit("go", ["x"], ack_id=0)
    client.emit("go", [1], ack_id=1)
    acks = client.acks()
    assert acks[0]["error"]["payload"][0]["message"] == "must be integer"
    assert acks[1] == {"status": "ok", "data": [1]}
    with pytest.raises(ConfigurationError, match=r"Base\.go .*type variable"):
        ServiceManager(Settings()).get(Base).attach()


# in a controller


seen: list[Any] = []


def note_payload(ctx: WebsocketContext, services: ServiceManager) -> None:
    seen.append(ctx.payload)


class Controller(SocketIOController):
    @event_name("order")
    @websocket_hook(note_payload)
    async def order(self, ctx: WebsocketContext, payload: Order, *more: Any) -> WebsocketResponse:
        seen.append(payload)
        return WebsocketResponse([payload.items[0].name, *more])

    @event_name("default")
    def default(self, ctx: WebsocketContext, payload: int = 7) -> WebsocketResponse:
        return WebsocketResponse(payload)

    @event_name("anything")
    def anything(self, ctx: WebsocketContext, payload: Any) -> WebsocketResponse:
        return WebsocketResponse(payload is ctx.payload)


@in_fake_time
async def test_hooks_see_it_raw_and_the_method_converted() -> None:
    """The conversion is between hooks and method; what does not fit never reaches the method."""
    client = FakeClient(attach(Controller))
    client.connect()
    seen.clear()
    raw = {"items": [{"name": "a"}]}
    client.emit("order", raw, 2, b"3", ack_id=0)
    client.emit("order", {"items": [{}]}, ack_id=1)
    client.emit("default", ack_id=2)
    client.emit("default", None, ack_id=3)
    client.emit("anything", {"a": [1]}, ack_id=4)
    await asyncio.sleep(1)
    acks = client.acks()
    assert acks[0] == {"status": "ok", "data": ["a", 2, b"3"]}
    assert acks[1]["error"]["code"] == "VALIDATION_PAYLOAD_ERROR"
    assert acks[1]["error"]["payload"][0]["instancePath"] == "/items/0"
    assert acks[2] == {"status": "ok", "data": 7}
    assert acks[3]["error"]["payload"][0]["message"] == "must be integer"
    assert acks[4] == {"status": "ok", "data": True}
    assert seen == [raw, Order([Item("a")]), {"items": [{}]}]


@in_fake_time
async def test_post_functions_see_the_refusal() -> None:
    """A payload that does not fit is an answer like any other."""
    answers: list[Any] = []

    def collect(ctx: WebsocketContext, services: ServiceManager) -> Any:
        return answers.append

    class Refusing(SocketIOController):
        @event_name("go")
        @websocket_hook(collect)
        def go(self, ctx: WebsocketContext, payload: int) -> None: ...

    client = FakeClient(attach(Refusing))
    client.connect()
    client.emit("go", "x")
    assert [type(answer) for answer in answers] == [WebsocketErrorResponse]


def test_hints_that_cannot_be_resolved_are_refused() -> None:
    """What is imported for type checkers alone is not there when the program runs; the error says so."""

    class Unresolved(SocketIOController):
        @event_name("go")
        def go(self, ctx: WebsocketContext, payload: Fraction) -> None: ...

    with pytest.raises(ConfigurationError, match=r"Unresolved\.go .*Fraction.*TYPE_CHECKING"):
        ServiceManager(Settings()).get(Unresolved).attach()


def test_only_the_payloads_hint_is_resolved() -> None:
    """Others may name what is there for type checkers alone."""

    class Lenient(SocketIOController):
        @event_name("go")
        def go(self, ctx: WebsocketContext[Fraction], payload: int) -> Fraction | None: ...  # type: ignore[type-var]

    ServiceManager(Settings()).get(Lenient).attach()
