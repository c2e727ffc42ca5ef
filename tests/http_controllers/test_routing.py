"""From HTTP controllers to routes: which method answers what, in which order, and what is refused on the way."""

from __future__ import annotations

from typing import Any

import pytest

from http_controllers.apps import ask, make_app
from whinny import ConfigurationError, SubController, websocket_hook
from whinny.framework import controller_tree
from whinny.http import (
    Context,
    HttpResponseCreated,
    HttpResponseNoContent,
    HttpResponseOK,
    controller,
    delete,
    get,
    head,
    hook,
    options,
    patch,
    post,
    put,
    validate_body,
)


def refusal(root: Any, **more: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        make_app(root, **more)
    return str(caught.value)


def root(**members: Any) -> type:
    return type("Root", (), members)


class Verbs:
    @get("/thing")
    def get_it(self) -> HttpResponseOK:
        return HttpResponseOK("get")

    @post("/thing")
    async def post_it(self) -> HttpResponseCreated:
        return HttpResponseCreated("post")

    @put("/thing")
    def put_it(self) -> HttpResponseOK:
        return HttpResponseOK("put")

    @patch("/thing")
    def patch_it(self) -> HttpResponseOK:
        return HttpResponseOK("patch")

    @delete("/thing")
    def delete_it(self) -> HttpResponseNoContent:
        return HttpResponseNoContent()

    @options("/thing")
    def options_it(self) -> HttpResponseOK:
        return HttpResponseOK("options")


@pytest.mark.parametrize(
    ("verb", "status"), [("GET", 200), ("POST", 201), ("PUT", 200), ("PATCH", 200), ("DELETE", 204), ("OPTIONS", 200)]
)
async def test_each_method_is_answered_by_its_own(verb: str, status: int) -> None:
    answer = await ask(Verbs, verb, "/thing")
    assert (answer.status_code, answer.text) == (status, "" if status == 204 else verb.lower())


async def test_head_is_answered_by_get() -> None:
    """With its headers and without its body."""
    answer = await ask(Verbs, "HEAD", "/thing")
    assert answer.status_code == 200
    assert answer.headers["content-length"] == "3"


async def test_head_is_answered_by_its_own_method_where_there_is_one() -> None:
    """Wherever it stands, and whatever its parameters are called; for other paths nothing changes."""

    class Root:
        @get("/a/{id}")
        def get_it(self) -> HttpResponseOK:
            return HttpResponseOK("get")

        @head("/a/{name}")
        def head_it(self, ctx: Context) -> HttpResponseOK:
            return HttpResponseOK().set_header("X-Head", ctx.path_params["name"])

        @get("/b")
        def other(self) -> HttpResponseOK:
            return HttpResponseOK()

    answer = await ask(Root, "HEAD", "/a/3")
    assert answer.headers["x-head"] == "3"
    assert "x-head" not in (await ask(Root, "GET", "/a/3")).headers
    assert (await ask(Root, "HEAD", "/b")).status_code == 200


async def test_a_path_that_is_known_for_other_methods_gives_405_and_names_all() -> None:
    answer = await ask(
        root(sub_controllers=(Verbs,), read=get("/{any}")(lambda self: HttpResponseOK())), "TRACE", "/thing"
    )
    assert answer.status_code == 405
    assert answer.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1>405 - METHOD NOT ALLOWED</h1>" in answer.text


async def test_an_unknown_path_gives_404() -> None:
    answer = await ask(Verbs, "GET", "/nothing")
    assert answer.status_code == 404
    assert "<h1>404 - NOT FOUND</h1>" in answer.text


async def test_parameters_of_a_path_are_had_from_the_context_and_the_request() -> None:
    class Root:
        @get("/products/{id:int}/{name}")
        def read(self, ctx: Context) -> HttpResponseOK:
            return HttpResponseOK([ctx.path_params, ctx.request.path_params])

    params = {"id": 3, "name": "a"}
    assert (await ask(Root, path="/products/3/a")).json() == [params, params]
    assert (await ask(Root, path="/products/x/a")).status_code == 404


# paths


async def test_paths_are_joined_and_repeated_slashes_are_one() -> None:
    class Leaf:
        @get()
        def all(self) -> HttpResponseOK:
            return HttpResponseOK("all")

        @get("/{id}")
        def one(self, ctx: Context) -> HttpResponseOK:
            return HttpResponseOK(ctx.path_params["id"])

    class Branch:
        sub_controllers = (controller("/users/", Leaf), controller("//members", Leaf))

    class Root:
        sub_controllers = (controller("/api/", Branch), Leaf)

    assert (await ask(Root, path="/api/users/3")).text == "3"
    assert (await ask(Root, path="/api/members/4")).text == "4"
    assert (await ask(Root, path="/api/members")).text == "all"
    assert (await ask(Root, path="/api/users/")).text == "all"
    assert (await ask(Root)).text == "all"
    assert (await ask(Root, path="/5")).text == "5"


async def test_sub_controllers_come_first_then_own_methods_then_inherited_ones() -> None:
    def answer(text: str) -> Any:
        return lambda self: HttpResponseOK(text)

    parent = type("Parent", (), {"any": get("/{any}")(answer("parent"))})
    sub = type("Sub", (), {"a": get("/sub")(answer("sub"))})
    own = {"sub": get("/{sub:path}")(answer("own")), "late": get("/late")(answer("late"))}
    child = type("Child", (parent,), {**own, "sub_controllers": (sub,)})
    assert (await ask(child, path="/sub")).text == "sub"
    assert (await ask(child, path="/late")).text == "own"
    assert (await ask(child, path="/else")).text == "own"
    other = type("Other", (parent,), {"x": get("/x")(answer("other"))})
    assert (await ask(other, path="/x")).text == "other"
    assert (await ask(other, path="/y")).text == "parent"


async def test_an_override_keeps_the_route_and_the_hooks() -> None:
    """It is there once; a decorator of its own begins anew."""
    seen: list[str] = []

    def note(name: str) -> Any:
        return hook(lambda ctx, services: seen.append(name))

    class Parent:
        @get("/a")
        @note("parent")
        def read(self) -> HttpResponseOK:
            return HttpResponseOK("parent")

    class Plain(Parent):
        @note("child")
        def read(self) -> HttpResponseOK:
            return HttpResponseOK("plain")

    class Moved(Parent):
        @get("/b")
        @note("moved")
        def read(self) -> HttpResponseOK:
            return HttpResponseOK("moved")

    assert (await ask(Plain, path="/a")).text == "plain"
    assert seen == ["parent", "child"]
    seen.clear()
    assert (await ask(Moved, path="/b")).text == "moved"
    assert seen == ["moved"]
    assert (await ask(Moved, path="/a")).status_code == 404


async def test_a_class_may_stand_under_two_paths() -> None:
    both = root(sub_controllers=(controller("/a", Verbs), controller("/b", Verbs)))
    assert (await ask(both, path="/a/thing")).text == (await ask(both, path="/b/thing")).text == "get"


# what is refused


def test_two_methods_for_the_same_requests_are_refused() -> None:
    """Whatever the parameters are called; with another convertor or another method they are not the same."""
    answer = lambda self: HttpResponseOK()  # noqa: E731
    both = {"one": get("/{id}")(lambda self: HttpResponseOK()), "two": get("/{name:str}")(answer)}
    assert refusal(root(**both)) == "Two methods answer GET '/{name:str}': Root.one and Root.two."
    make_app(root(**{**both, "two": get("/{name:int}")(lambda self: HttpResponseOK())}))
    make_app(root(**{**both, "two": post("/{name}")(lambda self: HttpResponseOK())}))


@pytest.mark.parametrize(
    "path", ["/{id:number}", "/{a}/{a}", "/{id", "/{}", "/{a b}", "/{user-id}", "/{1a}", "/{größe}"]
)
def test_a_wrong_path_is_refused(path: str) -> None:
    assert refusal(root(go=get(path)(lambda self: HttpResponseOK()))).startswith(
        f"Root.go has the path {path!r}, which"
    )


async def test_a_slash_at_the_end_makes_another_path() -> None:
    """To which the client is sent where there is no other."""
    inner = root(get=get("/a")(lambda self: HttpResponseOK()), post=post("/b/")(lambda self: HttpResponseOK()))
    for http_method, path, other in (("GET", "/a/?x=1", "/a?x=1"), ("POST", "/b", "/b/")):
        answer = await ask(inner, http_method, path)
        assert (answer.status_code, answer.headers["location"]) == (307, f"http://localhost{other}")
    both = root(one=get("/a")(lambda self: HttpResponseOK("one")), two=get("/a/")(lambda self: HttpResponseOK("two")))
    assert [(await ask(both, path=path)).text for path in ("/a", "/a/")] == ["one", "two"]


def test_a_path_begins_with_a_slash() -> None:
    with pytest.raises(ConfigurationError, match="get has the path 'users', which must begin"):
        get("users")
    with pytest.raises(ConfigurationError, match="controller has the path 'users', which must begin"):
        controller("users", Verbs)
    words = refusal(root(sub_controllers=(SubController("users ", Verbs),)))
    assert words == "Verbs.get_it has the path 'users /thing', which must begin with a slash."


@pytest.mark.parametrize("decorator", [get, post, put, patch, delete, head, options])
def test_a_decorator_without_its_path_is_refused(decorator: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{decorator.__name__} needs a path"):
        decorator(lambda self: HttpResponseOK())


@pytest.mark.parametrize("wrong", [staticmethod(len), property(len), Verbs, 3, len])
def test_a_decorator_on_something_else_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=r'get\("/a"\) needs a method'):
        get("/a")(wrong)


def test_a_decorator_on_a_hook_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r'get\("/a"\) stands on a hook'):
        get("/a")(hook(lambda ctx, services: None))  # type: ignore[type-var]


def test_two_routes_of_one_method_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r'this one has post\("/b"\), so it cannot have get\("/a"\)'):
        get("/a")(post("/b")(lambda self: HttpResponseOK()))


@pytest.mark.parametrize(
    "method",
    [
        lambda self, ctx, body, more: None,
        lambda self, ctx, *more: None,
        lambda self, *, ctx: None,
        lambda self, body: None,
    ],
)
def test_other_parameters_are_refused(method: Any) -> None:
    assert refusal(root(go=get("/")(method))).endswith("it must take (self), (self, ctx) or (self, ctx, body).")


def test_a_body_of_a_type_that_cannot_be_is_refused() -> None:
    def go(self: Any, ctx: Context, body: complex) -> HttpResponseOK:
        return HttpResponseOK()

    assert refusal(root(go=post("/")(go))).startswith("Root.go takes a body of the type complex, which")


def test_hooks_without_a_route_are_refused() -> None:
    words = "Root.go has hooks, but nothing leads to it: it has no get, post or the like."
    for decorator in (hook(lambda ctx, services: None), validate_body({})):
        assert refusal(root(go=decorator(lambda self: None))) == words


def test_a_bad_schema_is_refused() -> None:
    method = post("/")(validate_body({"type": "text"})(lambda self: HttpResponseOK()))
    assert refusal(root(go=method)).startswith("Root.go has a wrong JSON Schema")


def test_handle_error_below_the_root_is_refused() -> None:
    inner = type("Inner", (), {"handle_error": lambda self, error, ctx: None})
    assert "Inner.handle_error has no meaning here" in refusal(root(sub_controllers=(inner,)))


def test_handle_error_takes_error_and_context() -> None:
    for wrong in (lambda self, error: None, lambda self, ctx, error: None, 3):
        words = "Root.handle_error must be a method that takes (self, error, ctx)."
        assert refusal(root(handle_error=wrong)) == words


def test_a_root_is_a_class() -> None:
    assert refusal(Verbs()).startswith("create_app needs the class of the root controller")


@pytest.mark.parametrize("wrong", [-1, "1MB", 1.5])
def test_a_bound_is_a_number_of_bytes(wrong: Any) -> None:
    assert refusal(Verbs, max_body_size=wrong) == f"max_body_size must be a number of bytes, or None, not {wrong!r}."


def test_the_tree_is_that_of_the_framework() -> None:
    """`controller` gives what `ws_controller` gives, so that one tree serves both."""
    assert controller("/a", Verbs) == SubController("/a", Verbs)
    assert controller_tree.__module__.startswith("whinny.framework")
    assert type(hook(lambda ctx, services: None)) is type(websocket_hook(lambda ctx, services: None))
