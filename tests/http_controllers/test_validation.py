"""The validation of the parts of a request."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request

from http_controllers.apps import ask, make_app
from whinny import ConfigurationError, ServiceManager, Settings
from whinny.http import (
    Context,
    HttpResponseBadRequest,
    HttpResponseOK,
    get,
    get_hook_function,
    post,
    validate_body,
    validate_cookies,
    validate_headers,
    validate_path_params,
    validate_query,
)

PAGE = {
    "type": "object",
    "properties": {
        "page": {"type": "integer", "minimum": 1, "default": 1},
        "all": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["page"],
    "additionalProperties": False,
}

NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


def root(hook: Any, part: str, path: str = "/") -> type:
    """A root whose method tells what the context has of a part."""

    @hook
    async def go(self: Any, ctx: Context) -> HttpResponseOK:
        return HttpResponseOK(await ctx.body() if part == "body" else getattr(ctx, part))

    return type("Root", (), {"go": (post if part == "body" else get)(path)(go)})


# the body


def _echo_body(self: Any, ctx: Context, body: Any) -> HttpResponseOK:
    return HttpResponseOK(body)


async def test_a_body_that_fits_reaches_the_method() -> None:
    answer = await ask(root(validate_body(NAME), "body"), "POST", json={"name": "a", "more": 1})
    assert (answer.status_code, answer.json()) == (200, {"name": "a", "more": 1})


@pytest.mark.parametrize("body", [None, "text", 3, True, [], {"name": 3}, {}])
async def test_a_body_that_does_not_fit_gives_400(body: Any) -> None:
    answer = await ask(root(validate_body(NAME), "body"), "POST", json=body)
    assert answer.status_code == 400
    (error,) = answer.json()["body"]
    assert sorted(error) == ["instancePath", "keyword", "message", "params", "schemaPath"]


async def test_a_body_that_was_not_sent_does_not_fit() -> None:
    answer = await ask(root(validate_body(NAME), "body"), "POST")
    assert answer.json() == {
        "body": [
            {
                "instancePath": "",
                "schemaPath": "#/type",
                "keyword": "type",
                "params": {"type": "object"},
                "message": "must be object",
            }
        ]
    }


async def test_a_body_is_changed_only_where_that_is_asked_for() -> None:
    sent = {"page": "3", "more": 1}
    assert (await ask(root(validate_body(PAGE), "body"), "POST", json=sent)).status_code == 400
    hook = validate_body(PAGE, coerce_types=True, remove_additional=True)
    assert (await ask(root(hook, "body"), "POST", json=sent)).json() == {"page": 3}
    hook = validate_body(PAGE, use_defaults=True)
    assert (await ask(root(hook, "body"), "POST", json={})).json() == {"page": 1}


async def test_a_form_is_validated_with_types_coerced() -> None:
    hook = validate_body(PAGE, coerce_types=True)
    assert (await ask(root(hook, "body"), "POST", data={"page": "3"})).json() == {"page": 3}


async def test_a_field_of_a_form_that_is_a_list_may_come_once() -> None:
    """A ticked checkbox of several. In JSON a text stays what it is."""
    schema = {
        "type": "object",
        "properties": {
            "tags": {"type": "array", "items": {"type": "string"}},
            "more": {"type": ["array", "null"]},
            "name": {"type": ["string", "array"]},
        },
    }
    root = type("Root", (), {"go": post("/")(validate_body(schema)(_echo_body))})
    assert (await ask(root, "POST", data={"tags": "a", "more": "b", "name": "c"})).json() == {
        "tags": ["a"],
        "more": ["b"],
        "name": "c",
    }
    assert (await ask(root, "POST", data={"tags": ["a", "b"]})).json() == {"tags": ["a", "b"]}
    assert (await ask(root, "POST", files={"tags": (None, "a")})).json() == {"tags": ["a"]}
    assert (await ask(root, "POST", json={"tags": "a"})).status_code == 400


async def test_the_declared_type_is_that_of_the_changed_body() -> None:
    class Root:
        @post("/")
        @validate_body(PAGE, coerce_types=True)
        def go(self, ctx: Context, body: dict[str, int]) -> HttpResponseOK:
            return HttpResponseOK(body["page"] + 1)

    assert (await ask(Root, "POST", data={"page": "3"})).text == "4"


# the query


async def test_a_query_is_coerced() -> None:
    """It is all texts; what `request` has stays."""
    answer = await ask(root(validate_query(PAGE), "query"), path="/?page=3&all=true")
    assert answer.json() == {"page": 3, "all": True}


async def test_a_parameter_that_is_a_list_may_come_once() -> None:
    controller = root(validate_query(PAGE), "query")
    assert (await ask(controller, path="/?page=3&tags=a")).json()["tags"] == ["a"]
    assert (await ask(controller, path="/?page=3&tags=a&tags=b")).json()["tags"] == ["a", "b"]
    answer = await ask(controller, path="/?page=3&page=4")
    assert [error["instancePath"] for error in answer.json()["query"]] == ["/page"]


async def test_the_errors_of_a_query() -> None:
    answer = await ask(root(validate_query(PAGE), "query"), path="/?page=x&other=1")
    assert answer.status_code == 400
    assert sorted(error["keyword"] for error in answer.json()["query"]) == ["additionalProperties", "type"]


async def test_a_query_is_changed_in_other_ways_where_that_is_asked_for() -> None:
    assert (await ask(root(validate_query(PAGE), "query"))).status_code == 400
    hook = validate_query(PAGE, use_defaults=True, remove_additional=True)
    assert (await ask(root(hook, "query"), path="/?other=1")).json() == {"page": 1}
    hook = validate_query(PAGE, coerce_types=False)
    assert (await ask(root(hook, "query"), path="/?page=3")).status_code == 400


# headers, cookies, path


async def test_headers_are_validated() -> None:
    schema = {"type": "object", "properties": {"x-count": {"type": "integer"}}, "required": ["x-count"]}
    controller = root(validate_headers(schema), "headers")
    assert (await ask(controller, headers={"X-Count": "3"})).json()["x-count"] == 3
    answer = await ask(controller, headers={"X-Count": "x"})
    assert (answer.status_code, [each["instancePath"] for each in answer.json()["headers"]]) == (400, ["/x-count"])


@pytest.mark.parametrize("schema", [{"properties": {"X-Count": {}}}, {"required": ["X-Count"]}])
def test_a_header_is_named_in_lower_case(schema: dict[str, Any]) -> None:
    """Any other name would never be there."""
    with pytest.raises(ConfigurationError, match=r"Root\.go validates the header 'X-Count'") as caught:
        make_app(root(validate_headers(schema), "headers"))
    assert "lower case" in str(caught.value)


async def test_cookies_are_validated() -> None:
    schema = {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]}
    controller = root(validate_cookies(schema), "cookies")
    assert (await ask(controller, headers={"cookie": "count=3; a=b"})).json() == {"count": 3, "a": "b"}
    answer = await ask(controller)
    assert (answer.status_code, [each["keyword"] for each in answer.json()["cookies"]]) == (400, ["required"])


async def test_the_path_is_validated() -> None:
    schema = {"type": "object", "properties": {"id": {"type": "integer", "maximum": 9}}}
    for path in ("/{id}", "/{id:int}"):
        controller = root(validate_path_params(schema), "path_params", path)
        assert (await ask(controller, path="/3")).json() == {"id": 3}
        answer = await ask(controller, path="/10")
        assert (answer.status_code, [each["keyword"] for each in answer.json()["pathParams"]]) == (400, ["maximum"])


async def test_what_a_convertor_has_made_is_checked_as_a_text_and_kept() -> None:
    schema = {"properties": {"id": {"type": "string", "format": "uuid"}, "page": {"type": "integer"}}}

    class Root:
        @get("/{id:uuid}/{page}")
        @validate_path_params(schema)
        def go(self, ctx: Context) -> HttpResponseOK:
            return HttpResponseOK([type(value).__name__ for value in ctx.path_params.values()])

    answer = await ask(Root, path="/0b0b5b0e-5b0e-4b0e-8b0e-0b0b5b0e5b0e/3")
    assert answer.json() == ["UUID", "int"]


# schemas and functions


async def test_a_schema_may_come_from_the_controller() -> None:
    class Parent:
        schema = NAME

        @post("/")
        @validate_body(lambda controller: controller.schema)
        def go(self) -> HttpResponseOK:
            return HttpResponseOK()

    class Child(Parent):
        schema = {"type": "integer"}  # noqa: RUF012

    assert (await ask(Parent, "POST", json={"name": "a"})).status_code == 200
    assert (await ask(Child, "POST", json={"name": "a"})).status_code == 400
    assert (await ask(Child, "POST", json=3)).status_code == 200


def test_a_schema_function_that_fails_is_refused() -> None:
    class Root:
        @post("/")
        @validate_body(lambda controller: controller.nothing)
        def go(self) -> HttpResponseOK:
            return HttpResponseOK()

    with pytest.raises(ConfigurationError, match=r"The schema function of Root\.go failed with AttributeError"):
        make_app(Root)


async def test_the_function_of_a_validation_can_be_called_alone() -> None:
    services = ServiceManager(Settings())
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b"page=3"}
    ctx: Context = Context(Request(scope))
    ctx.set_body({"name": 3})
    assert isinstance(await get_hook_function(validate_body(NAME))(ctx, services), HttpResponseBadRequest)
    assert get_hook_function(validate_query(PAGE))(ctx, services) is None
    assert ctx.query == {"page": 3}
