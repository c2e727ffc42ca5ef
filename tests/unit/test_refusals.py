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
    Socket,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    WsServer,
    dependency,
    event_name,
    http_to_websocket_hook,
    merge_websocket_hooks,
    use_websocket_sessions,
    validate_payload,
    websocket_hook,
)
from whinny.framework import shown
from whinny.http import Context, get, use_sessions, user_required
from whinny.http import hook as http_hook

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
    words = f'Root.{name} has event_name("go"), but {name} is what every root has.'
    with pytest.raises(ConfigurationError) as caught:
        root(**{name: go(lambda self: None)})
    assert str(caught.value) == words
    with pytest.raises(ConfigurationError, match=f"Child.{name} has event_name"):
        type("Child", (root(),), {name: go(lambda self: None)})


def test_a_mixin_cannot_take_a_roots_name_either() -> None:
    """Wherever among its parents the method stands."""

    class Mixin:
        @event_name("go")
        def attach(self) -> None: ...

    with pytest.raises(ConfigurationError, match=r"Root\.attach has event_name"):
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


@pytest.mark.parametrize("method", [payload_first, payload_or_none, payload_then_ctx])
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
    assert str(caught.value) == f"Root.attach needs an ASGI app, not {shown(app)}."
    assert controller.attach(AppClass()).inner is not None


# habits of other frameworks, forgotten parentheses and hooks of the wrong kind


@dataclass
class Product:
    """What a client sends."""

    name: str


def product_first(self: Any, product: Product) -> None: ...
def socket_first(self: Any, socket: Socket) -> None: ...
def of_http(self: Any, ctx: Context) -> None: ...
def product_then_context(self: Any, product: Product, ctx: WebsocketContext) -> None: ...
def ctx_alone(ctx: Any) -> None: ...
def context_alone(c: WebsocketContext) -> None: ...
def payload_alone(payload: Any) -> None: ...
def ctx_and_payload(ctx: Any, payload: Any) -> None: ...


@pytest.mark.parametrize(
    ("method", "shown"),
    [
        (product_first, "product: Product where the context comes, a WebsocketContext"),
        (socket_first, "socket: Socket where the context comes, a WebsocketContext"),
        (of_http, "ctx: Context where the context comes, a WebsocketContext"),
        (product_then_context, "the product first, where the context comes"),
        (ctx_alone, "ctx where self comes"),
        (context_alone, "c where self comes"),
        (payload_alone, "payload where self comes"),
        (ctx_and_payload, "ctx where self comes"),
    ],
)
def test_an_event_gives_the_context_first(method: Any, shown: str) -> None:
    """A method that expects something else in its place, or in that of self, is told what it must take."""
    expected = f"Root.go takes {shown}: it must take (self), (self, ctx) or (self, ctx, payload, *more)."
    inner = type("Root", (), {"go": method})
    go(method)
    try:
        assert refusal(root(go=method)) == expected
        assert refusal(root(sub_controllers=(inner,))) == expected
    finally:
        vars(method).clear()


def reason_first(self: Any, reason: Any) -> None: ...
def reason_then_context(self: Any, why: Any, ctx: Any) -> None: ...


@pytest.mark.parametrize(
    ("name", "method", "shown"),
    [
        ("on_connection", socket_first, "socket: Socket where the context comes, a WebsocketContext"),
        ("on_connection", ctx_alone, "ctx where self comes"),
        ("on_disconnect", ctx_alone, "ctx where self comes"),
        ("on_disconnect", reason_first, "the reason first, where the context comes"),
        ("on_disconnect", reason_then_context, "the why first, where the context comes"),
    ],
)
def test_what_hears_of_connections_is_given_the_context_first(name: str, method: Any, shown: str) -> None:
    """On a root, and below it."""
    takes = {"on_connection": "(self, ctx)", "on_disconnect": "(self, ctx, reason)"}[name]
    inner = type("Root", (), {name: method})
    assert refusal(root(**{name: method})) == f"Root.{name} takes {shown}: it must take {takes}."
    assert refusal(root(sub_controllers=(inner,))) == f"Root.{name} takes {shown}: it must take {takes}."


@pytest.mark.parametrize("factory", [validate_payload, use_websocket_sessions])
def test_what_makes_hooks_is_called(factory: Any) -> None:
    """Above an event, a method with hooks or a class it says so where it is written: the event would be gone."""
    for below in (go(lambda self: None), websocket_hook(hook)(lambda self: None), root()):
        with pytest.raises(ConfigurationError, match=rf"write @{factory.__name__}\(…?\) above a method or a class"):
            factory(below)


def test_a_hook_in_the_place_of_a_method_is_refused() -> None:
    """An override without an event's name cannot be told from a function that gives the schema where it is written."""
    parent = root(go=go(lambda self: None))
    words = "where a method should be: what makes hooks is called above a method, write user_required()"
    child = type("Child", (parent,), {"go": validate_payload(lambda self: {})})
    assert refusal(child).startswith(f"Child.go is the hook validate_payload, {words}")
    bare = root(on_connection=websocket_hook(hook))
    assert refusal(bare).startswith(f"Root.on_connection is the hook hook, {words}")
    inner = type("Inner", (), {"go": websocket_hook(hook)})
    assert refusal(root(sub_controllers=(inner,))).startswith(f"Inner.go is the hook hook, {words}")


def test_a_method_that_a_decorator_hides_is_refused() -> None:
    """A function without the mark would take its place, and no event would lead to it."""

    def log_events(method: Any) -> Any:
        return lambda *args: method(*args)

    class Hiding(SocketIOController):
        @log_events
        @event_name("hidden")
        def handle(self) -> None: ...

    assert refusal(Hiding).startswith('Hiding.handle hides event_name("hidden"), as what stands above')


def test_a_method_may_use_what_is_set_later() -> None:
    """It is not looked at before, nor is a method that is called otherwise than the marked function that it uses."""
    shared = go(lambda self: None)

    class Root(SocketIOController):
        def helper(self) -> Any:
            return later

        def other_helper(self) -> Any:
            return shared(self)

    ServiceManager(Settings()).get(Root).attach()
    later = 5
    assert Root().helper() == later


@pytest.mark.parametrize(
    ("decorator", "name"),
    [(use_sessions(), "use_sessions"), (user_required(), "user_required"), (http_hook(hook), "hook")],
)
def test_an_http_hook_is_refused_on_an_event_and_on_a_class(decorator: Any, name: str) -> None:
    """With what to write in its place."""
    words = (
        f"has the hook {name}, which is one for HTTP: on an event write use_websocket_sessions(), or "
        "http_to_websocket_hook(…) around another HTTP hook."
    )
    assert refusal(root(go=go(decorator(lambda self: None)))) == f"Root.go {words}"
    assert refusal(decorator(root())) == f"Root {words}"
    inner = decorator(type("Inner", (), {"go": go(lambda self: None)}))
    assert refusal(root(sub_controllers=(inner,))) == f"Inner {words}"


@pytest.mark.parametrize("hooked", [False, True])
def test_a_route_in_a_controller_of_events_is_refused(hooked: bool) -> None:
    """A class is a controller of one kind."""
    method = user_required()(lambda self: None) if hooked else lambda self: None
    assert refusal(root(show=get("/x")(method))) == (
        'Root.show has get("/x"), but Root is a controller for events: write it in one for HTTP.'
    )


def test_http_to_websocket_hook_takes_http_hooks() -> None:
    """And gives one for events, which a merge with such takes."""
    with pytest.raises(ConfigurationError) as caught:
        http_to_websocket_hook(websocket_hook(hook))
    assert str(caught.value) == "http_to_websocket_hook needs an HTTP hook: hook is one for events already."
    merged = merge_websocket_hooks(http_to_websocket_hook(user_required()), websocket_hook(hook))
    assert len(merged.hooks) == 2
    ServiceManager(Settings()).get(root(go=go(merged(lambda self: None)))).attach()


@pytest.mark.parametrize(
    "refused",
    [
        lambda: event_name(hook),  # type: ignore[arg-type]
        lambda: websocket_hook(go(lambda self: None)),  # type: ignore[arg-type]
        lambda: merge_websocket_hooks(hook),  # type: ignore[arg-type]
        lambda: http_to_websocket_hook(hook),  # type: ignore[arg-type]
        lambda: use_websocket_sessions(object()),  # type: ignore[arg-type]
        lambda: ServiceManager(Settings()).get(root(options=hook)).attach(),
        lambda: ServiceManager(Settings()).get(root(namespace=hook)).attach(),
        lambda: ServiceManager(Settings()).get(root(go=go(lambda self, *, key=hook: None))).attach(),
    ],
)
def test_messages_show_functions_by_their_names(refused: Any) -> None:
    """What stands at which address is nobody's affair."""
    with pytest.raises(ConfigurationError) as caught:
        refused()
    assert " at 0x" not in str(caught.value)
