"""What errors of requests become: the page, the answer of `handle_error`, and what is logged."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request

from http_controllers.apps import ask, ask_app, make_app
from whinny import ServiceManager, Settings
from whinny.http import (
    Context,
    HttpResponse,
    HttpResponseClientError,
    HttpResponseConflict,
    HttpResponseInternalServerError,
    HttpResponseOK,
    get,
    hook,
    post,
    render_http_error,
)

SECRET = "<b>secret</b>"


def raising(error: Any = None, **members: Any) -> type:
    def go(self: Any) -> HttpResponse:
        raise error or RuntimeError(SECRET)

    return type("Root", (), {"go": get("/")(go), **members})


async def test_an_error_gives_a_page_that_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is in the log, with the method and the request."""
    answer = await ask(raising())
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1>500 - INTERNAL SERVER ERROR</h1>" in answer.text
    assert "secret" not in answer.text
    (record,) = caplog.records
    assert (record.name, record.getMessage()) == ("whinny.http", "An error in Root.go was not caught")
    assert (vars(record)["http_method"], vars(record)["path"]) == ("GET", "/")


async def test_debug_shows_the_error() -> None:
    """Its name, message, stack and place, as text."""
    answer = await ask_app(make_app(raising(), ServiceManager(Settings(debug=True))))
    assert answer.status_code == 500
    assert "RuntimeError: &lt;b&gt;secret&lt;/b&gt;" in answer.text
    assert SECRET not in answer.text
    assert "Traceback" in answer.text
    for part in ("<dt>File</dt>", "test_errors.py</dd>", "<dt>Line</dt>", "<dt>Column</dt>"):
        assert part in answer.text


async def test_errors_need_not_be_logged(caplog: pytest.LogCaptureFixture) -> None:
    await ask_app(make_app(raising(), ServiceManager(Settings(log_errors=False))))
    assert not caplog.records


def test_a_page_can_be_made_by_hand() -> None:
    """As `handle_error` may want it; whether it shows the error is the setting of the controller's manager."""

    class Root: ...

    error = RuntimeError(SECRET)
    ctx: Context = Context(Request({"type": "http", "headers": []}))
    page = render_http_error(error, ctx)
    assert (page.exception, page.ctx) == (error, ctx)
    assert "secret" not in page.body
    assert "secret" in render_http_error(error, ctx, debug=True).body
    ctx.controller = ServiceManager(Settings(debug=True)).get(Root)
    assert "secret" in render_http_error(error, ctx).body


# handle_error


@pytest.mark.parametrize("wait", [False, True])
async def test_the_root_may_answer(wait: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Errors of its sub-controllers too; then nothing is logged but at debug level."""

    def handle(self: Any, error: Exception, ctx: Context) -> HttpResponse:
        assert ctx.controller_method_name == "go"
        return HttpResponseConflict(str(error))

    async def handle_later(self: Any, error: Exception, ctx: Context) -> HttpResponse:
        return handle(self, error, ctx)

    root = type("Root", (), {"sub_controllers": (raising(),), "handle_error": handle_later if wait else handle})
    answer = await ask(root)
    assert (answer.status_code, answer.text) == (409, SECRET)
    assert not [each for each in caplog.records if each.levelno > logging.DEBUG]


async def test_none_of_handle_error_means_the_page() -> None:
    assert "500 -" in (await ask(raising(handle_error=lambda self, error, ctx: None))).text


@pytest.mark.parametrize("second", [KeyError("second"), None])
async def test_an_error_of_handle_error_is_answered_with_the_page(
    second: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    def handle(self: Any, error: Exception, ctx: Context) -> Any:
        if second:
            raise second
        return "no response"

    assert "500 -" in (await ask(raising(handle_error=handle))).text
    assert ("second" if second else "handle_error returned an object of the type str") in caplog.text


async def test_what_handle_error_answers_may_be_unsendable() -> None:
    controller = raising(handle_error=lambda self, error, ctx: HttpResponseOK(object()))
    assert (await ask(controller)).status_code == 500


# HTTPException


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (HTTPException(404), 404, "Not Found"),
        (HTTPException(418, "tea"), 418, "tea"),
        (HTTPException(503, headers={"Retry-After": "3"}), 503, "Service Unavailable"),
        (HTTPException(299, "odd"), 299, "odd"),
        (HTTPException(302, "", headers={"Location": "/a"}), 302, ""),
    ],
)
async def test_an_http_exception_is_an_answer(
    error: HTTPException, status: int, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[HttpResponse] = []

    class Root:
        @get("/")
        @hook(lambda ctx, services: heard.append)
        def go(self) -> HttpResponse:
            raise error

    answer = await ask(Root)
    assert (answer.status_code, answer.text) == (status, body)
    for name, value in (error.headers or {}).items():
        assert answer.headers[name] == value
    assert isinstance(heard[0], HttpResponseClientError) == (400 <= status < 500)
    assert not caplog.records


async def test_handle_error_may_answer_an_http_exception() -> None:
    controller = raising(HTTPException(404), handle_error=lambda self, error, ctx: HttpResponseOK("found"))
    assert (await ask(controller)).text == "found"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (HTTPException(429, headers={"Retry-After": 60}), "ValueError: The header 'Retry-After' cannot have"),
        (HTTPException(401, headers={"X": "a\nb"}), "ValueError: The header 'X' cannot have the value"),
        (HTTPException(400, headers={3: "a"}), "ValueError: The header 3 cannot have the value 'a'"),  # type: ignore[dict-item]
        (HTTPException(400, headers=["X"]), "AttributeError: "),  # type: ignore[arg-type]
        (HTTPException(99, "x"), "ValueError: HTTPException has the status 99: it must be a number from 200 to 599."),
        (HTTPException(700, "x"), "ValueError: HTTPException has the status 700"),
        (HTTPException(101, "x"), "ValueError: HTTPException has the status 101"),
        (HTTPException("404", "x"), "ValueError: HTTPException has the status '404'"),  # type: ignore[arg-type]
    ],
)
@pytest.mark.parametrize("where", ["hook", "method", "post", "handle_error"])
async def test_an_http_exception_that_is_no_answer_is_an_error(
    error: HTTPException, words: str, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Wherever it is raised: the page is given, the log says what is wrong, and the post functions run."""
    heard: list[HttpResponse] = []

    def fail(*args: Any) -> Any:
        raise error

    class Root:
        @get("/")
        @hook(lambda ctx, services: heard.append)
        @hook(lambda ctx, services: fail() if where == "hook" else fail if where == "post" else None)
        def go(self) -> HttpResponse:
            if where == "method":
                raise error
            if where == "handle_error":
                raise RuntimeError
            return HttpResponseOK()

        def handle_error(self, raised: Exception, ctx: Context) -> None:
            if where == "handle_error":
                raise error

    answer = await ask(Root)
    assert answer.status_code == 500
    assert "<h1>500 - INTERNAL SERVER ERROR</h1>" in answer.text
    assert [type(response) for response in heard] == [HttpResponseInternalServerError]
    assert words in caplog.text


# what is wrong with the request


async def test_what_is_wrong_with_the_request_is_no_business_of_handle_error(caplog: pytest.LogCaptureFixture) -> None:
    """So one that answers every error with 500 makes no error of the app of it; post functions hear of it."""
    heard: list[HttpResponse] = []
    asked: list[Exception] = []

    class Root:
        @post("/")
        @hook(lambda ctx, services: heard.append)
        def go(self, ctx: Context, body: Any) -> HttpResponse:
            raise HTTPException(400) if body == "no" else ClientDisconnect if body == "gone" else RuntimeError

        def handle_error(self, error: Exception, ctx: Context) -> HttpResponse:
            asked.append(error)
            return HttpResponseInternalServerError("sorry")

    app = make_app(Root, max_body_size=6)
    for content, status in ((b"{", 400), (b'"1234567"', 413), (b'"gone"', 400)):
        answer = await ask_app(app, "POST", content=content, headers={"content-type": "application/json"})
        assert (answer.status_code, heard.pop().status_code) == (status, status)
    assert not asked
    for content in (b'"no"', b'"else"'):
        answer = await ask_app(app, "POST", content=content, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.text) == (500, "sorry")
    assert [type(error) for error in asked] == [HTTPException, RuntimeError]
    assert not [each for each in caplog.records if each.levelno > logging.DEBUG]


# middleware


class Broken:
    def __init__(self, app: Any) -> None: ...

    async def __call__(self, *args: Any) -> None:
        raise RuntimeError(SECRET)


@pytest.mark.parametrize("debug", [False, True])
async def test_an_error_of_a_middleware_gives_the_page_too(debug: bool) -> None:
    services = ServiceManager(Settings(debug=debug))
    answer = await ask_app(make_app(raising(), services, middleware=[Middleware(Broken)]))
    assert answer.status_code == 500
    assert "<h1>500 - INTERNAL SERVER ERROR</h1>" in answer.text
    assert ("secret" in answer.text) == debug
    assert answer.headers["x-content-type-options"] == "nosniff"
