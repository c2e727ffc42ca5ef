"""What cannot be an event's method, a root's method or the app behind it is refused by name, and what can be works."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass, field, make_dataclass
from functools import cached_property, partialmethod
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
    WsServer,
    dependency,
    event_name,
    validate_payload,
    websocket_hook,
)

go = event_name("go")


def hook(ctx: WebsocketContext, services: ServiceManager) -> None: ...


def root(**parts: Any) -> type[SocketIOController]:
    """A root with these parts in it."""
    return type("Root", (SocketIOController,), parts)


def refusal(controller: type[SocketIOController]) -> str:
    """Why a root is refused at `attach`."""
    with pytest.raises(ConfigurationError) as caught:
        ServiceManager(Settings()).get(controller).attach()
    return str(caught.value)


def ask(controller: type[SocketIOController], *args: Any) -> Any:
    """What the client's callback for the event `go` is called with."""
    client = FakeClient(attach(controller))
    assert client.connect()
    client.emit("go", *args, ack_id=1)
    return client.acks()[1]


# what decorators stand on


@pytest.mark.parametrize("kind", [staticmethod, classmethod, property])
def test_decorators_stand_on_methods(kind: Any) -> None:
    """Above a staticmethod, a classmethod or a property they are refused where they are written."""
    with pytest.raises(ConfigurationError, match=f'event_name\\("go"\\) needs a method, not a {kind.__name__}'):
        go(kind(lambda self: None))
    for decorator in (websocket_hook(hook), validate_payload({})):
        with pytest.raises(ConfigurationError, match=f"A hook stands on a method or a class, not on a {kind.__name__}"):
            decorator(kind(lambda self: None))


@pytest.mark.parametrize("kind", [staticmethod, classmethod, property])
@pytest.mark.parametrize("decorator", [go, websocket_hook(hook)])
def test_what_is_made_of_a_method_is_refused_at_attach(kind: Any, decorator: Any) -> None:
    """A decorated function inside of a staticmethod, a classmethod or a property is no method, and is named."""
    outside = kind(decorator(lambda *_: None))
    assert refusal(root(go=outside)) == f"Root.go must be a method, and no {kind.__name__}."
    inner = type("Inner", (), {"go": outside})
    assert refusal(root(sub_controllers=(inner,))) == f"Inner.go must be a method, and no {kind.__name__}."


@pytest.mark.parametrize("below", [websocket_hook(hook), validate_payload({})])
def test_an_event_name_on_a_bare_hook_is_refused(below: Any) -> None:
    """`@websocket_hook` without its function takes the method for the hook, and the event would be gone."""
    with pytest.raises(ConfigurationError, match=r'event_name\("go"\) stands on a hook'):
        go(below)
    for decorator in (websocket_hook(hook), validate_payload({})):
        with pytest.raises(ConfigurationError, match="A hook stands on a method or a class, not on a HookDecorator"):
            decorator(below)


@pytest.mark.parametrize("decorator", [websocket_hook(hook), validate_payload({})])
def test_hooks_without_an_event_are_refused(decorator: Any) -> None:
    """A method with hooks that no event leads to is named, on a root and below it."""
    method = decorator(lambda self: None)
    words = "has hooks, but nothing leads to it: it has no event_name."
    assert refusal(root(helper=method)) == f"Root.helper {words}"
    assert refusal(root(sub_controllers=(type("Inner", (), {"helper": method}),))) == f"Inner.helper {words}"


@in_fake_time
async def test_a_parent_may_leave_the_event_to_its_child() -> None:
    """Hooks alone are no mistake in a parent whose child gives the event its name."""
    parent = root(go=websocket_hook(hook)(lambda self: None))
    child = type("Child", (parent,), {"go": go(lambda self: WebsocketResponse("child"))})
    assert ask(child) == {"status": "ok", "data": "child"}


# callables that are no functions


class CallableMethod:
    """An object in the place of a method; it is not bound to the controller."""

    def __call__(self, ctx: WebsocketContext, payload: int) -> WebsocketResponse:
        return WebsocketResponse(payload)


class CallableUnresolved:
    """One whose annotation names nothing that is there."""

    def __call__(self, ctx: WebsocketContext, payload: Nowhere) -> WebsocketResponse:  # type: ignore[name-defined]  # noqa: F821
        return WebsocketResponse(payload)


def with_first(first: str, ctx: WebsocketContext, payload: int) -> WebsocketResponse:
    return WebsocketResponse([first, payload])


@in_fake_time
async def test_an_object_may_stand_in_the_place_of_a_method() -> None:
    """Its annotation is looked at like a method's: what fits reaches it, and nothing else does."""
    controller = root(go=go(CallableMethod()))
    assert ask(controller, 5) == {"status": "ok", "data": 5}
    assert ask(controller, "x")["error"]["code"] == "VALIDATION_PAYLOAD_ERROR"


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="a partial is bound like a method there")
@pytest.mark.filterwarnings("ignore:functools.partial will be a method descriptor:FutureWarning")
@in_fake_time
async def test_a_partial_may_stand_in_the_place_of_a_method() -> None:
    """The annotation of the function that it calls counts."""
    controller = root(go=go(functools.partial(with_first, "first")))
    assert ask(controller, 5) == {"status": "ok", "data": ["first", 5]}
    assert ask(controller, "x")["error"]["code"] == "VALIDATION_PAYLOAD_ERROR"


def test_an_objects_annotation_that_names_nothing_is_refused() -> None:
    """As for a method, with its name."""
    message = refusal(root(go=go(CallableUnresolved())))
    assert message.startswith("Root.go has the annotation 'Nowhere', which cannot be resolved")


def test_a_partialmethod_is_refused_where_it_is_written() -> None:
    """It is no callable, and it could not be marked."""
    with pytest.raises(ConfigurationError, match="needs a method, not a partialmethod"):
        go(functools.partialmethod(with_first))  # type: ignore[type-var]


# dataclasses


class Store:
    """A service."""


@dataclass
class DataRoot(SocketIOController):
    """A root that is a dataclass, and so cannot be hashed."""

    store = dependency(Store)

    @event_name("go")
    def go(self) -> WebsocketResponse:
        return WebsocketResponse([type(self.store).__name__, self.services.get(Store) is self.store])


@dataclass
class DataSub:
    """A sub-controller that is a dataclass."""

    store = dependency(Store)
    number: int = 5

    @event_name("go")
    def go(self) -> WebsocketResponse:
        return WebsocketResponse([type(self.store).__name__, self.number == 5])

    def on_connection(self, ctx: WebsocketContext) -> None:
        assert isinstance(self.store, Store)


@dataclass(frozen=True)
class FrozenSub:
    """One that cannot be written to."""

    store = dependency(Store)

    @event_name("go")
    def go(self) -> WebsocketResponse:
        return WebsocketResponse([type(self.store).__name__, True])


@dataclass
class ChildSub(DataSub):
    """One that inherits all."""

    more: str = "x"


@pytest.mark.parametrize(
    "controller",
    [DataRoot, *(root(sub_controllers=(sub,)) for sub in (DataSub, FrozenSub, ChildSub))],
)
@in_fake_time
async def test_controllers_may_be_dataclasses(controller: type[SocketIOController]) -> None:
    """Though they cannot be hashed."""
    assert ask(controller) == {"status": "ok", "data": ["Store", True]}


@pytest.mark.parametrize("default", [dependency(Store), field(default=dependency(Store))])
def test_a_dependency_that_is_a_field_is_refused(default: Any) -> None:
    """The dataclass would put what describes the dependency in the place of the service."""
    sub = make_dataclass("Sub", [("store", Any, default)])
    assert refusal(root(sub_controllers=(sub,))) == (
        "Sub.store is a field of a dataclass: write it without an annotation, store = dependency(Store)."
    )


def test_a_dataclass_sees_a_service_that_is_given_later() -> None:
    """As every other class does."""
    services = ServiceManager(Settings())
    sub = services.get(DataSub)
    other = Store()
    services.set(Store, other)
    assert sub.store is other


# names that are taken


ROOTS_OWN = [name for name in dir(SocketIOController) if not name.startswith("_")]


def test_a_root_has_names_of_its_own() -> None:
    """The test below is about these, among others."""
    assert {"attach", "services", "options", "adapter", "namespace", "on_connection", "handle_error"} <= {*ROOTS_OWN}


@pytest.mark.parametrize("name", ROOTS_OWN)
def test_an_event_has_no_name_that_every_root_has(name: str) -> None:
    """The method would take the place of the root's own; it is refused when the class is made, a child's as well."""
    words = f"Root.{name} handles an event, but {name} is what every root has."
    with pytest.raises(ConfigurationError) as caught:
        root(**{name: go(lambda self: None)})
    assert str(caught.value) == words
    with pytest.raises(ConfigurationError, match=f"Child.{name} handles an event"):
        type("Child", (root(),), {name: go(lambda self: None)})


def test_a_mixin_cannot_take_a_roots_name_either() -> None:
    """Wherever among its parents the method stands."""

    class Mixin:
        @event_name("go")
        def attach(self) -> None: ...

    with pytest.raises(ConfigurationError, match=r"Root\.attach handles an event"):
        type("Root", (Mixin, SocketIOController), {})


@pytest.mark.parametrize("name", ["on_connection", "on_disconnect"])
def test_an_event_of_a_sub_controller_has_no_name_of_what_runs_for_each_client(name: str) -> None:
    """It would run when a client comes or goes."""
    inner = type("Inner", (), {name: go(lambda self: None)})
    assert refusal(root(sub_controllers=(inner,))).startswith(f"Inner.{name} ")


def test_an_event_that_was_taken_away_may_come_back() -> None:
    """What was hung on it before does not come back with it."""

    class Parent(SocketIOController):
        @event_name("old")
        def handle(self) -> None: ...

    class Child(Parent):
        handle = None  # type: ignore[assignment]

    class Grandchild(Child):
        @event_name("new")
        def handle(self) -> None: ...  # type: ignore[assignment]

    services = ServiceManager(Settings())
    services.get(Grandchild).attach()
    handler: Any = services.get(WsServer).io.of("/").handler
    assert [route.event_name for route in handler.routes] == ["new"]


@pytest.mark.parametrize("kind", [cached_property, partialmethod])
def test_what_hides_an_event_is_refused(kind: Any) -> None:
    """A method in it would never be called."""
    assert refusal(root(go=kind(go(lambda self: None)))) == f"Root.go must be a method, and no {kind.__name__}."


@pytest.mark.parametrize("what", [print, int])
def test_an_event_needs_a_method(what: Any) -> None:
    """Neither a class nor a function written in C."""
    with pytest.raises(ConfigurationError, match='event_name\\("go"\\) needs a method'):
        event_name("go")(what)


@in_fake_time
async def test_a_sub_controller_may_use_what_only_a_root_has() -> None:
    """`attach` and `services` are names like any other there."""
    inner = type("Inner", (), {"attach": go(lambda self: WebsocketResponse("inner"))})
    assert ask(root(sub_controllers=(inner,))) == {"status": "ok", "data": "inner"}


# what a method takes


def no_self() -> None: ...
def payload_first(self: object, payload: Any) -> None: ...
def payload_or_none(self: object, payload: Any = None) -> None: ...
def payload_then_ctx(self: object, payload: int, ctx: Any) -> None: ...
def without_self(ctx: Any, payload: Any) -> None: ...


@pytest.mark.parametrize("method", [payload_first, payload_or_none, payload_then_ctx, without_self])
def test_a_payload_in_the_place_of_the_context_is_refused(method: Any) -> None:
    """It would be given the context, which nobody means."""
    assert refusal(root(go=go(method))) == (
        "Root.go takes the payload first, where the context comes: "
        "it must take (self), (self, ctx) or (self, ctx, payload, *more)."
    )


def test_a_method_that_forgot_its_self_is_refused() -> None:
    """With what it does take."""
    message = refusal(root(go=go(no_self)))
    assert message.startswith("Root.go takes ()")
    assert message.endswith(": it must take (self), (self, ctx) or (self, ctx, payload, *more).")


# the app behind


class AppClass:
    """An ASGI app, of which an object is needed."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


@pytest.mark.parametrize("app", [3, "app", "", 0, False, [], {}, object(), AppClass])
def test_attach_needs_an_app(app: Any) -> None:
    """Anything else is refused with what it is, and the root can be attached rightly afterwards."""
    services = ServiceManager(Settings())
    controller = services.get(root())
    with pytest.raises(ConfigurationError) as caught:
        controller.attach(app)
    assert str(caught.value) == f"Root.attach needs an ASGI app, not {app!r}."
    assert controller.attach(AppClass()).inner is not None
