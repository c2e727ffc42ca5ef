"""Habits of other frameworks, forgotten parentheses and hooks of the wrong kind: refused, and told how it is done."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import pytest

from http_controllers.apps import ask, make_app
from whinny import (
    ConfigurationError,
    SubController,
    WebsocketContext,
    event_name,
    http_to_websocket_hook,
    merge_websocket_hooks,
    use_websocket_sessions,
    validate_payload,
    websocket_hook,
)
from whinny.http import (
    Context,
    HttpResponseOK,
    controller,
    get,
    get_hook_function,
    hook,
    merge_hooks,
    permission_required,
    post,
    use_sessions,
    user_required,
    validate_body,
    validate_cookies,
    validate_headers,
    validate_path_params,
    validate_query,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

TAKES = "must take (self), (self, ctx) or (self, ctx, body)."


def refusal(root: type) -> str:
    with pytest.raises(ConfigurationError) as caught:
        make_app(root)
    return str(caught.value)


def root(**members: Any) -> type:
    return type("Root", (), members)


def answer(self: Any) -> HttpResponseOK:
    return HttpResponseOK("open")


# hooks without parentheses


FACTORIES: list[tuple[Any, str]] = [
    (user_required, "user_required()"),
    (permission_required, "permission_required(…)"),
    (use_sessions, "use_sessions()"),
    (validate_body, "validate_body(…)"),
    (validate_query, "validate_query(…)"),
    (validate_headers, "validate_headers(…)"),
    (validate_cookies, "validate_cookies(…)"),
    (validate_path_params, "validate_path_params(…)"),
]


@pytest.mark.parametrize(("factory", "written"), FACTORIES)
def test_what_makes_hooks_is_called(factory: Any, written: str) -> None:
    """Above a route, or a class, it says so where it is written: the route would be gone."""
    route = get("/")(lambda self: HttpResponseOK())
    hooked = hook(lambda ctx, services: None)(lambda self: HttpResponseOK())
    for below in (route, hooked, root()):
        with pytest.raises(ConfigurationError) as caught:
            factory(below)
        assert f"write @{written} above a method or a class" in str(caught.value)


def test_an_access_hook_needs_a_text() -> None:
    with pytest.raises(ConfigurationError, match="user_required needs a path to redirect to, not 3"):
        user_required(3)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="permission_required needs the name of a permission, not None"):
        permission_required(None)  # type: ignore[arg-type]


def test_a_hook_in_the_place_of_a_method_is_refused() -> None:
    """An override, or what has no route below it, cannot be told from a hook's function where it is written."""

    def limit(times: Any) -> Any:
        def check(ctx: Context, services: Any) -> None: ...

        return hook(check)

    class Parent:
        @get("/")
        def show(self) -> HttpResponseOK:
            return HttpResponseOK()

    class Child(Parent):
        @limit
        def show(self) -> HttpResponseOK:
            return HttpResponseOK()

    for cls in (Child, root(sub_controllers=(Child,))):
        assert refusal(cls).startswith(
            "Child.show is the hook check, where a method should be: what makes hooks is called above a method, "
            "write user_required(), not user_required;"
        )

    class Routed:
        @limit
        @get("/")
        def show(self) -> HttpResponseOK:
            return HttpResponseOK()

    assert refusal(Routed).startswith("Routed.show is the hook check, where a method should be")


def test_a_method_that_a_decorator_hides_is_refused() -> None:
    """A closure in its place has no route: of a factory that was not called, or of one that forgot functools.wraps."""

    def role_required(role: Any) -> Any:
        def decorate(method: Any) -> Any:
            return hook(lambda ctx, services: ctx.state.update(role=role))(method)

        return decorate

    def log_calls(method: Any) -> Any:
        return lambda *args: method(*args)

    def log_properly(method: Any) -> Any:
        return functools.wraps(method)(lambda *args: method(*args))

    def controller_with(decorator: Any) -> type:
        class Root:
            @decorator
            @get("/hidden")
            def show(self) -> HttpResponseOK:
                return HttpResponseOK()

        return Root

    for decorator in (role_required, log_calls):
        assert refusal(controller_with(decorator)).startswith('Root.show hides get("/hidden"), as what stands above')
    make_app(controller_with(log_properly))
    make_app(controller_with(role_required("admin")))


# what a method takes


@dataclass
class Product:
    name: str


class HasUser(Protocol):
    user: Any


def by_id(self: Any, id: int) -> Any: ...  # noqa: A002
def by_id_alone(self: Any, id) -> Any: ...  # type: ignore[no-untyped-def]  # noqa: A002
def by_id_behind(self: Any, ctx: Context, id: int) -> Any: ...  # noqa: A002
def by_id_keyword(self: Any, ctx: Context, *, id: int) -> Any: ...  # noqa: A002
def by_id_without_self(id: int) -> Any: ...  # noqa: A002


@pytest.mark.parametrize("method", [by_id, by_id_alone, by_id_behind, by_id_keyword, by_id_without_self])
def test_parameters_of_the_path_are_had_from_the_context(method: Callable[..., Any]) -> None:
    expected = (
        f'Root.go takes id, which is a parameter of its path: it is ctx.path_params["id"], and the method {TAKES}'
    )
    assert refusal(root(go=get("/{id:int}")(_copy(method)))) == expected
    inner = type("Root", (), {"go": get()(_copy(method))})
    assert refusal(root(sub_controllers=(controller("/things/{id}", inner),))) == expected


def product_first(self: Any, product: Product) -> Any: ...
def list_first(self: Any, products: list[Product]) -> Any: ...
def text_or_none(self: Any, name: str | None = None) -> Any: ...
def annotated(self: Any, name: Annotated[str, "a name"]) -> Any: ...
def of_events(self: Any, ctx: WebsocketContext) -> Any: ...


@pytest.mark.parametrize(
    ("method", "shown"),
    [
        (product_first, "product: Product"),
        (list_first, "products: list["),
        (text_or_none, "name: str | None"),
        (annotated, "name: typing.Annotated[str, 'a name']"),
        (of_events, "ctx: WebsocketContext"),
    ],
)
def test_what_is_declared_as_something_else_is_not_given_the_context(method: Callable[..., Any], shown: str) -> None:
    message = refusal(root(go=post("/")(_copy(method))))
    assert message.startswith(f"Root.go takes {shown}")
    assert message.endswith(f" where the context comes, a Context: it {TAKES}")


def swapped(self: Any, product: Product, ctx: Context) -> Any: ...
def swapped_names(self, data, ctx) -> Any: ...  # type: ignore[no-untyped-def]
def body_first(self: Any, body: Any) -> Any: ...


@pytest.mark.parametrize(("method", "name"), [(swapped, "product"), (swapped_names, "data"), (body_first, "body")])
def test_the_context_comes_first(method: Callable[..., Any], name: str) -> None:
    assert refusal(root(go=post("/")(_copy(method)))) == (
        f"Root.go takes the {name} first, where the context comes: it {TAKES}"
    )


def ctx_alone(ctx) -> Any: ...  # type: ignore[no-untyped-def]
def request_alone(request: Context[Any]) -> Any: ...
def body_alone(body) -> Any: ...  # type: ignore[no-untyped-def]
def ctx_and_body(ctx: Any, body: Any) -> Any: ...


@pytest.mark.parametrize(
    ("method", "name"), [(ctx_alone, "ctx"), (request_alone, "request"), (body_alone, "body"), (ctx_and_body, "ctx")]
)
def test_a_forgotten_self_is_seen(method: Callable[..., Any], name: str) -> None:
    assert refusal(root(go=post("/")(_copy(method)))) == f"Root.go takes {name} where self comes: it {TAKES}"


def plain(self, request): ...  # type: ignore[no-untyped-def]
def generic(self: Any, c: Context[Product]) -> Any: ...
def either(self: Any, c: Context[Any] | WebsocketContext[Any]) -> Any: ...
def anything(self: Any, c: object) -> Any: ...
def any_type(self: Any, c: Any) -> Any: ...
def structural(self: Any, c: HasUser) -> Any: ...
def for_checkers_alone(self: Any, c: Decimal) -> Any: ...
def said_of(self: Any, c: Annotated[Context, "the context"]) -> Any: ...
def named_like_a_part(self: Any, ctx: Context, body: Any) -> Any: ...


@pytest.mark.parametrize(
    "method", [plain, generic, either, anything, any_type, structural, for_checkers_alone, said_of, named_like_a_part]
)
def test_what_may_be_the_context_is_let_through(method: Callable[..., Any]) -> None:
    """What has no type, a wider one, or one that is not there when the program runs. A path may have `ctx` in it."""
    make_app(root(go=post("/{ctx}/{body}/{self}")(_copy(method))))


def _copy(function: Any) -> Any:
    """A function of its own, since a method has one route."""
    made = type(function)(function.__code__, globals(), function.__name__, function.__defaults__)
    made.__kwdefaults__, made.__annotations__ = function.__kwdefaults__, function.__annotations__
    return made


# paths


@pytest.mark.parametrize("path", ["/search?q={q}", "/page#top"])
def test_a_path_has_no_query(path: str) -> None:
    words = f"has the path {path!r}, but a path ends before ? and #: the query is had from ctx.query."
    inner = root(go=get()(lambda self: HttpResponseOK()))
    for function, written in ((get, lambda: get(path)), (controller, lambda: controller(path, inner))):
        with pytest.raises(ConfigurationError) as caught:
            written()
        assert str(caught.value) == f"{function.__name__} {words}"
    assert refusal(root(sub_controllers=(SubController(path, inner),))) == f"Root.go {words}"


@pytest.mark.parametrize(("path", "written"), [("/a%20b", "/a b"), ("/%C3%BC/{id}", "/ü/{id}")])
def test_a_path_is_written_as_it_is_when_decoded(path: str, written: str) -> None:
    for refused in (lambda: get(path), lambda: controller(path, object)):
        with pytest.raises(ConfigurationError, match="when they have been decoded: write") as caught:
            refused()
        assert repr(written) in str(caught.value)


async def test_a_path_may_have_any_letters() -> None:
    root = type("Root", (), {"go": get("/a b/100%")(lambda self: HttpResponseOK("yes"))})
    assert (await ask(root, path="/a%20b/100%25")).text == "yes"


def test_the_name_of_a_parameter_is_said_to_be_wrong() -> None:
    """Starlette would take what is in the braces for a text of the path."""
    assert refusal(root(go=get("/{user-id}")(lambda self: HttpResponseOK()))) == (
        "Root.go has the path '/{user-id}', which is wrong: a parameter is {name} or {name:type}, where the name is "
        "one of ASCII letters, digits and _."
    )


# kinds


WEBSOCKET_HOOKS: list[tuple[Any, str]] = [
    (validate_payload({}), "validate_payload"),
    (use_websocket_sessions(), "use_websocket_sessions"),
    (websocket_hook(lambda ctx, services: None), "<lambda>"),
    (http_to_websocket_hook(user_required()), "user_required"),
]


@pytest.mark.parametrize(("decorator", "name"), WEBSOCKET_HOOKS)
def test_a_hook_for_events_is_refused_on_a_method_and_on_a_class(decorator: Any, name: str) -> None:
    """On the root, and below it."""
    words = (
        f"has the hook {name}, which is one for events: on an HTTP method write what is made for HTTP, such as "
        "use_sessions(), validate_body(…) or hook(function)."
    )
    method = root(go=get("/")(decorator(lambda self: HttpResponseOK())))
    bearing = decorator(root(go=get("/")(lambda self: HttpResponseOK())))
    assert refusal(method) == f"Root.go {words}"
    assert refusal(bearing) == f"Root {words}"
    assert refusal(type("Above", (), {"sub_controllers": (bearing,)})) == f"Root {words}"
    assert refusal(decorator(type("Above", (), {"sub_controllers": (Inner,)}))) == f"Above {words}"


class Inner:
    @get("/")
    def go(self) -> HttpResponseOK:
        return HttpResponseOK()


def test_kinds_are_not_merged() -> None:
    """And a merge has the kind of what it merges, one of none too."""
    with pytest.raises(ConfigurationError) as caught:
        merge_hooks(user_required(), validate_payload({}))
    assert str(caught.value) == "validate_payload is a hook for events, which cannot be merged with those for HTTP."
    with pytest.raises(ConfigurationError, match="user_required is a hook for HTTP, which cannot be merged with those"):
        merge_websocket_hooks(user_required())
    with pytest.raises(ConfigurationError, match="a merge of none is a hook for events"):
        merge_hooks(merge_websocket_hooks())
    merged = merge_hooks(user_required(), merge_hooks(user_required()))
    make_app(root(go=get("/")(merged(lambda self: HttpResponseOK()))))
    assert get_hook_function(merged) is merged.hooks[0]


def test_an_event_in_an_http_controller_is_refused() -> None:
    """With hooks or without; a class is a controller of one kind."""
    words = 'Root.go has event_name("go"), but Root is a controller for HTTP: write it in one for events.'
    assert refusal(root(go=event_name("go")(lambda self: None))) == words
    assert refusal(root(go=event_name("go")(validate_payload({})(lambda self: None)))) == words


def test_a_method_has_one_route_or_one_event() -> None:
    with pytest.raises(ConfigurationError, match=r'this one has event_name\("go"\), so it cannot have get\("/a"\)'):
        get("/a")(event_name("go")(lambda self: None))


async def test_an_override_of_another_kind_takes_the_place() -> None:
    """What counts is the mark that was set last."""
    parent = type("Parent", (), {"go": event_name("go")(lambda self: None)})
    child = type("Child", (parent,), {"go": get("/")(_copy(answer))})
    assert (await ask(child)).text == "open"


# messages


def a_function(self: Any) -> None: ...


@pytest.mark.parametrize(
    "refused",
    [
        lambda: get(a_function),  # type: ignore[arg-type]
        lambda: hook(get("/")(lambda self: HttpResponseOK())),  # type: ignore[arg-type]
        lambda: hook(user_required()),  # type: ignore[arg-type]
        lambda: merge_hooks(a_function),  # type: ignore[arg-type]
        lambda: controller("/", a_function),  # type: ignore[arg-type]
        lambda: controller(a_function, Inner),  # type: ignore[arg-type]
        lambda: http_to_websocket_hook(user_required),  # type: ignore[arg-type]
        lambda: use_sessions(user=lambda: None),
        lambda: make_app(root(sub_controllers=a_function)),
        lambda: make_app(root(sub_controllers=(functools.partial(a_function),))),
        lambda: make_app(root(go=get("/")(hook(_hook_with_default)(lambda self: HttpResponseOK())))),
        lambda: make_app(type("Child", (Inner,), {"go": object()})),
        lambda: make_app(user_required()),  # type: ignore[arg-type]
    ],
)
def test_messages_show_functions_by_their_names(refused: Callable[[], object]) -> None:
    """What stands at which address is nobody's affair."""
    with pytest.raises(ConfigurationError) as caught:
        refused()
    assert " at 0x" not in str(caught.value)


def _hook_with_default(ctx: Any, services: Any, more: Any, default: Any = a_function) -> None: ...


def test_a_function_is_shown_by_its_qualified_name() -> None:
    with pytest.raises(ConfigurationError, match=r"not <function Inner\.go>\."):
        hook(Inner.go)  # type: ignore[arg-type]
