"""What the page "Real-time communication" says of the values that are sent and taken, tried without a network."""

from __future__ import annotations

import datetime
import enum
import math
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from whinny import (
    ConfigurationError,
    EncodeError,
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketContext,
    WebsocketErrorResponse,
    WebsocketResponse,
    event_name,
    websocket_hook,
    ws_controller,
)
from whinny.testing import TestClient


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Lamp:
    price: Annotated[int, msgspec.Meta(gt=0)]
    picture: bytes = b""

    def __post_init__(self) -> None:
        if self.price == 13:
            raise ValueError("thirteen is no price")
        if self.price == 14:
            raise LookupError("a secret")


class Size(msgspec.Struct):
    width: int


class StrictSize(msgspec.Struct, forbid_unknown_fields=True):
    width: int


class Sort(TypedDict):
    by: str


class Model(BaseModel):
    when: datetime.datetime = Field(datetime.datetime(2030, 1, 1), alias="on")
    ready: bool = False
    picture: bytes = b""


class StrictModel(BaseModel, extra="forbid"):
    name: str = ""


# What may be sent

NUMBER = uuid.UUID(int=5)

SENT: dict[str, tuple[Any, Any]] = {
    "not a number": ([math.nan, math.inf, -math.inf], [None, None, None]),
    "bytes": ({"deep": [b"1", bytearray(b"2")]}, {"deep": [b"1", b"2"]}),
    "arrays": ([(1, 2), {3}, frozenset([4])], [[1, 2], [3], [4]]),
    "enum": ({"colour": Colour.RED}, {"colour": "red"}),
    "times": (
        [datetime.datetime(2030, 1, 31, 12), datetime.date(2030, 1, 31), datetime.time(12, 30)],
        ["2030-01-31T12:00:00", "2030-01-31", "12:30:00"],
    ),
    "numbers": ([NUMBER, Decimal("1.50")], [str(NUMBER), "1.50"]),
    "dataclass": ([Lamp(3, b"x")], [{"price": 3, "picture": b"x"}]),
    "struct": ({"size": Size(3)}, {"size": {"width": 3}}),
    "typed dict": (Sort(by="name"), {"by": "name"}),
    "pydantic": (
        [Model(ready=True, picture=b"x")],
        [{"on": "2030-01-01T00:00:00", "ready": True, "picture": b"x"}],
    ),
    "response": (WebsocketErrorResponse(Colour.RED), {"status": "error", "error": "red"}),
}

NOT_SENT: dict[str, Any] = {
    "a response inside": [WebsocketResponse()],
    "an object": object(),
    "an error": ValueError("x"),
    "a range": range(3),
}


class Sending(SocketIOController):
    @event_name("send")
    def send(self, ctx: WebsocketContext, payload: str) -> None:
        ctx.socket.emit("sent", SENT[payload][0])

    @event_name("cannot send")
    def cannot_send(self, ctx: WebsocketContext, payload: str) -> WebsocketResponse:
        with pytest.raises(EncodeError):
            ctx.socket.emit("sent", NOT_SENT[payload])
        return WebsocketResponse()


async def ask(root: type[SocketIOController], *args: Any) -> Any:
    app = ServiceManager(Settings()).get(root).attach()
    async with app.lifespan(), TestClient(app) as client:
        return await client.emit_with_ack(*args)


@pytest.mark.parametrize("kind", SENT)
async def test_what_may_be_sent(kind: str) -> None:
    """It arrives as the page says."""
    app = ServiceManager(Settings()).get(Sending).attach()
    async with app.lifespan(), TestClient(app) as client:
        client.emit("send", kind)
        assert (await client.receive("sent")).payload == SENT[kind][1]


@pytest.mark.parametrize("kind", NOT_SENT)
async def test_what_cannot_be_sent(kind: str) -> None:
    """It raises EncodeError."""
    assert await ask(Sending, "cannot send", kind) == {"status": "ok"}


# What is taken

T = TypeVar("T")


class Crud(Generic[T]):
    """What it takes, its subclass says."""

    @event_name("create")
    def create(self, ctx: WebsocketContext, payload: T) -> WebsocketResponse:
        return WebsocketResponse(type(payload).__name__)


class Sizes(Crud[Size]): ...


class Taking(SocketIOController):
    sub_controllers = (ws_controller("sizes ", Sizes),)

    @event_name("lamp")
    def lamp(self, ctx: WebsocketContext, payload: Lamp) -> WebsocketResponse:
        return WebsocketResponse([payload.price, payload.picture])

    @event_name("strict size")
    def strict_size(self, ctx: WebsocketContext, payload: StrictSize) -> WebsocketResponse:
        return WebsocketResponse(payload)

    @event_name("sort")
    def sort(self, ctx: WebsocketContext, payload: Sort) -> WebsocketResponse:
        return WebsocketResponse(payload)

    @event_name("model")
    def model(self, ctx: WebsocketContext, payload: Model) -> WebsocketResponse:
        return WebsocketResponse([payload.when.year, payload.ready, payload.picture])

    @event_name("strict model")
    def strict_model(self, ctx: WebsocketContext, payload: StrictModel) -> WebsocketResponse:
        return WebsocketResponse(payload.name)

    @event_name("constrained")
    def constrained(self, ctx: WebsocketContext, payload: list[Annotated[int, Field(gt=0)]]) -> WebsocketResponse:
        return WebsocketResponse(payload)

    @event_name("default")
    def default(self, ctx: WebsocketContext, payload: str = "the default", *more: int) -> WebsocketResponse:
        return WebsocketResponse([payload, list(more)])


@pytest.mark.parametrize(
    ("args", "data"),
    [
        (["lamp", {"price": 3, "colour": "red"}], [3, b""]),
        (["sort", {"by": "name", "down": True}], {"by": "name"}),
        (["model", {"on": 1, "ready": "yes", "picture": "text", "more": 1}], [1970, True, b"text"]),
        (["default"], ["the default", []]),
        (["default", "a", "no number", None], ["a", ["no number", None]]),
        (["sizes create", {"width": 3}], "Size"),
    ],
    ids=str,
)
async def test_what_is_taken(args: list[Any], data: Any) -> None:
    """Unknown fields are dropped, pydantic is lax, a default stands in, `*more` is not checked, a base is generic."""
    assert await ask(Taking, *args) == {"status": "ok", "data": data}


@pytest.mark.parametrize(
    ("args", "keyword"),
    [
        (["lamp", {"price": 0}], "exclusiveMinimum"),
        (["lamp", {"price": 3, "picture": "text"}], "type"),
        (["strict size", {"width": 3, "height": 3}], "additionalProperties"),
        (["strict model", {"colour": "red"}], "additionalProperties"),
        (["constrained", [1, 0]], "exclusiveMinimum"),
        (["default", None], "type"),
        (["sizes create", {"width": "3"}], "type"),
    ],
    ids=str,
)
async def test_what_is_not_taken(args: list[Any], keyword: str) -> None:
    """Constraints hold whichever library they are of; what the type forbids is an error, as is a null that was sent."""
    answer = await ask(Taking, *args)
    assert answer["error"]["code"] == "VALIDATION_PAYLOAD_ERROR"
    assert [error["keyword"] for error in answer["error"]["payload"]] == [keyword]


async def test_errors_of_post_init() -> None:
    """A ValueError is one of the payload, and its words are sent; any other is masked."""
    answer = await ask(Taking, "lamp", {"price": 13})
    assert [error["message"] for error in answer["error"]["payload"]] == ["thirteen is no price"]
    assert (await ask(Taking, "lamp", {"price": 14}))["error"]["code"] == "INTERNAL_SERVER_ERROR"


class Mixed(BaseModel):
    width: Annotated[int, msgspec.Meta(gt=0)]


@pytest.mark.parametrize("annotation", [Mixed, Mixed | Size, Annotated[Size, Field(description="x")]], ids=str)
def test_mixtures_are_refused(annotation: Any) -> None:
    """Where one library would not check what is asked of the other, `attach` says so."""

    class Root(SocketIOController):
        @event_name("go")
        def go(self, ctx: WebsocketContext, payload: annotation) -> None: ...

    Root.go.__annotations__["payload"] = annotation
    with pytest.raises(ConfigurationError, match=r"Root\.go"):
        ServiceManager(Settings()).get(Root).attach()


# Overrides


async def test_hooks_of_an_override() -> None:
    """They come after the parent's; with an `event_name` of its own too, the override begins anew."""
    ran: list[str] = []
    parents = websocket_hook(lambda ctx, services: ran.append("parent's"))
    own = websocket_hook(lambda ctx, services: ran.append("own"))

    class Parent(SocketIOController):
        @event_name("go")
        @parents
        def go(self) -> WebsocketResponse:
            return WebsocketResponse()

    class Adding(Parent):
        @own
        def go(self) -> WebsocketResponse:
            return WebsocketResponse()

    class Anew(Parent):
        @event_name("go anew")
        @own
        def go(self) -> WebsocketResponse:
            return WebsocketResponse()

    assert await ask(Adding, "go") == {"status": "ok"}
    assert ran == ["parent's", "own"]
    ran.clear()
    assert await ask(Anew, "go anew") == {"status": "ok"}
    assert ran == ["own"]
