"""Payloads that are decoded straight into their type: nobody can tell them from those that are converted."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import enum
import json
import uuid
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
import pydantic
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unit.apps import attach
from unit.clock import in_fake_time, run
from unit.fakes import FakeClient
from unit.strategies import json_values
from whinny import ServerOptions, SocketIOController, WebsocketContext, WebsocketResponse, event_name, websocket_hook
from whinny.errors import ProtocolError
from whinny.framework import converter_for, straight_decoder_for
from whinny.protocol import decode_json
from whinny.websocket.typed import TypedContext


class Colour(enum.Enum):
    RED = "a"


class Point(msgspec.Struct):
    a: int
    b: float = 1.5
    n: Any = None


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    a: Annotated[int, msgspec.Meta(ge=1)]
    points_of: list[Point] = []


class Circle(msgspec.Struct, tag="a"):
    n: int


class Square(msgspec.Struct, tag="b"):
    n: str


class Row(msgspec.Struct, array_like=True):
    a: int
    b: str = "b"


@dataclasses.dataclass
class Plain:
    a: int
    b: list[float] = dataclasses.field(default_factory=list)


class Table(TypedDict):
    a: int
    b: NotRequired[str]


TYPES: list[Any] = [
    int, float, str, bool, None, list, dict, int | float, float | None, int | str | None, list[int | float], set[int],
    tuple[int, str], tuple[int, ...], dict[str, int], dict[str, Any], dict[int, str], dict[float, int], Literal["a", 1],
    Colour, dict[Colour, int], dict[int | str, int], dict[bool, int], dict[datetime.date, int],
    uuid.UUID, datetime.datetime, datetime.date, datetime.time, datetime.timedelta,
    Annotated[str, msgspec.Meta(pattern="^a", max_length=2)], Annotated[float, msgspec.Meta(multiple_of=0.5)],
    Point, Strict, Circle | Square, Row, Plain, Table, list[Point], dict[str, Plain], Point | None,
]  # fmt: skip


# JSON as clients may write it, not only as json.dumps does

numbers = st.sampled_from(
    ["0", "1", "2", "-1", "1.0", "-0", "-0.0", "1.5", "1e2", "1E2", "1e400", "4.35", "1.10", "9007199254740993",
     "9223372036854775808", "18446744073709551616", "-9223372036854775809", "123456789012345678901234567890.5"]
)  # fmt: skip
strings = st.sampled_from(
    ["a", "b", "1", "1.0", "true", "n", "\\u0061", "\\ud83d\\ude00", "\\ud800", "\\n", "é", "2020-01-01", "10:00:00",
     "2020-01-01T00:00:00Z", "2020-01-01T00:00:00.123456789+02:00", "PT1S", "12345678-1234-5678-1234-567812345678"]
).map(lambda text: f'"{text}"')  # fmt: skip
keys = st.sampled_from(["a", "b", "n", "type", "pointsOf", "\\u0061", "1", "1.0", "z"]).map(lambda key: f'"{key}"')
texts = st.recursive(
    numbers | strings | st.sampled_from(["true", "false", "null"]),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(keys, inner).map(":".join), max_size=4).map(lambda items: f"{{{','.join(items)}}}")
    ),
    max_leaves=10,
)


@given(texts)
@example('{"a":1,"a":2}')
@example('{"a":1,"z":1e400}')
@example('{"type":"a","n":1}')
@example('{"n":1,"type":"a"}')
@example('{"a":1.0,"b":1}')
@example('{"a":1,"n":{"z":[1.0,"\\ud83d\\ude00"]}}')
def test_what_is_decoded_straight_is_what_conversion_gives(text: str) -> None:
    """For each type: where the straight way gives a value, decoding and converting gives the same."""
    for annotation in TYPES:
        convert = converter_for(annotation, "Controller.method")
        decode = straight_decoder_for(annotation)
        assert convert is not None
        assert decode is not None
        try:
            name, value = decode(f'["go",{text}]')
        except (msgspec.DecodeError, UnicodeEncodeError):
            continue
        assert name == "go"
        converted = convert(decode_json(text))
        assert not converted[1]
        assert repr(converted[0]) == repr(value)


class Late(msgspec.Struct):
    a: int

    def __post_init__(self) -> None:
        raise AssertionError("the code of an app ran while an event was decoded")


class LateInside(msgspec.Struct):
    a: dict[str, list[Late]]


class Made(msgspec.Struct):
    a: str = msgspec.field(default_factory=lambda: str(uuid.uuid4()))


@dataclasses.dataclass
class LatePlain:
    a: int

    def __post_init__(self) -> None: ...


class Asking(enum.Enum):
    RED = "red"

    @classmethod
    def _missing_(cls, value: object) -> Asking:
        return cls.RED


class Model(pydantic.BaseModel):
    a: int


@pytest.mark.parametrize(
    "annotation",
    [
        Any, object, list[object], bytes, bytearray, memoryview, dict[str, bytes], Decimal, list[Decimal], msgspec.Raw,
        Late, LateInside, list[LatePlain], Made, Asking, Model, Annotated[int, pydantic.Field(gt=3)], Row | Strict,
    ],
)  # fmt: skip
def test_types_with_which_it_is_not_certain_are_converted(annotation: Any) -> None:
    """msgspec reads base64 from JSON for binary data; and code of the app runs in the event, not before it."""
    assert straight_decoder_for(annotation) is None


# events


def nothing(ctx: WebsocketContext, services: object) -> None:
    """A hook, before which a payload is not converted."""


def described(ctx: WebsocketContext, payload: object) -> WebsocketResponse:
    return WebsocketResponse([repr(payload), ctx.payload, ctx.args, ctx.args[0] is ctx.payload, repr(ctx)])


class Straight(SocketIOController):
    """Nothing stands between these events and their methods."""

    @event_name("point")
    def point(self, ctx: WebsocketContext, payload: Point) -> WebsocketResponse:
        return WebsocketResponse([repr(payload), ctx.payload, ctx.args, ctx.args[0] is ctx.payload, repr(ctx)])

    @event_name("default")
    async def default(self, ctx: WebsocketContext, payload: int = 7, *more: Any) -> WebsocketResponse:
        return WebsocketResponse([payload, more, ctx.payload, ctx.args])

    @event_name("fails")
    def fails(self, ctx: WebsocketContext, payload: Strict) -> WebsocketResponse:
        raise LookupError

    def handle_error(self, error: Exception, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse([type(error).__name__, ctx.payload, ctx.args])


@websocket_hook(lambda ctx, services: None)
class Hooked(Straight):
    """The same events behind a hook: their payloads are converted."""


async def told(controller: type[SocketIOController], message: str) -> tuple[list[Any], str, int | None]:
    """What a client is sent after this message, and how its connection is."""
    client = FakeClient(attach(controller))
    client.connect()
    client.transport.frames.clear()
    client.connection.receive("4" + message)
    await asyncio.sleep(1)
    client.transport.flush()
    return client.transport.frames, client.connection.state, client.transport.close_code


@given(
    st.sampled_from(["point", "default", "fails"]),
    st.lists(texts, max_size=2).map(",".join) | json_values.map(json.dumps),
    st.sampled_from(["", "", "", " ", "]", ",", "x", '"']),
)
@example("point", '{"a":1,"z":2}', "")
@example("point", '{"a":"1"}', "")
@example("point", '{"a":1,"z":"\\x"}', "")
@example("point", f'{{"a":1,"z":{"9" * 5000}}}', "")
@example("point", f'{{"a":1,"z":{"[" * 255}{"]" * 255}}}', "")
@example("point", f'{{"a":1,"z":{"[" * 254}{"]" * 254}}}', "")
@example("default", "1.0", "")
@example("default", "", "")
@example("default", "1,2", "")
@example("fails", '{"a":0}', "")
@example("fails", '{"a":1}', "")
def test_nobody_can_tell(event: str, args: str, slip: str) -> None:
    """Answer, errors, the raw values in the context and the end of a connection are those behind a hook."""
    comma = "," if args else ""
    message = f'27["{event}"{comma}{args}{slip}]'
    assert run(told(Straight, message)) == run(told(Hooked, message))


@in_fake_time
async def test_attachments_go_the_way_of_all() -> None:
    """A binary event is decoded when its attachments are there."""
    client = FakeClient(attach(Straight))
    client.connect()
    client.emit("point", {"a": 1, "n": b"x"}, ack_id=1)
    assert client.acks()[1]["data"][1] == {"a": 1, "n": b"x"}


class Looking(SocketIOController):
    """A method that changes what its context holds."""

    @event_name("go")
    def go(self, ctx: WebsocketContext, payload: Point) -> WebsocketResponse:
        assert isinstance(ctx, TypedContext)
        with pytest.raises(AttributeError, match="'TypedContext' object has no attribute 'paylaod'"):
            ctx.paylaod  # noqa: B018
        ctx.payload = "changed"
        assert ctx.args == ({"a": 1, "z": []},)
        ctx.args[0]["z"].append(ctx.payload)
        return WebsocketResponse([ctx.args, ctx.payload, payload.a])

    @event_name("odd\nname")
    def odd(self, ctx: WebsocketContext, payload: Point) -> WebsocketResponse:
        return WebsocketResponse(type(ctx) is WebsocketContext and payload.a)


@in_fake_time
async def test_a_context_can_be_changed() -> None:
    """What the method puts there stays, and what it has not touched is what the client has sent."""
    client = FakeClient(attach(Looking))
    client.connect()
    client.emit("go", {"a": 1, "z": []}, ack_id=1)
    client.emit("odd\nname", {"a": 5}, ack_id=2)
    assert {number: answer["data"] for number, answer in client.acks().items()} == {
        1: [[{"a": 1, "z": ["changed"]}], "changed", 1],
        2: 5,
    }


@in_fake_time
async def test_kept_events_are_typed_too() -> None:
    """An event that waits for others is decoded when it comes, and runs later."""
    client = FakeClient(attach(type("Root", (Straight,), {"options": ServerOptions(max_concurrent_events=1)})))
    client.connect()
    for number in range(3):
        client.emit("default", number, ack_id=number)
    await asyncio.sleep(1)
    assert {number: answer["data"][0] for number, answer in client.acks().items()} == {0: 0, 1: 1, 2: 2}


def test_a_refused_number_is_refused() -> None:
    """An integer that Python does not read is no JSON here, also where the type has no field for it."""
    with pytest.raises(ProtocolError):
        decode_json("9" * 5000)


@pytest.mark.parametrize("name", ["\ud800", "größe", 'a"b', "a\\b"])
def test_names_that_json_writes_otherwise_are_attached_all_the_same(name: str) -> None:
    """Their events go the general way."""

    class Root(SocketIOController):
        @event_name(name)
        def handle(self, ctx: WebsocketContext, payload: list[int]) -> None:
            pass

    attach(Root)
