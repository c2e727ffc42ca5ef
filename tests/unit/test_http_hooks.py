"""HTTP hooks on events: what they see, what comes back, and what they cannot do."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from whinny import (
    ConfigurationError,
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketContext,
    WebsocketErrorResponse,
    WebsocketResponse,
    event_name,
    http_to_websocket_hook,
    websocket_hook,
)
from whinny.http import (
    Context,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseForbidden,
    HttpResponseInternalServerError,
    HttpResponseOK,
    HttpResponseRedirect,
    hook,
    merge_hooks,
    permission_required,
    user_required,
    validate_cookies,
    validate_headers,
    validate_query,
)
from whinny.testing import TestClient

pytestmark = pytest.mark.anyio


async def answer(*hooks: Any, user: Any = None, payload: Any = None, **options: Any) -> dict[str, Any]:
    """What a client gets from an event behind these hooks; `user` is the event's before them."""

    def log_in(ctx: WebsocketContext, services: ServiceManager) -> None:
        ctx.user = user

    def method(self: Any, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse({"user": ctx.user, "session": ctx.session, "state": ctx.state})

    for each in reversed(hooks):
        method = http_to_websocket_hook(each)(method)
    root = type("Root", (SocketIOController,), {"go": event_name("go")(websocket_hook(log_in)(method))})
    app = ServiceManager(Settings(session_store="memory:")).get(root).attach()
    async with TestClient(app, **options) as client:
        given: dict[str, Any] = await client.emit_with_ack("go", payload)
        return given


def done(**changed: Any) -> dict[str, Any]:
    return {"status": "ok", "data": {"user": None, "session": None, "state": {}, **changed}}


def refused(code: int, message: str, **more: Any) -> dict[str, Any]:
    return {"status": "error", "error": {"statusCode": code, "statusMessage": message, **more}}


INTERNAL = {
    "status": "error",
    "error": {"code": "INTERNAL_SERVER_ERROR", "message": "An internal server error has occurred."},
}


async def test_user_required() -> None:
    assert await answer(user_required()) == refused(401, "UNAUTHORIZED")
    assert await answer(user_required(), user="Ada") == done(user="Ada")


async def test_a_body_is_sent() -> None:
    @hook
    def refuse(ctx: Context, services: ServiceManager) -> HttpResponse:
        return HttpResponseBadRequest({"name": ["is missing"]})

    assert await answer(refuse) == refused(400, "BAD REQUEST", body={"name": ["is missing"]})

    @hook
    async def fail(ctx: Context, services: ServiceManager) -> HttpResponse:
        await asyncio.sleep(0)
        return HttpResponseInternalServerError("sorry")

    assert await answer(fail) == refused(500, "INTERNAL SERVER ERROR", body="sorry")


@pytest.mark.parametrize("later", [False, True])
async def test_what_comes_back(later: bool) -> None:
    """User, session and state that a hook sets are the event's, whether it waits or not."""

    def set_all(ctx: Context, services: ServiceManager) -> None:
        ctx.user, ctx.session = "Ada", [1]
        ctx.state["a"] = 1

    async def set_all_later(ctx: Context, services: ServiceManager) -> None:
        await asyncio.sleep(0)
        set_all(ctx, services)
        ctx.state = {"a": 1}

    assert await answer(hook(set_all_later if later else set_all)) == done(user="Ada", session=[1], state={"a": 1})


async def test_merged_hooks_run_whole() -> None:
    """Every function, in order; the second one counts as much as the first."""
    seen: list[int] = []

    def take_down(number: int) -> Any:
        return hook(lambda ctx, services: seen.append(number))

    merged = merge_hooks(take_down(1), take_down(2), user_required(), take_down(3))
    assert await answer(merged) == refused(401, "UNAUTHORIZED")
    assert seen == [1, 2]
    assert await answer(merged, user="Ada") == done(user="Ada")
    assert seen == [1, 2, 1, 2, 3]


async def test_the_request() -> None:
    """It is made of the handshake: a GET with its headers, cookies and query, and without a body."""
    seen: list[Any] = []

    @hook
    async def look(ctx: Context, services: ServiceManager) -> None:
        request = ctx.request
        seen.append((request.method, request.url.path, dict(request.cookies), request.headers["x-a"]))
        seen.append((request.query_params["b"], await request.body(), await ctx.body(), ctx.controller_method_name))
        seen.append(type(ctx.controller).__name__)

    options = {"headers": {"cookie": "c=d; e=f", "X-A": "1"}, "query": {"b": "2"}}
    assert (await answer(look, payload={"not": "the body"}, **options))["status"] == "ok"
    assert seen == [("GET", "/socket.io/", {"c": "d", "e": "f"}, "1"), ("2", b"", None, "go"), "Root"]


async def test_validation_of_the_handshake() -> None:
    """The hooks that look at headers, query and cookies work; they see what the client came with."""
    schema = {"type": "object", "required": ["room"], "properties": {"room": {"type": "string"}}}
    for validate, options in (
        (validate_query, {"query": {"room": "a"}}),
        (validate_headers, {"headers": {"room": "a"}}),
        (validate_cookies, {"headers": {"cookie": "room=a"}}),
    ):
        assert (await answer(validate(schema), **options))["status"] == "ok"
        error = (await answer(validate(schema)))["error"]
        assert error["statusCode"] == 400
        ((errors),) = error["body"].values()
        assert errors[0]["keyword"] == "required"


class User:
    def has_perm(self, name: str) -> bool:
        return name == "read"


async def test_permission_required() -> None:
    class Dictionary(dict[str, Any]):
        has_perm = User.has_perm

    assert (await answer(permission_required("read"), user=Dictionary()))["status"] == "ok"
    assert await answer(permission_required("write"), user=Dictionary()) == refused(403, "FORBIDDEN")
    assert await answer(permission_required("read")) == refused(401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    ("result", "named"),
    [
        (HttpResponseOK(), "HttpResponseOK"),
        (HttpResponseRedirect("/"), "HttpResponseRedirect"),
        (lambda response: None, "a function"),
        ("text", "str"),
    ],
)
async def test_what_means_nothing_for_an_event(result: Any, named: str, caplog: pytest.LogCaptureFixture) -> None:
    """Another response, a function to run afterwards, or no response at all: an error that names the hook."""

    def offending(ctx: Context, services: ServiceManager) -> Any:
        return result

    assert await answer(hook(offending)) == INTERNAL
    assert "offending" in caplog.text
    assert named in caplog.text


async def test_an_error_of_a_hook(caplog: pytest.LogCaptureFixture) -> None:
    @hook
    def fail(ctx: Context, services: ServiceManager) -> None:
        raise ValueError("an error of the test")

    assert await answer(fail) == INTERNAL
    assert "an error of the test" in caplog.text


def raising(error: Exception, *, later: bool = False) -> Any:
    """An HTTP hook that leaves a user, and raises."""

    def offending(ctx: Context, services: ServiceManager) -> None:
        ctx.user = "Ada"
        raise error

    async def offending_later(ctx: Context, services: ServiceManager) -> None:
        await asyncio.sleep(0)
        offending(ctx, services)

    return hook(offending_later if later else offending)


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (HTTPException(403, "no"), refused(403, "FORBIDDEN", body="no")),
        (HTTPException(404), refused(404, "NOT FOUND", body="Not Found")),
        (HTTPException(503, {"code": "BUSY"}), refused(503, "SERVICE UNAVAILABLE", body={"code": "BUSY"})),  # type: ignore[arg-type]
    ],
)
async def test_an_http_exception_is_the_answer_that_it_is_over_http(
    error: HTTPException, refusal: dict[str, Any], later: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """No error of the server, and not logged."""
    assert await answer(raising(error, later=later)) == refusal
    assert not [each for each in caplog.records if each.levelno > logging.DEBUG]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (HTTPException(302, "", {"Location": "/"}), "The HTTP hook offending gave an object"),
        (HTTPException(99, "x"), "HTTPException has the status 99"),
        (HTTPException(400, headers={"X": "a\nb"}), "The header 'X' cannot have the value"),
    ],
)
async def test_an_http_exception_that_means_nothing_for_an_event(
    error: HTTPException, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Is an error that the log names."""
    assert await answer(raising(error)) == INTERNAL
    assert words in caplog.text


@pytest.mark.parametrize("handles", [False, True])
async def test_handle_error_is_asked_before_an_http_exception_is_the_answer(handles: bool) -> None:
    """As over HTTP; it sees what the hook has left, and post functions hear of the answer."""
    error = HTTPException(404, "no such thing")
    heard: list[Any] = []

    class Root(SocketIOController):
        @event_name("go")
        @websocket_hook(lambda ctx, services: heard.append)
        @http_to_websocket_hook(raising(error))
        def go(self) -> WebsocketResponse:
            return WebsocketResponse()

        def handle_error(self, raised: Exception, ctx: WebsocketContext) -> WebsocketErrorResponse | None:
            heard.append((raised, ctx.user))
            return WebsocketErrorResponse("handled") if handles else None

    async with TestClient(ServiceManager(Settings()).get(Root).attach()) as client:
        given = await client.emit_with_ack("go")
    response: WebsocketErrorResponse
    (raised, user), response = heard
    assert (raised, user) == (error, "Ada")
    if handles:
        assert given == {"status": "error", "error": "handled"}
    else:
        assert given == refused(404, "NOT FOUND", body="no such thing")
        assert response.exception is error
        assert response.ctx is not None
    assert response.envelope() == given


async def test_an_http_exception_of_the_method_is_an_error_like_others() -> None:
    class Root(SocketIOController):
        @event_name("go")
        @http_to_websocket_hook(user_required())
        def go(self) -> WebsocketResponse:
            raise HTTPException(404)

        @event_name("go further")
        @websocket_hook(lambda ctx, services: setattr(ctx, "user", "Ada"))
        @http_to_websocket_hook(user_required())
        def go_further(self) -> WebsocketResponse:
            raise HTTPException(404)

    async with TestClient(ServiceManager(Settings()).get(Root).attach()) as client:
        assert await client.emit_with_ack("go") == refused(401, "UNAUTHORIZED")
        assert await client.emit_with_ack("go further") == INTERNAL


async def test_a_hook_called_alone() -> None:
    """As `get_websocket_hook_function` gives it, in a unit test of an app."""
    (function,) = http_to_websocket_hook(user_required()).hooks
    ctx = WebsocketContext("go", None)
    services = ServiceManager(Settings(session_store="memory:"))
    response = function(ctx, services)
    assert isinstance(response, WebsocketErrorResponse)
    assert response.error["statusCode"] == 401
    ctx.user = "Ada"
    assert function(ctx, services) is None


@pytest.mark.parametrize("wrong", [user_required, HttpResponseForbidden, None, "user_required"])
def test_what_is_no_hook(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="needs a hook"):
        http_to_websocket_hook(wrong)
