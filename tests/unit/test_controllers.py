"""What controllers are written with: decorators, contexts, responses and schemas, and the routes that come of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from uuid import RFC_4122, UUID

import pytest

from support.answers import MASKED_ERROR
from unit.apps import ask, attach
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
    dependency,
    event_name,
    get_websocket_hook_function,
    merge_websocket_hooks,
    render_websocket_error,
    validate_payload,
    websocket_hook,
    ws_controller,
)
from whinny.framework import controller_tree
from whinny.websocket.controller import ROOT_ONLY
from whinny.websocket.routing import routes_of

if TYPE_CHECKING:
    from whinny.websocket.routing import Route


def routes(root: type) -> dict[str, Route]:
    services = ServiceManager(Settings())
    found = routes_of(controller_tree(services.get(root), services, ROOT_ONLY))
    return {route.event_name: route for route in found}


# decorators


def test_decorators_give_back_what_they_decorate() -> None:
    """A decorated method or class is the same object as before, and can be called as before."""

    def method(self: object) -> None: ...

    class Plain: ...

    hook = websocket_hook(lambda ctx, services: None)
    assert event_name("a")(method) is method
    assert hook(method) is method
    assert merge_websocket_hooks(hook, hook)(Plain) is Plain
    assert validate_payload({})(Plain) is Plain


@pytest.mark.parametrize("name", ["", None, 5, b"create", ["create"]])
def test_a_name_that_is_none_is_refused_where_it_is_written(name: Any) -> None:
    """An event's name is a text with something in it."""
    with pytest.raises(ConfigurationError, match="event_name needs the name of an event"):
        event_name(name)


def test_a_sub_controller_has_its_prefix_beside_it() -> None:
    """The prefix is kept beside the class, not on it, and may be empty."""

    class Users: ...

    first, second = ws_controller("users ", Users), ws_controller("", Users)
    assert (first.prefix, first.controller) == ("users ", Users)
    assert (second.prefix, second.controller) == ("", Users)
    assert not [name for name in vars(Users) if "whinny" in name]


# contexts


def test_a_context_made_by_hand_has_what_it_was_given() -> None:
    """Name, payload and socket are the very ones; the rest is empty, and the names of the method can be given."""
    payload: dict[str, Any] = {"name": "x"}
    socket = WebsocketContext("").socket
    ctx: WebsocketContext = WebsocketContext("create", payload, socket)
    assert (ctx.event_name, ctx.args) == ("create", (payload,))
    assert ctx.payload is ctx.args[0] is payload
    assert ctx.socket is socket
    assert ctx.state == {}
    assert ctx.state is ctx.state
    assert (ctx.user, ctx.session, ctx.controller) == (None, None, None)
    assert (ctx.controller_name, ctx.controller_method_name) == ("", "")
    named: WebsocketContext = WebsocketContext("a", controller_name="Users", controller_method_name="create")
    assert (named.controller_name, named.controller_method_name) == ("Users", "create")


def test_a_context_tells_a_payload_of_none_from_none_at_all() -> None:
    """Without a payload `args` is empty; with None it has that in it."""
    assert (WebsocketContext("a").payload, WebsocketContext("a").args) == (None, ())
    assert (WebsocketContext("a", None).payload, WebsocketContext("a", None).args) == (None, (None,))


def test_a_message_id_is_made_when_it_is_asked_for() -> None:
    """Each context has an id of its own, which stays the same."""
    one, two = WebsocketContext[Any]("a"), WebsocketContext[Any]("a")
    assert one.message_id == one.message_id != two.message_id
    assert len(one.message_id) == 36


def test_message_ids_are_random_uuids() -> None:
    """Of version 4 and its variant, each another one, however many are asked for."""
    ids = [WebsocketContext[Any]("a").message_id for _ in range(1000)]
    assert len(set(ids)) == 1000
    for each in ids:
        uuid = UUID(each)
        assert (str(uuid), uuid.version, uuid.variant) == (each, 4, RFC_4122)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_makes_ids_of_its_own() -> None:
    """Parent and child do not go on with the same ones."""
    WebsocketContext[Any]("a").message_id  # noqa: B018 — more are made than one
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, WebsocketContext[Any]("a").message_id.encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100).decode() != WebsocketContext[Any]("a").message_id
    os.close(reading)
    os.close(writing)


# responses


def test_responses_keep_what_they_were_given() -> None:
    """Data and error are the very objects, and None where nothing was given."""
    value: dict[str, Any] = {}
    assert WebsocketResponse(value).data is value
    assert WebsocketErrorResponse(value).error is value
    assert WebsocketResponse().data is None
    assert WebsocketErrorResponse().error is None


def test_an_error_response_may_know_where_it_comes_from() -> None:
    """`exception` and `ctx` are None unless they are given, and never sent."""
    plain = WebsocketErrorResponse("no")
    assert (plain.exception, plain.ctx) == (None, None)
    error, ctx = ValueError("x"), WebsocketContext[Any]("a")
    response = WebsocketErrorResponse("no", exception=error, ctx=ctx)
    assert response.exception is error
    assert response.ctx is ctx
    assert response.envelope() == plain.envelope() == {"status": "error", "error": "no"}


# rendering


@pytest.mark.parametrize("debug", [False, True])
def test_a_rendered_error_has_exception_and_context(debug: bool) -> None:
    """Masked or whole, the answer knows the error and the event; masked, it has nothing but code and message."""
    error, ctx = ValueError("x"), WebsocketContext[Any]("a")
    response = render_websocket_error(error, ctx, debug=debug)
    assert response.exception is error
    assert response.ctx is ctx
    if not debug:
        assert response.error == MASKED_ERROR


def test_an_error_is_rendered_by_the_settings_of_the_controllers_manager() -> None:
    """Without `debug=` those settings count that the controller of the context was made with."""

    class Controller: ...

    for debug in (False, True):
        ctx = WebsocketContext[Any]("a")
        ctx.controller = ServiceManager(Settings(debug=debug)).get(Controller)
        error = render_websocket_error(ValueError("x"), ctx).error
        assert error["message"] == ("x" if debug else MASKED_ERROR["message"])


def test_an_error_raised_nowhere_in_particular_is_rendered() -> None:
    """Code without a table of its lines, as generated code may be, makes no number that is none."""
    code = compile("raise ValueError('x')", "nowhere", "exec")
    no_lines = bytes([0xF8]) * (len(code.co_code) // 2)  # of each instruction: no place is known
    with pytest.raises(ValueError, match="x") as caught:
        exec(code.replace(co_linetable=no_lines))
    error = render_websocket_error(caught.value, WebsocketContext("a"), debug=True).error
    assert (error["filename"], error["line"], error["column"]) == ("nowhere", None, None)


# routes


def hook_one(ctx: WebsocketContext, services: ServiceManager) -> None: ...
def hook_two(ctx: WebsocketContext, services: ServiceManager) -> None: ...
def hook_three(ctx: WebsocketContext, services: ServiceManager) -> None: ...


class Counter:
    """A service."""


class Plain(SocketIOController):
    counter = dependency(Counter)

    @event_name("go")
    def go(self) -> None: ...

    def undecorated(self) -> None: ...


def test_a_route_is_what_the_method_says() -> None:
    """One decorated method is one route; others are none; the controller has what it depends on."""
    [route] = routes(Plain).values()
    assert (route.event_name, route.method_name, route.name, route.hooks) == ("go", "go", "Plain.go", ())
    assert isinstance(route.controller, Plain)
    assert isinstance(route.controller.counter, Counter)


class General:
    @event_name("list")
    @websocket_hook(hook_three)
    def list(self) -> None: ...


@websocket_hook(hook_two)
class Special(General):
    @event_name("add")
    def add(self) -> None: ...


class Middle:
    sub_controllers = (ws_controller("special ", Special), ws_controller("general ", General))


@websocket_hook(hook_one)
class Top(SocketIOController):
    sub_controllers = (ws_controller("middle ", Middle),)


def test_inherited_methods_stand_under_the_childs_prefix_and_hooks() -> None:
    """Prefixes and class hooks add up from the root to the leaf; a parent's methods have those of the child."""
    found = {name: [hook.function for hook in route.hooks] for name, route in routes(Top).items()}
    assert found == {
        "middle special list": [hook_one, hook_two, hook_three],
        "middle special add": [hook_one, hook_two],
        "middle general list": [hook_one, hook_three],
    }


@in_fake_time
async def test_an_override_runs_once_for_each_message() -> None:
    """Decorated again or not, the parent's version is no second handler."""
    runs: list[str] = []

    class Parent(SocketIOController):
        @event_name("one")
        def one(self) -> None:
            runs.append("parent")

        @event_name("two")
        def two(self) -> None:
            runs.append("parent")

    class Child(Parent):
        def one(self) -> None:
            runs.append("one")

        @event_name("two")
        def two(self) -> None:
            runs.append("two")

    client = FakeClient(attach(Child))
    client.connect()
    client.emit("one")
    client.emit("two")
    assert runs == ["one", "two"]


@in_fake_time
async def test_a_childs_class_hook_does_not_open_what_its_parents_has_closed() -> None:
    """The parent's hook, which may be the one that asks for a login, still answers."""
    runs: list[str] = []

    @websocket_hook(lambda ctx, services: WebsocketErrorResponse("log in first"))
    class Parent(SocketIOController):
        @event_name("go")
        def go(self) -> None:
            runs.append("go")

    @websocket_hook(lambda ctx, services: runs.append("the child's hook"))
    class Child(Parent): ...

    assert await ask(Child, "go") == {"status": "error", "error": "log in first"}
    assert runs == []


# validation


@pytest.mark.parametrize("payload", [None, "text", 5, True, [], {}, {"name": 5}, {"name": None}])
def test_a_payload_that_does_not_fit_is_answered(payload: Any) -> None:
    """Anything but the object that is due is refused, by a schema and by a function that gives one alike."""
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    for given in (schema, lambda controller: schema):
        hook = get_websocket_hook_function(validate_payload(given))
        services = ServiceManager(Settings())
        assert hook(WebsocketContext("go", {"name": "x"}), services) is None
        assert hook(WebsocketContext("go", payload), services).error["code"] == "VALIDATION_PAYLOAD_ERROR"


def test_no_payload_at_all_is_no_object() -> None:
    """What Ajv says of it, letter for letter."""
    hook = get_websocket_hook_function(validate_payload({"type": "object"}))
    response = hook(WebsocketContext("go"), ServiceManager(Settings()))
    assert response.error == {
        "code": "VALIDATION_PAYLOAD_ERROR",
        "payload": [
            {
                "instancePath": "",
                "schemaPath": "#/type",
                "keyword": "type",
                "params": {"type": "object"},
                "message": "must be object",
            }
        ],
    }


@in_fake_time
async def test_a_schema_function_sees_the_controller_that_bears_it() -> None:
    """One decorator on two controllers has the schema of each, not that of the first for both."""
    limited = validate_payload(lambda controller: {"maximum": controller.limit})

    @limited
    class Small:
        limit = 1

        @event_name("go")
        def go(self) -> WebsocketResponse:
            return WebsocketResponse()

    @limited
    class Large:
        limit = 10

        @event_name("go")
        def go(self) -> WebsocketResponse:
            return WebsocketResponse()

    class Root(SocketIOController):
        sub_controllers = (ws_controller("small ", Small), ws_controller("large ", Large))

    assert (await ask(Root, "small go", 5))["status"] == "error"
    assert (await ask(Root, "large go", 5))["status"] == "ok"


# documentation


@websocket_hook
def check_login(ctx: WebsocketContext, services: ServiceManager) -> None:
    """Asks for a login."""


class Limit:
    """Asks for patience."""

    def __call__(self, ctx: WebsocketContext, services: ServiceManager) -> None: ...


def test_a_decorated_hook_keeps_its_docstring() -> None:
    """So that `help()` and documentation tools show what it does; in a merge of one, and of an object, as well."""
    assert check_login.__doc__ == "Asks for a login."
    assert merge_websocket_hooks(check_login).__doc__ == "Asks for a login."
    assert websocket_hook(Limit()).__doc__ == "Asks for patience."


def test_hooks_do_not_share_docstrings() -> None:
    """One without a docstring, and a merge of several, say nothing of another one."""
    for hook in (websocket_hook(lambda ctx, services: None), merge_websocket_hooks(check_login, check_login)):
        assert "login" not in (hook.__doc__ or "")
