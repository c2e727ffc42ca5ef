"""Hooks, methods and post functions of HTTP controllers: their order, and what stops them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from http_controllers.apps import ask, ask_app, make_app
from unit.apps import ask as ask_event
from unit.clock import run
from whinny import (
    ConfigurationError,
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketResponse,
    event_name,
    merge_websocket_hooks,
    websocket_hook,
    ws_controller,
)
from whinny.http import (
    Context,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseInternalServerError,
    HttpResponseOK,
    controller,
    get,
    get_hook_function,
    get_hook_functions,
    hook,
    merge_hooks,
)

if TYPE_CHECKING:
    from collections.abc import Callable

seen: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    seen.clear()


def note(name: str, *, post: bool = False) -> Callable[..., Any]:
    """The function of a hook that notes that it ran, and that its post function did."""

    def function(ctx: Any, services: Any) -> Any:
        seen.append(name)
        return (lambda response: seen.append(f"after {name}")) if post else None

    return function


def noting(hook_of: Any, merge: Any, route: Any, under: Any, base: type, ok: Any) -> type:
    """A root with a sub-controller and hooks everywhere, of either kind."""

    def go(self: Any) -> Any:
        seen.append("method")
        return ok("done")

    stacked = (hook_of(note("method 1", post=True)), hook_of(note("method 2")))
    method = route(stacked[0](stacked[1](go)))
    leaf = merge(hook_of(note("leaf 1", post=True)), hook_of(note("leaf 2")))(type("Leaf", (), {"go": method}))
    parent = hook_of(note("parent", post=True))(type("Parent", (base,), {}))
    return hook_of(note("root 1"))(  # type: ignore[no-any-return]
        hook_of(note("root 2", post=True))(type("Root", (parent,), {"sub_controllers": (under(leaf),)}))
    )


ORDER = ["parent", "root 1", "root 2", "leaf 1", "leaf 2", "method 1", "method 2", "method"]
ORDER += ["after method 1", "after leaf 1", "after root 2", "after parent"]


async def test_hooks_run_from_the_root_to_the_method_and_post_functions_back() -> None:
    root = noting(hook, merge_hooks, get("/go"), lambda leaf: controller("/leaf", leaf), object, HttpResponseOK)
    answer = await ask(root, path="/leaf/go")
    assert answer.text == "done"
    assert seen == ORDER


def test_the_hooks_of_events_run_in_the_same_order() -> None:
    root = noting(
        websocket_hook,
        merge_websocket_hooks,
        event_name("go"),
        lambda leaf: ws_controller("", leaf),
        SocketIOController,
        WebsocketResponse,
    )
    assert run(ask_event(root)) == {"status": "ok", "data": "done"}
    assert seen == ORDER


async def test_a_hook_gets_the_context_and_the_services_and_the_controller_that_bears_it() -> None:
    services = ServiceManager(Settings())

    async def look(ctx: Context, given: ServiceManager) -> None:
        assert given is services
        ctx.state.setdefault("bearers", []).append(type(ctx.controller).__name__)

    @hook(look)
    class Leaf:
        @get("/go")
        @hook(look)
        async def go(self, ctx: Context) -> HttpResponseOK:
            assert ctx.controller is self
            return HttpResponseOK([*ctx.state["bearers"], ctx.controller_name, ctx.controller_method_name])

    @hook(look)
    class Root:
        sub_controllers = (Leaf,)

    answer = await ask_app(make_app(Root, services), path="/go")
    assert answer.json() == ["Root", "Leaf", "Leaf", "Leaf", "go"]


async def test_a_response_of_a_hook_is_the_answer() -> None:
    """What comes after it is left out, and the post functions collected before it run."""

    class Root:
        @get("/")
        @hook(note("one", post=True))
        @hook(lambda ctx, services: HttpResponseBadRequest("no"))
        @hook(note("two", post=True))
        def go(self) -> HttpResponseOK:
            seen.append("method")
            return HttpResponseOK()

    answer = await ask(Root)
    assert (answer.status_code, answer.text) == (400, "no")
    assert seen == ["one", "after one"]


async def test_a_post_function_may_change_the_response() -> None:
    async def stamp(ctx: Context, services: ServiceManager) -> Any:
        async def after(response: HttpResponse) -> None:
            response.set_header("X-Stamp", "yes").set_cookie("a", "b")

        return after

    class Root:
        @get("/")
        @hook(stamp)
        def go(self) -> HttpResponseOK:
            return HttpResponseOK("x")

    answer = await ask(Root)
    assert answer.headers["x-stamp"] == "yes"
    assert answer.cookies["a"] == "b"


@pytest.mark.parametrize("where", ["hook", "method", "result", "post", "hook result", "encoding"])
async def test_an_error_anywhere_gives_500_and_post_functions_hear_of_it(where: str) -> None:
    heard: list[HttpResponse] = []

    def broken(*args: Any) -> Any:
        if where in ("hook", "post"):
            raise RuntimeError("broken")
        return 3

    def breaking(ctx: Context, services: ServiceManager) -> Any:
        return broken if where == "post" else broken() if where in ("hook", "hook result") else None

    class Root:
        @get("/")
        @hook(lambda ctx, services: heard.append)
        @hook(breaking)
        def go(self) -> Any:
            if where == "method":
                raise RuntimeError("broken")
            return HttpResponseOK(object()) if where == "encoding" else None if where == "result" else HttpResponseOK()

    answer = await ask(Root)
    assert answer.status_code == 500
    assert "500 - INTERNAL SERVER ERROR" in answer.text
    assert "broken" not in answer.text
    (response,) = heard
    assert isinstance(response, HttpResponseInternalServerError)
    assert isinstance(response.exception, Exception)
    assert response.ctx is not None
    assert response.ctx.controller_method_name == "go"


@pytest.mark.parametrize("result", [None, {"a": 1}, HttpResponseOK, "text"])
async def test_a_method_must_return_a_response(result: Any, caplog: pytest.LogCaptureFixture) -> None:
    root = type("Root", (), {"go": get("/")(lambda self: result)})
    assert (await ask(root)).status_code == 500
    assert "Root.go returned" in caplog.text
    assert "it must return an HttpResponse." in caplog.text


def test_the_functions_of_a_hook_can_be_had() -> None:
    def one(ctx: Any, services: Any) -> None: ...
    def two(ctx: Any, services: Any) -> None: ...

    merged = merge_hooks(hook(one), hook(two))
    assert get_hook_function(hook(one)) is one
    assert get_hook_functions(merged) == (one, two)
    assert get_hook_functions(merge_hooks(merged, hook(one))) == (one, two, one)
    with pytest.raises(ConfigurationError, match="merges none"):
        get_hook_function(merge_hooks())
    with pytest.raises(ConfigurationError, match="This needs hooks"):
        merge_hooks(one)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [None, 3, get("/")(lambda self: HttpResponseOK())])
def test_a_hook_needs_its_function(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="hook needs the hook's function"):
        hook(wrong)
