"""Overridden methods: which event name and which hooks a child's version has, over any number of parents and mixins."""

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
    WebsocketErrorResponse,
    WebsocketResponse,
    event_name,
    merge_websocket_hooks,
    websocket_hook,
)
from whinny.framework import controller_tree
from whinny.websocket.controller import ROOT_ONLY
from whinny.websocket.routing import routes_of


def hooks_of(root: type) -> dict[str, list[str]]:
    """The names of the hooks of each event."""
    services = ServiceManager(Settings())
    found = routes_of(controller_tree(services.get(root), services, ROOT_ONLY))
    return {route.event_name: [hook.name for hook in route.hooks] for route in found}


@websocket_hook
def one(ctx: WebsocketContext, services: ServiceManager) -> None: ...
@websocket_hook
def two(ctx: WebsocketContext, services: ServiceManager) -> None: ...
@websocket_hook
def three(ctx: WebsocketContext, services: ServiceManager) -> None: ...


class Parent(SocketIOController):
    @event_name("go")
    @one
    def go(self) -> None: ...


class Adds(Parent):
    @two
    def go(self) -> None: ...


class AddsAgain(Adds):
    @three
    def go(self) -> None: ...


class Plain(Adds):
    def go(self) -> None: ...


class Renames(Adds):
    @event_name("renamed")
    def go(self) -> None: ...


class RenamesWithMergeOfNone(Adds):
    @event_name("renamed")
    @merge_websocket_hooks()
    def go(self) -> None: ...


class BeginsAnew(Adds):
    @event_name("go")
    @three
    def go(self) -> None: ...


class HookOutside(Adds):
    @three
    @event_name("go")
    def go(self) -> None: ...


class AddsToNew(BeginsAnew):
    @two
    @one
    def go(self) -> None: ...


class Untouched(AddsAgain): ...


class Lambda(Adds):
    go = lambda self: None  # noqa: E731


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (Parent, {"go": ["one"]}),
        (Adds, {"go": ["one", "two"]}),
        (AddsAgain, {"go": ["one", "two", "three"]}),
        (Untouched, {"go": ["one", "two", "three"]}),
        (Plain, {"go": ["one", "two"]}),
        (Lambda, {"go": ["one", "two"]}),
        (Renames, {"renamed": ["one", "two"]}),
        (RenamesWithMergeOfNone, {"renamed": ["one", "two"]}),
        (BeginsAnew, {"go": ["three"]}),
        (HookOutside, {"go": ["three"]}),
        (AddsToNew, {"go": ["three", "two", "one"]}),
    ],
)
def test_the_hooks_of_an_override(root: type, expected: dict[str, list[str]]) -> None:
    """Hooks are added to the parents'; a name alone keeps them; a name with hooks begins anew."""
    assert hooks_of(root) == expected


class Mixin:
    @two
    def go(self) -> None: ...


class EventMixin:
    @event_name("go")
    @three
    def go(self) -> None: ...


class PlainMixin:
    def go(self) -> None: ...


class Left(Parent):
    @two
    def go(self) -> None: ...


class Right(Parent):
    @three
    def go(self) -> None: ...


@pytest.mark.parametrize(
    ("bases", "expected"),
    [
        ((Mixin, Parent), ["one", "two"]),
        ((PlainMixin, Parent), ["one"]),
        ((EventMixin, Parent), ["three"]),
        ((EventMixin, SocketIOController), ["three"]),
        ((Mixin, EventMixin, SocketIOController), ["three", "two"]),
        ((Mixin, EventMixin, Parent), ["three", "two"]),
        ((Parent, Mixin), ["one"]),
        ((Left, Right), ["one", "three", "two"]),
    ],
)
def test_mixins_count_in_the_order_of_inheritance(bases: tuple[type, ...], expected: list[str]) -> None:
    """What Python looks at last stands first; a mixin without an event name adds its hooks to what is below it."""
    assert hooks_of(type("Mixed", bases, {})) == {"go": expected}


def test_a_mixins_hooks_stay_out_of_its_users() -> None:
    """Neither the mixin nor the parent is changed by a class that has both."""
    type("Mixed", (Mixin, Parent), {})
    assert hooks_of(Parent) == {"go": ["one"]}
    assert hooks_of(type("Other", (PlainMixin, Parent), {})) == {"go": ["one"]}


@in_fake_time
async def test_an_override_with_a_hook_is_as_closed_as_its_parent() -> None:
    """A parent's hook that asks for a login still answers, before the override's own hook and the override run."""
    runs: list[str] = []

    class Guarded(SocketIOController):
        @event_name("go")
        @websocket_hook(lambda ctx, services: WebsocketErrorResponse("log in first"))
        def go(self) -> Any:
            return WebsocketResponse("parent")

    class Child(Guarded):
        @websocket_hook(lambda ctx, services: runs.append("hook"))
        def go(self) -> Any:
            return WebsocketResponse("child")

    client = FakeClient(attach(Child))
    client.connect()
    client.emit("go", ack_id=1)
    assert client.acks() == {1: {"status": "error", "error": "log in first"}}
    assert runs == []


def logged(method: Any) -> Any:
    """A decorator that gives another function, without functools.wraps."""

    def wrapper(self: Any, ctx: WebsocketContext) -> Any:
        return method(self, ctx)

    return wrapper


class Listing(SocketIOController):
    """A parent whose method others make something of."""

    @event_name("list")
    @one
    def list_all(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(["lamp"])


def test_an_override_made_of_the_parents_method_hides_nothing() -> None:
    """It closes over that, by a decorator or in a class made by a function, any number of times."""

    class Logged(Listing):
        list_all = logged(Listing.list_all)

    def extended(parent: Any) -> type:
        list_all = parent.list_all

        class Extended(parent):  # type: ignore[misc]
            def list_all(self, ctx: WebsocketContext) -> WebsocketResponse:
                return WebsocketResponse(list_all(self, ctx).data * 2)

        return Extended

    for cls in (Logged, extended(Listing), extended(extended(Listing)), extended(Logged)):
        assert hooks_of(cls) == {"list": ["one"]}


def test_an_override_that_hides_an_event_of_its_own_is_refused() -> None:
    """Nothing would lead to the new event, though the parent's method has one."""

    class Hiding(Listing):
        @logged
        @event_name("list more")
        def list_all(self, ctx: WebsocketContext) -> WebsocketResponse:
            return WebsocketResponse()

    with pytest.raises(ConfigurationError, match=r'^Hiding\.list_all hides event_name\("list more"\)'):
        hooks_of(Hiding)


def test_a_hook_may_be_kept_in_the_class_whose_methods_have_it() -> None:
    """And in a parent, for its children; one that no method has is refused, and one in the place of a method."""

    class Parent(SocketIOController):
        checked = websocket_hook(lambda ctx, services: None)

    class Keeping(Parent):
        both = merge_websocket_hooks(one, two)

        @event_name("go")
        @both
        @Parent.checked
        def go(self) -> None: ...

    class Replacing(Keeping):
        go = Parent.checked  # type: ignore[assignment]

    assert hooks_of(Keeping) == {"go": ["one", "two", "Parent.<lambda>"]}
    for cls, name in ((Parent, "checked"), (Replacing, "go")):
        with pytest.raises(ConfigurationError, match=rf"^{cls.__name__}\.{name} is the hook Parent\.<lambda>, where"):
            hooks_of(cls)


class Late:
    """Stands for something that is there only while a request is handled."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("There is no request.")


class LateOfAnyClass(Late):
    """The same, and its class is the other's."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise RuntimeError("There is no request.")


@pytest.mark.parametrize("late", [Late, LateOfAnyClass])
def test_an_attribute_that_cannot_be_looked_at_is_left_alone(late: type) -> None:
    class Root(SocketIOController):
        request = late()
        checked = one

        @event_name("go")
        @checked
        def go(self) -> None: ...

    assert hooks_of(Root) == {"go": ["one"]}
