"""The table of `whinny routes`."""

from __future__ import annotations

import enum
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypedDict, TypeVar

import msgspec
import pydantic
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount, Route, Router

from whinny import (
    ConfigurationError,
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketContext,
    event_name,
    merge_websocket_hooks,
    validate_payload,
    websocket_hook,
    ws_controller,
)
from whinny.serving import SocketIOApp
from whinny.websocket.listing import list_routes

HEAD = ["namespace", "event", "controller", "method", "hooks", "payload"]


def log_in(ctx: WebsocketContext, services: ServiceManager) -> None: ...
def count(ctx: WebsocketContext, services: ServiceManager) -> None: ...
def check(ctx: WebsocketContext, services: ServiceManager) -> None: ...


T = TypeVar("T")


@dataclass
class Order:
    """What is ordered."""

    name: str

    class Part(msgspec.Struct):
        """A part of it."""

        name: str


class Line(msgspec.Struct):
    """A line of an order."""

    price: int


class Customer(pydantic.BaseModel):
    """Who orders."""

    name: str


class Box(msgspec.Struct, Generic[T]):
    """Something with something in it."""

    content: T


class Crate(pydantic.BaseModel, Generic[T]):
    """The same of another library."""

    content: T


def local_type() -> type:
    """A type that is known in a function alone."""

    class Local(msgspec.Struct):
        name: str

    return Local


class Address(TypedDict):
    """Where it goes."""

    street: str


class Colour(enum.Enum):
    """Of what is ordered."""

    RED = "red"


class Size(enum.IntEnum):
    """Of what is ordered, as a number."""

    LARGE = 3


class Leaf:
    @event_name("list")
    def list(self) -> None: ...


@websocket_hook(check)
class Branch:
    sub_controllers = (ws_controller("leaf ", Leaf), ws_controller("again ", Leaf))

    @event_name("order")
    @merge_websocket_hooks(websocket_hook(count), websocket_hook(check))
    @validate_payload({})
    def order(self, ctx: WebsocketContext, payload: Order, *more: str) -> None: ...


@websocket_hook(log_in)
class Root(SocketIOController):
    sub_controllers = (ws_controller("branch ", Branch),)

    @event_name("anything")
    def anything(self, ctx: WebsocketContext, payload: Any) -> None: ...


class Parent(SocketIOController):
    @event_name("inherited")
    @websocket_hook(count)
    def inherited(self, ctx: WebsocketContext, payload: list[int] | None = None) -> None: ...


class Admin(Parent):
    namespace = "/admin"

    @event_name("added")
    def added(self, ctx: WebsocketContext, payload: str) -> None: ...


def attach(*roots: type[SocketIOController], http: Any = None) -> SocketIOApp:
    """The app of the first root; the others share its server."""
    services = ServiceManager(Settings())
    apps = [services.get(root).attach(http) for root in roots]
    return apps[0]


def cells(app: Any) -> list[list[str]]:
    """The table's cells; columns are told apart where they begin in the first line."""
    lines = list_routes(app).split("\n")
    starts = [lines[0].index(name) for name in HEAD]
    ends = [*starts[1:], None]
    assert lines[0].split() == HEAD
    return [[line[start:end].strip() for start, end in zip(starts, ends, strict=True)] for line in lines[1:]]


def test_nested_controllers_stand_with_their_whole_names_and_hooks() -> None:
    """Prefixes and hooks from the root down, merged ones one by one; one class twice in the tree stands twice."""
    assert cells(attach(Root)) == [
        ["/", "anything", "Root", "anything", "log_in", "Any"],
        ["/", "branch again list", "Leaf", "list", "log_in, check", "Any"],
        ["/", "branch leaf list", "Leaf", "list", "log_in, check", "Any"],
        ["/", "branch order", "Branch", "order", "log_in, check, count, check, validate_payload", "Order"],
    ]


def test_namespaces_are_listed_together() -> None:
    """All roots of the server, in the order of their names; inherited events are those of the child."""
    rows = cells(attach(Root, Admin))
    assert [row[0] for row in rows] == ["/", "/", "/", "/", "/admin", "/admin"]
    assert rows[4:] == [
        ["/admin", "added", "Admin", "added", "", "str"],
        ["/admin", "inherited", "Admin", "inherited", "count", "list[int] | None"],
    ]


def test_lines_end_where_they_end() -> None:
    """Columns are aligned, without spaces at the end."""
    lines = list_routes(attach(Root, Admin)).split("\n")
    assert lines == [line.rstrip() for line in lines]
    assert (
        len({line.index(name) for line in lines for name in ("Root", "Branch", "Leaf", "Admin") if name in line}) == 1
    )


def test_an_app_without_events_has_a_head_alone() -> None:
    """A root that handles nothing is an app all the same."""

    class Silent(SocketIOController): ...

    assert list_routes(attach(Silent)).split() == HEAD


class CallableHook:
    """A hook that is an object."""

    def __call__(self, ctx: WebsocketContext, services: ServiceManager) -> None: ...


def test_hooks_of_every_kind_have_a_name() -> None:
    """Functions inside of functions by their own names, objects by their classes."""

    def local(ctx: WebsocketContext, services: ServiceManager) -> None: ...

    nameless = websocket_hook(lambda ctx, services: None)

    class Kinds(SocketIOController):
        @event_name("go")
        @websocket_hook(local)
        @nameless
        @websocket_hook(CallableHook())
        @websocket_hook(functools.partial(count))
        def go(self) -> None: ...

    [row] = cells(attach(Kinds))
    assert row[4] == "local, <lambda>, CallableHook, partial"


def test_names_of_hooks_and_classes_are_escaped() -> None:
    """Whatever was made at run time, a row is a line that prints."""

    def hook(ctx: WebsocketContext, services: ServiceManager) -> None: ...

    hook.__qualname__ = "a\nb\x1b[31m"
    go = event_name("go")(websocket_hook(hook)(lambda self: None))
    lines = list_routes(attach(type("Own\x1bName", (SocketIOController,), {"g\no": go}))).split("\n")
    assert len(lines) == 2
    assert lines[1].split() == ["/", "go", "Own\\x1bName", "g\\no", "a\\nb\\x1b[31m", "Any"]


@pytest.mark.parametrize(
    ("annotation", "shown"),
    [
        (str, "str"),
        (bytes, "bytes"),
        (object, "object"),
        (Any, "Any"),
        (dict[str, Any], "dict[str, Any]"),
        (list[int] | None, "list[int] | None"),
        (str | bytes, "str | bytes"),
        (Order, "Order"),
        (Line, "Line"),
        (Customer, "Customer"),
        (Address, "Address"),
        (Colour, "Colour"),
        (Size, "Size"),
        ("Order", "Order"),
        ("list[int]", "list[int]"),
        (dict[str, list[int]], "dict[str, list[int]]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (Literal["a", "b"], "Literal['a', 'b']"),
        (Literal["typing.x"], "Literal['typing.x']"),
        (Literal["it's typing.x"], 'Literal["it\'s typing.x"]'),
        (Literal["x typing.y"], "Literal['x typing.y']"),
        (Literal["a.b", "c.d"], "Literal['a.b', 'c.d']"),
        (list[Order], "list[Order]"),
        (Order | None, "Order | None"),
        (dict[str, list[Order | None]], "dict[str, list[Order | None]]"),
        (Sequence[Order], "Sequence[Order]"),
        (Box[int], "Box[int]"),
        (Box[Line], "Box[Line]"),
        (list[Box[Line]], "list[Box[Line]]"),
        (Crate[Customer], "Crate[Customer]"),
        (list[Crate[int]], "list[Crate[int]]"),
        (Order.Part, "Part"),
        (list[Order.Part], "list[Part]"),
        (local_type(), "Local"),
        (list[local_type()], "list[Local]"),  # type: ignore[misc]
        (None, "NoneType"),
    ],
)
def test_payload_types(annotation: Any, shown: str) -> None:
    """As they are written."""

    def go(self: object, ctx: WebsocketContext, payload: Any) -> None: ...

    go.__annotations__["payload"] = annotation
    [row] = cells(attach(type("Typed", (SocketIOController,), {"go": event_name("go")(go)})))
    assert row[5] == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("line\nbreak", "line\\nbreak"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202ereversed", "\\u202ereversed"),
        ("half \ud83d", "half \\ud83d"),
        ("größe 漢字", "größe 漢字"),
    ],
)
def test_names_of_events_are_escaped(name: str, shown: str) -> None:
    """What does not print in a name neither breaks the table nor colours the terminal; the rest is readable."""
    go = event_name(name)(lambda self: None)
    text = list_routes(attach(type("Named", (SocketIOController,), {"go": go})))
    assert shown in text
    assert all(each.isprintable() or each == "\n" for each in text)
    assert len(text.split("\n")) == 2


@pytest.mark.parametrize(
    ("namespace", "shown"),
    [
        ("/line\nbreak", "/line\\nbreak"),
        ("/\x1b[31mred", "/\\x1b[31mred"),
        ("/\u202ereversed", "/\\u202ereversed"),
        ("/half \ud83d", "/half \\ud83d"),
        ("größe 漢字", "/größe 漢字"),
    ],
)
def test_namespaces_are_escaped(namespace: str, shown: str) -> None:
    """As the names of events are: a namespace may be any text."""
    parts = {"namespace": namespace, "go": event_name("go")(lambda self: None)}
    text = list_routes(attach(type("Spaced", (SocketIOController,), parts)))
    line = text.split("\n")[1]
    assert line.startswith(shown + "  go")
    assert all(each.isprintable() or each == "\n" for each in text)
    assert len(text.split("\n")) == 2


# where the app is looked for


class Middleware:
    """An ASGI app around another one, as most of them keep it."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


def fastapi_with(app: SocketIOApp) -> FastAPI:
    http = FastAPI()
    http.mount("/ws", app)
    return http


@pytest.mark.parametrize(
    "around",
    [
        lambda app: Starlette(routes=[Route("/", lambda request: None), Mount("/", app=app)]),
        lambda app: Starlette(routes=[Mount("/api", routes=[Mount("/ws", app=app)])]),
        lambda app: Router(routes=[Mount("/", app=app)]),
        fastapi_with,
        Middleware,
        lambda app: Middleware(Middleware(Starlette(routes=[Mount("/", app=Middleware(app))]))),
        lambda app: attach(Admin, http=app),
    ],
)
def test_an_app_inside_of_another_is_found(around: Any) -> None:
    """Mounted in a router at any depth, behind middleware, or as the inner app of another."""
    rows = cells(around(attach(Root)))
    assert "branch order" in [row[1] for row in rows]


def test_the_events_of_all_apps_are_listed_once() -> None:
    """Two servers of one outer app stand together, and one that is mounted twice is one."""
    one, two = attach(Root), attach(Admin)
    outer = Starlette(routes=[Mount("/a", app=one), Mount("/b", app=two), Mount("/c", app=one)])
    assert cells(outer) == cells(one) + cells(two)


def test_an_app_around_itself_comes_to_an_end() -> None:
    """A circle of apps is walked once."""
    outer = Middleware(None)
    outer.app = Starlette(routes=[Mount("/", app=outer), Mount("/ws", app=attach(Root))])
    assert len(cells(outer)) == 4


@pytest.mark.parametrize("app", [None, 5, Starlette(), FastAPI(), Middleware(None), Root, object()])
def test_what_has_no_such_app_in_it_is_refused(app: Any) -> None:
    """The error says what to name instead."""
    with pytest.raises(
        ConfigurationError, match=r"There is no Socket\.IO app here: name the app that attach\(\) gave\."
    ):
        list_routes(app)
