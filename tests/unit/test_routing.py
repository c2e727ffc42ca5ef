"""From controllers to routes, and what is refused on the way."""

from __future__ import annotations

import functools
import re
from abc import ABC, abstractmethod
from typing import Any

import pytest

from unit.apps import attach
from unit.clock import in_fake_time
from unit.fakes import FakeClient
from whinny import (
    ConfigurationError,
    ServerNotAttached,
    ServerOptions,
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    WsServer,
    event_name,
    get_websocket_hook_function,
    merge_websocket_hooks,
    validate_payload,
    websocket_hook,
    ws_controller,
)
from whinny.cluster import MemoryAdapter
from whinny.framework import ControllerNode, controller_tree, shown
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


# refusals, each by name, and nothing is left behind


def on_method(**parts: Any) -> type[SocketIOController]:
    """A root with these parts in it."""
    return type("Root", (SocketIOController,), parts)


class Nothing:
    """A sub-controller without anything."""


def handle(self: object) -> None: ...


def hooked(hook: Any) -> dict[str, type[SocketIOController]]:
    """A hook on a method, on a class, and on a sub-controller's method: by the names that the refusal must have."""
    decorator = websocket_hook(hook)
    inner = type("Inner", (), {"go": event_name("go")(decorator(lambda self: None))})
    return {
        "Root.go": on_method(go=event_name("go")(decorator(lambda self: None))),
        "Root": decorator(on_method()),
        "Inner.go": on_method(sub_controllers=(inner,)),
    }


class Callable_:  # noqa: N801 - stands for a function
    """A hook that is an object."""

    def __call__(self, ctx: object) -> None: ...


WRONG_HOOKS: list[tuple[Any, str]] = [
    (lambda: None, r"The hook <lambda> of {} takes \(\): it must take \(ctx, services\)\."),
    (lambda ctx: None, r"The hook <lambda> of {} takes \(ctx\)"),
    (lambda ctx, services, more: None, r"The hook <lambda> of {} takes \(ctx, services, more\)"),
    (lambda ctx, *, services: None, r"The hook <lambda> of {} takes \(ctx, \*, services\)"),
    (lambda ctx, services, *, key: None, r"The hook <lambda> of {} takes \(ctx, services, \*, key\)"),
    (Callable_(), r"The hook Callable_ of {} takes \(ctx"),
]


@pytest.mark.parametrize("hook", [None, "hook", event_name("go")(lambda self: None)])
def test_a_hook_that_is_no_function_is_refused_where_it_is_written(hook: Any) -> None:
    """So is a method below a bare `@websocket_hook`: the event would be gone without a word."""
    with pytest.raises(ConfigurationError, match=r"needs the hook's function, @websocket_hook\(function\)"):
        websocket_hook(hook)
    with pytest.raises(ConfigurationError, match="This needs hooks"):
        merge_websocket_hooks(hook)


def test_a_merge_of_no_hooks_has_no_function() -> None:
    """It may stand on a method all the same."""
    nothing = merge_websocket_hooks()
    with pytest.raises(ConfigurationError, match="merges none"):
        get_websocket_hook_function(nothing)
    assert routes(on_method(go=event_name("go")(nothing(lambda self: None))))["go"].hooks == ()


def test_a_method_handles_one_event() -> None:
    """A second name would take the place of the first without a word, so it is refused."""
    with pytest.raises(
        ConfigurationError, match=r'this one has event_name\("one"\), so it cannot have event_name\("two"\)'
    ):
        event_name("two")(event_name("one")(lambda self: None))


@pytest.mark.parametrize(("hook", "words"), WRONG_HOOKS)
def test_a_hook_that_takes_something_else_is_refused(hook: Any, words: str) -> None:
    """Wherever it stands, it is named with the method or the class that bears it."""
    for where, root in hooked(hook).items():
        assert re.match(words.format(re.escape(where)), refusal(root))


@pytest.mark.parametrize(
    "hook",
    [
        lambda ctx, services: None,
        lambda ctx, services, more=None: None,
        lambda *args: None,
        lambda ctx, *rest: None,
        lambda ctx, services, **options: None,
        functools.partial(lambda own, ctx, services: None, 1),
        dict,  # written in C, it does not tell what it takes
    ],
)
def test_a_hook_may_take_more_than_it_is_given(hook: Any) -> None:
    """What can be called with a context and the services is a hook."""
    for root in hooked(hook).values():
        ServiceManager(Settings()).get(root).attach()


@pytest.mark.parametrize("name", ["on_connection", "on_disconnect"])
@pytest.mark.parametrize(
    "value",
    [
        5,
        "text",
        lambda self, ctx, reason, more: None,
        lambda self, *, key: None,
        lambda self, ctx, *, key: None,
    ],
)
def test_what_hears_of_connections_is_a_method(name: str, value: Any) -> None:
    """Anything else is refused, on a root and on a sub-controller, with its name and what it must take."""
    takes = {"on_connection": "(self, ctx)", "on_disconnect": "(self, ctx, reason)"}[name]
    inner = type("Inner", (), {name: value})
    assert refusal(on_method(**{name: value})) == f"Root.{name} must be a method that takes {takes}."
    assert refusal(on_method(sub_controllers=(inner,))) == f"Inner.{name} must be a method that takes {takes}."


WRONG_HANDLERS = [
    5,
    lambda self: None,
    lambda self, error: None,
    lambda self, error, ctx, more: None,
    lambda self, ctx, error: None,
]


@pytest.mark.parametrize("value", WRONG_HANDLERS, ids=range(5))
def test_handle_error_takes_the_error_and_the_context(value: Any) -> None:
    """It needs both, so a method that takes less is a mistake."""
    assert refusal(on_method(handle_error=value)) == "Root.handle_error must be a method that takes (self, error, ctx)."


@pytest.mark.parametrize("namespace", [None, 5, b"/", ["/"]])
def test_a_namespace_is_a_text(namespace: Any) -> None:
    """Anything else is refused by name."""
    assert refusal(on_method(namespace=namespace)) == f"Root.namespace must be a text, not {namespace!r}."


@pytest.mark.parametrize("options", [None, {}, {"path": "/x"}, ServerOptions])
def test_options_are_server_options(options: Any) -> None:
    """A dict of options, or the class itself, is refused by name."""
    assert refusal(on_method(options=options)).startswith("Root.options must be ServerOptions(…), not ")


def test_an_unknown_option_is_refused_where_it_is_written() -> None:
    """A misspelt option is an error, as is a value that cannot be."""
    with pytest.raises((TypeError, ConfigurationError), match="ping_intervall"):
        ServerOptions(ping_intervall=5)  # type: ignore[call-arg]
    with pytest.raises(ConfigurationError, match="ping_interval"):
        ServerOptions(ping_interval="soon")  # type: ignore[arg-type]


@pytest.mark.parametrize("entries", [None, 5, "Nothing", Nothing, {Nothing}, iter([Nothing])])
def test_sub_controllers_are_a_tuple_or_a_list(entries: Any) -> None:
    """Anything else is refused by name, one controller without a comma behind it for one."""
    assert refusal(on_method(sub_controllers=entries)).startswith("Root.sub_controllers must be a tuple of controllers")


@pytest.mark.parametrize("entry", [None, 5, "Nothing", Nothing(), ("users ", Nothing), handle])
def test_what_is_no_controller_is_refused(entry: Any) -> None:
    """Junk among the sub-controllers is named with the class that has it, at any depth."""
    expected = f"Root.sub_controllers has {shown(entry)} in it, which is no controller."
    assert refusal(on_method(sub_controllers=(Nothing, entry))) == expected
    middle = type("Middle", (), {"sub_controllers": [entry]})
    assert refusal(on_method(sub_controllers=(middle,))) == expected.replace("Root", "Middle")


@pytest.mark.parametrize(
    ("prefix", "controller"), [(None, Nothing), (b"a", Nothing), (Nothing, "a"), ("a", Nothing()), ("a", None)]
)
def test_ws_controller_takes_a_prefix_and_a_class(prefix: Any, controller: Any) -> None:
    """Anything else, such as the two the other way round, is refused where it is written."""
    with pytest.raises(ConfigurationError, match="A sub-controller needs a prefix and a class, not "):
        ws_controller(prefix, controller)


def test_an_abstract_sub_controller_is_refused() -> None:
    """A class that cannot be made is named."""

    class Abstract(ABC):
        @abstractmethod
        def go(self) -> None: ...

    assert refusal(on_method(sub_controllers=(Abstract,))).startswith("Abstract is abstract")


@pytest.mark.parametrize("kind", [staticmethod, classmethod])
def test_methods_without_a_self_are_refused(kind: Any) -> None:
    """An event is handled by a method of the controller, whichever decorator stands outside."""
    outside = on_method(go=kind(event_name("go")(lambda *_: None)))
    assert refusal(outside) == f"Root.go must be a method, and no {kind.__name__}."


def test_what_is_no_method_any_more_is_refused() -> None:
    """A subclass that puts a value in a method's place is named."""
    parent = on_method(go=event_name("go")(lambda self: None))
    assert refusal(type("Child", (parent,), {"go": 5})).startswith("Child.go must be a method, as it is in a parent")


def test_a_controller_of_another_maker_is_refused() -> None:
    """One that a manager made, but does not keep, is not the one that hooks and services would see."""

    class Root(SocketIOController): ...

    with pytest.raises(ConfigurationError, match=r"This Root is not the one of its manager: services\.get\(Root\)\."):
        ServiceManager(Settings()).make(Root).attach()
    with pytest.raises(ConfigurationError, match=r"Root was not made by a ServiceManager: get it with services\.get"):
        Root().attach()


def test_roots_with_other_options_or_adapters_are_refused() -> None:
    """All roots share one server: what differs is listed; equal options need not be the same object."""

    class First(SocketIOController):
        options = ServerOptions(path="/ws", ping_interval=5)

    class Equal(SocketIOController):
        namespace = "/equal"
        options = ServerOptions(path="/ws", ping_interval=5)

    class Different(SocketIOController):
        namespace = "/different"
        options = ServerOptions(path="/other")
        adapter = MemoryAdapter

    services = ServiceManager(Settings())
    server = services.get(First).attach().server
    with pytest.raises(ConfigurationError) as caught:
        services.get(Different).attach()
    for word in ("Different", "path", "ping_interval", "adapter"):
        assert word in str(caught.value)
    services.get(Equal).attach()
    assert set(server.namespaces) == {"/", "/equal"}


def good() -> type[SocketIOController]:
    """A root that is right, with options that no other has."""
    go = event_name("go")(lambda self: WebsocketResponse("good"))
    return type("Good", (SocketIOController,), {"go": go, "options": ServerOptions(path="/good")})


def fails(*_: object) -> Any:
    raise LookupError("the app's own")


BAD_ROOTS: dict[str, type[SocketIOController]] = {
    "duplicate": on_method(one=event_name("go")(lambda self: None), two=event_name("go")(lambda self: None)),
    "signature": on_method(go=event_name("go")(lambda self, a, b, c: None)),
    "hook": hooked(lambda: None)["Inner.go"],
    "on_connection": on_method(on_connection=5),
    "handle_error": on_method(handle_error=lambda self: None),
    "schema": on_method(go=event_name("go")(validate_payload({"type": 5})(lambda self: None))),
    "schema function": on_method(go=event_name("go")(validate_payload(fails)(lambda self: None))),
    "namespace": on_method(namespace=5),
    "a comma in the namespace": on_method(namespace="/a,b"),
    "options": on_method(options={}),
    "client files": on_method(options=ServerOptions(serve_client="no such folder")),
    "adapter": on_method(adapter=5),
    "an adapter that fails": on_method(adapter=staticmethod(fails)),
    "sub-controllers": on_method(sub_controllers=(5,)),
    "root only": on_method(sub_controllers=(type("Inner", (), {"namespace": "/"}),)),
}


WRONG_SCHEMA_FUNCTIONS: list[tuple[Any, str]] = [
    (fails, "LookupError: the app's own"),
    (lambda: {"type": "object"}, "takes 0 positional arguments but 1 was given"),
    (lambda controller, more: {}, "missing 1 required positional argument: 'more'"),
    (lambda controller: controller.missing, "AttributeError: .*missing"),
    (lambda controller: vars(controller)["missing"], "KeyError: 'missing'"),
]


@pytest.mark.parametrize(("function", "words"), WRONG_SCHEMA_FUNCTIONS)
@pytest.mark.parametrize("depth", [0, 1])
def test_a_schema_function_that_fails_is_named(function: Any, words: str, depth: int) -> None:
    """`attach` tells the class, the method and what went wrong, of a sub-controller's function too."""
    inner = type("Inner", (), {"go": event_name("go")(validate_payload(function)(lambda self: None))})
    root = on_method(sub_controllers=(inner,)) if depth else type("Inner", (inner, SocketIOController), {})
    message = refusal(root)
    assert message.startswith("The schema function of Inner.go failed with ")
    assert re.search(words, message)


@pytest.mark.parametrize("made", [None, 5, "x", {"type": 5}, object()])
def test_what_a_schema_function_gives_is_a_schema(made: Any) -> None:
    """Anything else is refused like a schema that was written there."""
    go = event_name("go")(validate_payload(lambda controller: made)(lambda self: None))
    assert refusal(on_method(go=go)).startswith("Root.go has a wrong JSON Schema: ")


@pytest.mark.parametrize("kind", BAD_ROOTS)
@in_fake_time
async def test_a_refused_root_leaves_nothing_behind(kind: str) -> None:
    """There is no server then, and another root can be attached with options of its own, and be connected to."""
    services = ServiceManager(Settings())
    with pytest.raises((ConfigurationError, LookupError)):
        services.get(BAD_ROOTS[kind]).attach()
    with pytest.raises(ServerNotAttached):
        _ = services.get(WsServer).io
    server = services.get(good()).attach().server
    assert set(server.namespaces) == {"/"}
    client = FakeClient(server)
    assert client.connect()
    client.emit("go", ack_id=1)
    assert client.acks() == {1: {"status": "ok", "data": "good"}}


@pytest.mark.parametrize("kind", BAD_ROOTS)
@in_fake_time
async def test_a_refused_second_root_harms_no_first_one(kind: str) -> None:
    """The first goes on as before, and the namespace of the second is free for a better one."""
    services = ServiceManager(Settings())
    first = good()
    server = services.get(first).attach().server
    parts: dict[str, Any] = {"namespace": "/second", "options": first.options}
    own = vars(BAD_ROOTS[kind])
    bad = type("Bad", (BAD_ROOTS[kind],), {name: own.get(name, part) for name, part in parts.items()})
    with pytest.raises((ConfigurationError, LookupError)):
        services.get(bad).attach()
    assert set(server.namespaces) == {"/"}
    services.get(type("Better", (SocketIOController,), parts)).attach()
    client = FakeClient(server)
    assert client.connect()
    assert client.connect("/second")


@pytest.mark.parametrize("decorate", [False, True])
def test_refusals_name_the_class_that_was_attached(decorate: bool) -> None:
    """A method that a parent has wrong is named with the child, which is what the app's author looks for."""
    parent = on_method(go=event_name("go")(lambda self, a, b, c: None))
    own = {"go": event_name("go")(lambda self, a, b, c, d: None)} if decorate else {}
    assert refusal(type("Child", (parent,), own)).startswith("Child.go takes (a, b, c")
