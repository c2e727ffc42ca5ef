"""From controllers to routes, and what is refused on the way."""

from __future__ import annotations

from typing import Any

import pytest

from unit.apps import attach
from unit.clock import in_fake_time
from unit.fakes import FakeClient
from whinny import (
    ConfigurationError,
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    event_name,
    websocket_hook,
    ws_controller,
)
from whinny.framework import ControllerNode, controller_tree
from whinny.protocol import RESERVED_EVENTS
from whinny.websocket.controller import ROOT_ONLY
from whinny.websocket.routing import Route, routes_of


def tree_of(root: type, services: ServiceManager) -> ControllerNode:
    return controller_tree(services.get(root), services, ROOT_ONLY)


def routes(root: type) -> dict[str, Route]:
    found = routes_of(tree_of(root, ServiceManager(Settings())))
    return {route.event_name: route for route in found}


def refusal(root: type[SocketIOController]) -> str:
    """Why a root is refused at `attach`; nothing of it stays behind then."""
    services = ServiceManager(Settings())
    with pytest.raises(ConfigurationError) as caught:
        services.get(root).attach()
    return str(caught.value)


def hook_one(ctx: WebsocketContext, services: ServiceManager) -> None: ...
def hook_two(ctx: WebsocketContext, services: ServiceManager) -> None: ...


class Leaf:
    @event_name("go")
    def go(self) -> None: ...


class Branch:
    sub_controllers = (ws_controller("leaf:", Leaf), ws_controller("leaf2 ", Leaf))

    @event_name("go")
    def go(self) -> None: ...


class Tree(SocketIOController):
    sub_controllers = (Branch, ws_controller("branch/", Branch))

    @event_name("root")
    def go(self) -> None: ...


def test_names_are_joined_as_they_are() -> None:
    """Prefixes stand before the names without anything in between; one class may stand under several."""
    found = routes(Tree)
    assert {name: (route.controller_name, route.method_name) for name, route in found.items()} == {
        "root": ("Tree", "go"),
        "go": ("Branch", "go"),
        "leaf:go": ("Leaf", "go"),
        "leaf2 go": ("Leaf", "go"),
        "branch/go": ("Branch", "go"),
        "branch/leaf:go": ("Leaf", "go"),
        "branch/leaf2 go": ("Leaf", "go"),
    }


def test_each_controller_is_one_object() -> None:
    """However often a class stands in the tree, it is one controller, and the services' own."""
    services = ServiceManager(Settings())
    tree = tree_of(Tree, services)
    controllers = [node.controller for node in tree.walk()]
    assert [type(each) for each in controllers] == [Tree, Branch, Leaf, Leaf, Branch, Leaf, Leaf]
    assert all(each is services.get(type(each)) for each in controllers)


def test_two_methods_for_one_event_are_refused() -> None:
    """Both methods are named, whether they stand in one class or in two."""

    class Twice(SocketIOController):
        @event_name("a b")
        def one(self) -> None: ...
        @event_name("a b")
        def two(self) -> None: ...

    class Inner:
        @event_name("b")
        def inner(self) -> None: ...

    class Across(SocketIOController):
        sub_controllers = (ws_controller("a ", Inner),)

        @event_name("a b")
        def outer(self) -> None: ...

    message = refusal(Twice)
    assert "Twice.one" in message
    assert "Twice.two" in message
    assert "'a b'" in message
    message = refusal(Across)
    assert "Across.outer" in message
    assert "Inner.inner" in message


def test_an_empty_name_is_refused_when_the_class_is_made() -> None:
    """`event_name("")` raises where it is written."""
    with pytest.raises(ConfigurationError, match="event_name"):
        event_name("")


@pytest.mark.parametrize("name", sorted(RESERVED_EVENTS))
def test_reserved_names_are_refused(name: str) -> None:
    """An event that no client can send cannot be handled, whether its name is whole or made with a prefix."""

    class Whole(SocketIOController):
        @event_name(name)
        def handle(self) -> None: ...

    class Part:
        @event_name(name[1:])
        def handle(self) -> None: ...

    class Prefixed(SocketIOController):
        sub_controllers = (ws_controller(name[0], Part),)

    assert "Whole.handle" in refusal(Whole)
    assert "Part.handle" in refusal(Prefixed)


def test_a_controller_inside_itself_is_refused() -> None:
    """A tree that would never end is named."""

    class Loop:
        sub_controllers: tuple[Any, ...] = ()

    class Between:
        sub_controllers = (Loop,)

    Loop.sub_controllers = (Between,)

    class Root(SocketIOController):
        sub_controllers = (Loop,)

    assert "Loop is a sub-controller of itself" in refusal(Root)


# what a method takes


def takes(function: Any) -> type[SocketIOController]:
    return type("Root", (SocketIOController,), {"method": event_name("go")(function)})


@pytest.mark.parametrize(
    ("function", "sent", "taken"),
    [
        (lambda self: "nothing", (1, 2), "nothing"),
        (lambda self, ctx: ctx.args, (1, 2), (1, 2)),
        (lambda self, ctx, payload: payload, (1, 2), 1),
        (lambda self, ctx, payload: payload, (), None),
        (lambda self, ctx, payload=5: payload, (1,), 1),
        (lambda self, ctx, payload=5: payload, (None,), None),
        (lambda self, ctx, payload=5: payload, (), 5),
        (lambda self, ctx, payload, *more: (payload, *more), (1, 2, 3), (1, 2, 3)),
        (lambda self, ctx, payload, *more: (payload, *more), (1,), (1,)),
        (lambda self, ctx, payload, *more: (payload, *more), (), (None,)),
        (lambda self, ctx, payload=5, *more: (payload, *more), (), (5,)),
    ],
)
def test_the_ways_to_take_an_event(function: Any, sent: tuple[Any, ...], taken: Any) -> None:
    """Nothing, the context, the payload, or everything. What was not sent is None, or the method's own default."""
    route = routes(takes(function))["go"]
    assert route.call(WebsocketContext("go", sent[0] if sent else None, args=sent)) == taken


@pytest.mark.parametrize(
    "function",
    [
        lambda self, *more: None,
        lambda self, ctx, *more: None,
        lambda self, ctx, payload, other: None,
        lambda self, ctx, payload, other=None: None,
        lambda self, ctx, *, key: None,
        lambda self, ctx, payload, **rest: None,
    ],
)
def test_other_parameters_are_refused(function: Any) -> None:
    """Anything else is refused at `attach`, naming the method and what it must take."""
    message = refusal(takes(function))
    assert "Root.method takes" in message
    assert "(self, ctx, payload, *more)" in message


# subclasses


class Parent(SocketIOController):
    @event_name("first")
    @websocket_hook(hook_one)
    def first(self) -> WebsocketResponse:
        return WebsocketResponse("parent")

    @event_name("second")
    def second(self) -> WebsocketResponse:
        return WebsocketResponse("parent")


class Child(Parent):
    def first(self) -> WebsocketResponse:
        return WebsocketResponse("child")

    @event_name("renamed")
    def second(self) -> WebsocketResponse:
        return WebsocketResponse("child")

    @event_name("third")
    def third(self) -> WebsocketResponse:
        return super().first()


def test_an_override_without_decorators_keeps_those_of_its_parent() -> None:
    """Event name and hooks are inherited, and the event is registered once."""
    found = routes(Child)
    assert list(found) == ["first", "renamed", "third"]
    assert [hook.function for hook in found["first"].hooks] == [hook_one]
    assert {route.controller_name for route in found.values()} == {"Child"}
    assert list(routes(Parent)) == ["first", "second"]


@in_fake_time
async def test_an_override_is_what_runs() -> None:
    """The child's version answers, and may call its parent's."""
    client = FakeClient(attach(Child))
    client.connect()
    for number, event in enumerate(("first", "renamed", "third")):
        client.emit(event, ack_id=number)
    assert [answer["data"] for answer in client.acks().values()] == ["child", "child", "parent"]


def test_class_hooks_of_a_child_come_after_its_parents() -> None:
    """Class hooks are added to the parent's and never replace them, in the order of inheritance."""

    @websocket_hook(hook_one)
    class Above(SocketIOController):
        @event_name("go")
        def go(self) -> None: ...

    @websocket_hook(hook_two)
    class Below(Above): ...

    class Lowest(Below): ...

    for cls in (Below, Lowest):
        assert [hook.function for hook in routes(cls)["go"].hooks] == [hook_one, hook_two]
    assert [hook.function for hook in routes(Above)["go"].hooks] == [hook_one]


def test_new_hooks_of_an_override_do_not_reach_its_parent() -> None:
    """A child that decorates its override leaves the parent's method as it was."""

    class Decorated(Parent):
        @websocket_hook(hook_two)
        def first(self) -> WebsocketResponse:
            return WebsocketResponse()

    assert hook_two in [hook.function for hook in routes(Decorated)["first"].hooks]
    assert [hook.function for hook in routes(Parent)["first"].hooks] == [hook_one]


# roots


def test_one_namespace_has_one_root() -> None:
    """A second root of a namespace is refused by name, as is the same one attached again."""

    class One(SocketIOController): ...

    class Two(SocketIOController):
        namespace = "/"

    services = ServiceManager(Settings())
    services.get(One).attach()
    with pytest.raises(ConfigurationError, match=r"Two cannot be attached: the namespace '/'"):
        services.get(Two).attach()
    with pytest.raises(ConfigurationError, match="One"):
        services.get(One).attach()


def test_a_namespace_with_a_comma_is_refused() -> None:
    """A comma would end the name on the wire."""

    class Root(SocketIOController):
        namespace = "/a,b"

    assert "'/a,b'" in refusal(Root)


def test_a_root_that_no_manager_made_says_so() -> None:
    """`attach` needs the manager that made the controller."""
    with pytest.raises(ConfigurationError, match=r"services\.get\(Tree\)"):
        Tree().attach()


@pytest.mark.parametrize("name", ["handle_error", "options", "namespace", "adapter"])
def test_what_only_a_root_may_have_is_refused_elsewhere(name: str) -> None:
    """A sub-controller with what only counts in a root is refused at `attach`, naming both."""
    inner = type("Inner", (), {name: None})

    class Root(SocketIOController):
        sub_controllers = (inner,)

    message = refusal(Root)
    assert "Inner" in message
    assert name in message


def test_an_event_may_be_taken_away_by_a_child() -> None:
    """A child that sets a method to None handles its event no more."""

    class Less(Parent):
        first = None  # type: ignore[assignment]

    assert list(routes(Less)) == ["second"]
