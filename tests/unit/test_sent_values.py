"""What answers and emits may hold: models, dataclasses and Structs, inside of one another, with binary data in them."""

from __future__ import annotations

import asyncio
import datetime
import json
import uuid
from base64 import b64encode
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import pydantic
import pytest
from pydantic.dataclasses import dataclass as pydantic_dataclass

from http_controllers.apps import ask
from unit.apps import attach
from unit.clock import in_fake_time, turns
from unit.fakes import FakeClient
from whinny import (
    ConnectionRefused,
    EncodeError,
    SocketIOController,
    WebsocketContext,
    WebsocketErrorResponse,
    WebsocketResponse,
    event_name,
)
from whinny.http import HttpResponseOK, get
from whinny.protocol import ConnectError


class Photo(pydantic.BaseModel):
    """A model with an alias, a time and binary data."""

    taken: datetime.datetime
    content: bytes
    file_name: str = pydantic.Field(alias="fileName")


class Album(pydantic.BaseModel):
    """A model of models."""

    cover: Photo
    photos: list[Photo]
    by_name: dict[str, Photo]
    id: uuid.UUID = uuid.UUID(int=5)
    price: Decimal = Decimal("1.5")


class Numbers(pydantic.RootModel[list[int]]):
    """A model that is a list."""


class Computed(pydantic.BaseModel):
    """A model that says itself how it is written."""

    number: int
    secret: str = pydantic.Field(default="secret", exclude=True)

    @pydantic.field_serializer("number")
    def write(self, number: int) -> str:
        return f"<{number}>"

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def twice(self) -> int:
        return self.number * 2


@pydantic_dataclass
class Checked:
    """A dataclass of pydantic's."""

    number: int
    content: bytes = b"\xff"


@dataclass
class Order:
    """A dataclass with defaults of both kinds."""

    name: str
    count: int = 2
    notes: list[str] = field(default_factory=list)
    photo: Photo | None = None


@dataclass(slots=True)
class Slotted:
    """One with slots."""

    count: int = 1


class Frame(msgspec.Struct):
    """A Struct around a model."""

    photo: Photo
    width: int = 5


class Pair(NamedTuple):
    """A tuple with a model in it."""

    number: int
    photo: Photo


class Markup(str):
    """A text that knows more of itself."""

    __slots__ = ()


class Count(int):
    """An integer of a class of its own."""


class Share(float):
    """So is this number."""


PHOTO = Photo(taken=datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC), content=b"\xff\0", fileName="x.png")
SENT = {"taken": "2020-01-02T00:00:00Z", "content": b"\xff\0", "fileName": "x.png"}
ALBUM = Album(cover=PHOTO, photos=[PHOTO], by_name={"x": PHOTO})
ORDER = {"name": "a", "count": 2, "notes": [], "photo": None}

VALUES: list[tuple[Any, Any]] = [
    (PHOTO, SENT),
    ([PHOTO, (PHOTO,)], [SENT, [SENT]]),
    ({"a": {"b": [PHOTO]}}, {"a": {"b": [SENT]}}),
    (
        ALBUM,
        {
            "cover": SENT,
            "photos": [SENT],
            "by_name": {"x": SENT},
            "id": "00000000-0000-0000-0000-000000000005",
            "price": "1.5",
        },
    ),
    (Numbers([1, 2]), [1, 2]),
    (Computed(number=3), {"number": "<3>", "twice": 6}),
    (Checked(1), {"number": 1, "content": b"\xff"}),
    (Frame(PHOTO), {"photo": SENT, "width": 5}),
    ([{"a": Frame(PHOTO)}], [{"a": {"photo": SENT, "width": 5}}]),
    (Pair(1, PHOTO), [1, SENT]),
    (Order("a"), ORDER),
    (Order("a", photo=PHOTO), {**ORDER, "photo": SENT}),
    (msgspec.convert({"name": "a"}, Order), ORDER),
    ([msgspec.convert({"name": "a"}, Order)], [ORDER]),
    ({"x": {"y": msgspec.convert({"name": "a"}, Order)}}, {"x": {"y": ORDER}}),
    (msgspec.convert({}, Slotted), {"count": 1}),
    ({"a": Markup("x")}, {"a": "x"}),
    ([Count(3), {"b": Share(1.5)}], [3, {"b": 1.5}]),
    ([bytearray(b"a"), memoryview(b"abcd")[::2]], [b"a", b"ac"]),
    ({"order": msgspec.convert({"name": "a"}, Order), "half": "\ud800"}, {"order": ORDER, "half": "\ud800"}),
]
NAMES = [type(value).__name__ for value, _ in VALUES]


def sending(value: Any) -> type[SocketIOController]:
    """A root that sends this in every way."""

    class Root(SocketIOController):
        @event_name("answer")
        def answer(self) -> WebsocketResponse:
            return WebsocketResponse(value)

        @event_name("error")
        async def error(self) -> WebsocketErrorResponse:
            return WebsocketErrorResponse({"details": value})

        @event_name("emit")
        def emit(self, ctx: WebsocketContext) -> None:
            ctx.socket.emit("event", value)
            ctx.socket.namespace.emit("to all", [value])

        @event_name("ask")
        async def ask(self, ctx: WebsocketContext) -> None:
            await ctx.socket.emit_with_ack("question", value, timeout=1)

    return Root


@pytest.mark.parametrize(("value", "received"), VALUES, ids=NAMES)
@in_fake_time
async def test_models_and_dataclasses_are_sent_whole(value: Any, received: Any) -> None:
    """In answers, errors, emits, broadcasts and questions: by alias, with all fields, binary data as such."""
    client = FakeClient(attach(sending(value)))
    client.connect()
    client.emit("answer", ack_id=1)
    client.emit("error", ack_id=2)
    await turns()
    assert client.acks() == {
        1: {"status": "ok", "data": received},
        2: {"status": "error", "error": {"details": received}},
    }
    client.emit("emit")
    client.emit("ask")
    await turns()
    assert client.events() == [["event", received], ["to all", [received]], ["question", received]]


def answering(value: Any) -> type:
    """A root of HTTP controllers that answers with this."""
    return type("Root", (), {"go": get("/")(lambda self: HttpResponseOK(value))})


def without_binary(value: Any) -> Any:
    """What there is over HTTP in place of binary data: base64."""
    return json.loads(json.dumps(value, default=lambda data: b64encode(data).decode()))


@pytest.mark.parametrize(("value", "received"), VALUES, ids=NAMES)
async def test_http_responses_hold_the_same(value: Any, received: Any) -> None:
    """They are prepared as what is sent to sockets is."""
    answer = await ask(answering(value))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == without_binary(received)


class Echo(SocketIOController):
    """Answers with the payload that came."""

    @event_name("dataclass")
    def dataclass(self, ctx: WebsocketContext, payload: Order) -> WebsocketResponse:
        return WebsocketResponse(payload)

    @event_name("list")
    def list(self, ctx: WebsocketContext, payload: list[Order]) -> WebsocketResponse:
        return WebsocketResponse({"orders": payload})

    @event_name("pydantic dataclass")
    def checked(self, ctx: WebsocketContext, payload: Checked) -> WebsocketResponse:
        return WebsocketResponse(payload)

    @event_name("slots")
    def slots(self, ctx: WebsocketContext, payload: Slotted) -> WebsocketResponse:
        return WebsocketResponse(payload)

    @event_name("model")
    def model(self, ctx: WebsocketContext, payload: Photo) -> WebsocketResponse:
        return WebsocketResponse(payload)


@pytest.mark.parametrize(
    ("event", "sent", "received"),
    [
        ("dataclass", {"name": "a"}, ORDER),
        ("list", [{"name": "a"}], {"orders": [ORDER]}),
        ("pydantic dataclass", {"number": 1}, {"number": 1, "content": b"\xff"}),
        ("slots", {}, {"count": 1}),
        ("model", SENT, SENT),
    ],
)
@in_fake_time
async def test_a_payload_that_came_can_be_sent_back(event: str, sent: Any, received: Any) -> None:
    """With the defaults that the client left out, wherever the library has put them."""
    client = FakeClient(attach(Echo))
    client.connect()
    client.emit(event, sent, ack_id=1)
    assert client.acks() == {1: {"status": "ok", "data": received}}


class Chain(pydantic.BaseModel):
    """A model that may contain itself."""

    next: Any = None


def circle_of_models() -> Chain:
    chain = Chain()
    chain.next = chain
    return chain


def circle_of_dataclasses() -> Order:
    order = Order("a")
    order.notes = [order]  # type: ignore[list-item]
    return order


class Unwilling(pydantic.BaseModel):
    """A model that cannot be written."""

    number: int = 1

    @pydantic.field_serializer("number")
    def write(self, number: int) -> str:
        raise LookupError("no")


@pytest.mark.parametrize(
    "value",
    [circle_of_models(), circle_of_dataclasses(), Photo, Order, Unwilling()],
    ids=["circle of models", "circle of dataclasses", "class of models", "class of dataclasses", "unwilling"],
)
@in_fake_time
async def test_models_that_cannot_be_sent(value: Any) -> None:
    """Those that contain themselves, fail, or are classes, are errors where they are emitted or answered."""
    server = attach(sending(value))
    client = FakeClient(server)
    client.connect()
    with pytest.raises(EncodeError):
        server.emit("event", value)
    client.emit("answer", ack_id=1)
    assert client.acks()[1]["error"]["code"] == "INTERNAL_SERVER_ERROR"
    assert (await ask(answering(value))).status_code == 500


class Links(pydantic.BaseModel):
    """A model with values of pydantic's own."""

    home: pydantic.HttpUrl = pydantic.HttpUrl("https://a.example/b")
    password: pydantic.SecretStr = pydantic.SecretStr("secret")


@in_fake_time
async def test_pydantics_own_values_are_sent_as_text() -> None:
    """Addresses as they are, secrets as asterisks."""
    client = FakeClient(attach(sending(Links())))
    client.connect()
    client.emit("answer", ack_id=1)
    assert client.acks()[1]["data"] == {"home": "https://a.example/b", "password": "**********"}


@dataclass
class Unfinished:
    """One whose field nobody has set."""

    number: int = field(init=False)


@in_fake_time
async def test_a_dataclass_without_a_value_cannot_be_sent() -> None:
    """It is an error like any other that cannot be sent, and the client is answered."""
    client = FakeClient(attach(sending(Unfinished())))
    client.connect()
    client.emit("answer", ack_id=1)
    assert client.acks()[1]["error"]["code"] == "INTERNAL_SERVER_ERROR"


@in_fake_time
async def test_a_model_says_why_a_client_is_refused() -> None:
    """The data of a refusal may be a model, too."""

    class Root(SocketIOController):
        def on_connection(self, ctx: WebsocketContext) -> None:
            raise ConnectionRefused("no", Computed(number=3))

    client = FakeClient(attach(Root))
    client.send_connect()
    await asyncio.sleep(1)
    assert client.receive() == [ConnectError("/", {"message": "no", "data": {"number": "<3>", "twice": 6}})]
