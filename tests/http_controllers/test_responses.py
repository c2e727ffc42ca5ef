"""Responses over HTTP: statuses, bodies, headers, cookies and streams."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

import httpx
import msgspec
import pytest
from starlette.exceptions import HTTPException

from http_controllers.apps import ask, client_of, make_app
from serving.in_process import running
from whinny.http import (
    Context,
    Cookie,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseClientError,
    HttpResponseConflict,
    HttpResponseCreated,
    HttpResponseForbidden,
    HttpResponseInternalServerError,
    HttpResponseMethodNotAllowed,
    HttpResponseMovedPermanently,
    HttpResponseNoContent,
    HttpResponseNotFound,
    HttpResponseNotImplemented,
    HttpResponseOK,
    HttpResponseRedirect,
    HttpResponseRedirection,
    HttpResponseServerError,
    HttpResponseSuccess,
    HttpResponseTooManyRequests,
    HttpResponseUnauthorized,
    get,
    head,
)


def giving(make: Any) -> type:
    """A root whose method gives this."""
    return type("Root", (), {"go": get("/")(lambda self: make())})


STATUSES: list[tuple[type[HttpResponse], type[HttpResponse], int, str]] = [
    (HttpResponseOK, HttpResponseSuccess, 200, "OK"),
    (HttpResponseCreated, HttpResponseSuccess, 201, "CREATED"),
    (HttpResponseNoContent, HttpResponseSuccess, 204, "NO CONTENT"),
    (HttpResponseMovedPermanently, HttpResponseRedirection, 301, "MOVED PERMANENTLY"),
    (HttpResponseRedirect, HttpResponseRedirection, 302, "FOUND"),
    (HttpResponseBadRequest, HttpResponseClientError, 400, "BAD REQUEST"),
    (HttpResponseUnauthorized, HttpResponseClientError, 401, "UNAUTHORIZED"),
    (HttpResponseForbidden, HttpResponseClientError, 403, "FORBIDDEN"),
    (HttpResponseNotFound, HttpResponseClientError, 404, "NOT FOUND"),
    (HttpResponseMethodNotAllowed, HttpResponseClientError, 405, "METHOD NOT ALLOWED"),
    (HttpResponseConflict, HttpResponseClientError, 409, "CONFLICT"),
    (HttpResponseTooManyRequests, HttpResponseClientError, 429, "TOO MANY REQUESTS"),
    (HttpResponseInternalServerError, HttpResponseServerError, 500, "INTERNAL SERVER ERROR"),
    (HttpResponseNotImplemented, HttpResponseServerError, 501, "NOT IMPLEMENTED"),
]


@pytest.mark.parametrize(("cls", "family", "status", "message"), STATUSES)
async def test_each_class_has_its_status(
    cls: type[HttpResponse], family: type[HttpResponse], status: int, message: str
) -> None:
    response = cls("/there") if family is HttpResponseRedirection else cls()
    assert isinstance(response, family)
    assert (response.status_code, response.status_message) == (status, message)
    answer = await ask(giving(lambda: response))
    assert (answer.status_code, answer.content) == (status, b"")
    assert "content-type" not in answer.headers


async def test_own_statuses_are_made_by_a_class() -> None:
    class HttpResponseAccepted(HttpResponseSuccess):
        status_code = 202
        status_message = "ACCEPTED"

    answer = await ask(giving(lambda: HttpResponseAccepted({"a": 1})))
    assert (answer.status_code, answer.json()) == (202, {"a": 1})
    for cls in (HttpResponse, HttpResponseSuccess):
        with pytest.raises(TypeError, match=f"{cls.__name__} has no status"):
            cls()


@pytest.mark.parametrize("status", [99, 101, 199, 600, 700, 0, -1, "200", 200.0, None, True])
def test_a_status_that_no_response_has_is_refused(status: Any) -> None:
    cls = type("Odd", (HttpResponseSuccess,), {"status_code": status})
    with pytest.raises(ValueError, match="Odd has the status") as caught:
        cls()
    assert str(caught.value) == f"Odd has the status {status!r}: it must be a number from 200 to 599."


async def test_a_status_that_becomes_wrong_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    class Changing(HttpResponseOK):  # without slots
        pass

    def make() -> Changing:
        response = Changing()
        response.status_code = 700
        return response

    assert (await ask(giving(make))).status_code == 500
    assert "Changing has the status 700" in caplog.text


# statuses without a body


class NotModified(HttpResponseRedirection):
    status_code = 304
    status_message = "NOT MODIFIED"


class Gone(HttpResponseSuccess):
    status_code = 204
    status_message = "NO CONTENT"


def not_modified() -> HttpResponse:
    response = NotModified({"a": 1}).set_header("Content-Type", "text/html").set_header("Content-Length", "7")
    return response.set_header("ETag", '"1"').set_cookie("a", "b")


def raising(status: int) -> HttpResponse:
    raise HTTPException(status)


class Bodiless:
    """Answers with a body where there can be none."""

    makers: ClassVar = {
        "not modified": not_modified,
        "204": lambda: Gone("body"),
        "stream": lambda: Gone(pieces()),
        "exception 204": lambda: raising(204),
        "exception 304": lambda: raising(304),
        "a response with a body": lambda: HttpResponseOK("body"),
    }

    @get("/{maker}")
    def go(self, ctx: Context) -> HttpResponse:
        response: HttpResponse = self.makers[ctx.path_params["maker"]]()
        return response


async def ask_for_all(client: httpx.AsyncClient) -> None:
    for maker in Bodiless.makers:
        answer = await client.get(f"/{maker}")
        assert answer.text == ("body" if "body" in maker else "")
        if "body" not in maker:
            assert answer.status_code == (304 if "304" in maker or "modified" in maker else 204)
            assert not {"content-type", "content-length", "transfer-encoding"} & set(answer.headers)
        if maker == "not modified":
            assert (answer.headers["etag"], answer.cookies["a"]) == ('"1"', "b")


async def test_statuses_without_a_body_are_sent_none() -> None:
    async with client_of(make_app(Bodiless)) as client:
        await ask_for_all(client)


@pytest.mark.parametrize("parser", ["h11", "httptools"])
async def test_the_connection_is_good_after_a_status_without_a_body(
    parser: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With each of uvicorn's parsers, one connection is used for all."""
    limits = httpx.Limits(max_connections=1)
    async with (
        running(make_app(Bodiless), http=parser) as server,
        httpx.AsyncClient(base_url=server.url, limits=limits, timeout=10) as client,
    ):
        await ask_for_all(client)
        assert len(server.server.server_state.connections) == 1
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


# bodies


class Point(msgspec.Struct):
    x: int


@dataclass
class Size:
    width: float


BODIES: list[tuple[Any, bytes, str]] = [
    ("häß", "häß".encode(), "text/plain; charset=utf-8"),
    ("", b"", "text/plain; charset=utf-8"),
    (b"\x00\xff", b"\x00\xff", "application/octet-stream"),
    (bytearray(b"ab"), b"ab", "application/octet-stream"),
    ({"a": [1, None]}, b'{"a":[1,null]}', "application/json"),
    ([], b"[]", "application/json"),
    (0, b"0", "application/json"),
    (False, b"false", "application/json"),
    (Point(3), b'{"x":3}', "application/json"),
    ([Size(1.5)], b'[{"width":1.5}]', "application/json"),
    (datetime(2026, 1, 2, tzinfo=UTC), b'"2026-01-02T00:00:00Z"', "application/json"),
]


@pytest.mark.parametrize(("body", "sent", "content_type"), BODIES)
async def test_a_body_is_sent_by_its_type(body: Any, sent: bytes, content_type: str) -> None:
    answer = await ask(giving(lambda: HttpResponseOK(body)))
    assert (answer.content, answer.headers["content-type"]) == (sent, content_type)
    assert answer.headers["content-length"] == str(len(sent))


async def test_a_content_type_that_was_set_is_kept() -> None:
    answer = await ask(giving(lambda: HttpResponseOK("<p>").set_header("content-TYPE", "text/html")))
    assert answer.headers.get_list("content-type") == ["text/html"]


# streams

closed: list[str] = []


async def pieces() -> AsyncIterator[bytes | str]:
    try:
        yield b"one "
        yield "zwö"
    finally:
        closed.append("closed")


async def test_an_async_iterator_is_sent_piece_by_piece() -> None:
    closed.clear()
    answer = await ask(giving(lambda: HttpResponseOK(pieces())))
    assert answer.text == "one zwö"
    assert "content-length" not in answer.headers
    assert closed == ["closed"]


async def test_a_stream_is_not_run_for_a_head_request() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x"

    answer = await ask(giving(lambda: HttpResponseOK(endless())), "HEAD")
    assert answer.status_code == 200


@pytest.mark.parametrize("parser", ["h11", "httptools"])
async def test_an_error_in_the_middle_of_a_stream_breaks_it_off(parser: str, caplog: pytest.LogCaptureFixture) -> None:
    """The client sees that there is no end; the server logs the error."""

    async def failing() -> AsyncIterator[str]:
        yield "one"
        raise RuntimeError("in the middle")

    async with (
        running(make_app(giving(lambda: HttpResponseOK(failing()))), http=parser) as server,
        httpx.AsyncClient(base_url=server.url) as client,
    ):
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/")
    assert "in the middle" in caplog.text


# headers


def test_headers_are_had_as_they_were_set() -> None:
    response = HttpResponseOK().set_header("X-One", "1").set_header("x-one", "2")
    assert response.get_header("X-ONE") == "2"
    assert response.get_header("X-Two") is None
    copy = response.get_headers()
    assert copy == {"x-one": "2"}
    copy["x"] = "y"
    assert response.get_headers() == {"x-one": "2"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("A b", "x"),
        ("", "x"),
        ("A", "x\r\nSet-Cookie: a=b"),
        ("A", "☃"),
        ("A", 60),
        ("A", None),
        (b"A", "x"),
        ("A", "a "),
        ("A", " "),
        ("A", "\ta"),
    ],
)
def test_a_header_that_cannot_be_is_refused(name: Any, value: Any) -> None:
    with pytest.raises(ValueError, match="cannot have the value"):
        HttpResponseOK().set_header(name, value)


@pytest.mark.parametrize("name", ["Transfer-Encoding", "connection", "KEEP-ALIVE", "Proxy-Connection"])
def test_headers_of_the_server_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"The header '{name}' is set by the server"):
        HttpResponseOK().set_header(name, "chunked")


@pytest.mark.parametrize("wrong", ["abc", "-1", "1.5", "1, 1", ""])
def test_a_length_is_a_number(wrong: str) -> None:
    with pytest.raises(ValueError, match="must be a number of bytes"):
        HttpResponseOK().set_header("Content-Length", wrong)


class ResetContent(HttpResponseSuccess):
    status_code = 205
    status_message = "RESET CONTENT"


async def four() -> AsyncIterator[bytes]:
    yield b"fo"
    yield b"ur"


class Lengths:
    @get("/body")
    def body(self) -> HttpResponse:
        return HttpResponseOK("xyzzy").set_header("Content-Length", "2")

    @get("/none")
    def none(self) -> HttpResponse:
        return HttpResponseOK().set_header("Content-Length", "2")

    @get("/stream")
    def stream(self) -> HttpResponse:
        return HttpResponseOK(four()).set_header("Content-Length", "4")

    @get("/205")
    def reset(self) -> HttpResponse:
        return ResetContent("body")

    @head("/file")
    def file(self) -> HttpResponse:
        return HttpResponseOK().set_header("Content-Length", "1000")


@pytest.mark.parametrize("parser", ["h11", "httptools"])
async def test_no_length_kills_the_connection(parser: str, caplog: pytest.LogCaptureFixture) -> None:
    """That of a stream is kept, and that of what a HEAD asks for; of any other body the real one is sent."""
    limits = httpx.Limits(max_connections=1)
    async with (
        running(make_app(Lengths), http=parser) as server,
        httpx.AsyncClient(base_url=server.url, limits=limits) as client,
    ):
        for path, text in {"/body": "xyzzy", "/none": "", "/stream": "four", "/205": ""}.items():
            answer = await client.get(path)
            assert (answer.text, answer.headers["content-length"]) == (text, str(len(text)))
        assert (await client.head("/file")).headers["content-length"] == "1000"
        assert (await client.get("/205")).status_code == 205
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


async def test_401_has_an_empty_challenge_until_one_is_set() -> None:
    assert HttpResponseUnauthorized().get_headers() == {"WWW-Authenticate": ""}
    answer = await ask(giving(lambda: HttpResponseUnauthorized().set_header("WWW-Authenticate", "Basic")))
    assert answer.headers.get_list("www-authenticate") == ["Basic"]


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/there", "/there"),
        ("https://localhost/a?b=c#d", "https://localhost/a?b=c#d"),
        ("/ü\r\nX: y", "/%C3%BC%0D%0AX:%20y"),
    ],
)
async def test_a_redirection_says_where_to(path: str, location: str) -> None:
    for cls, status in ((HttpResponseRedirect, 302), (HttpResponseMovedPermanently, 301)):
        answer = await ask(giving(lambda cls=cls: cls(path)))
        assert (answer.status_code, answer.headers["location"]) == (status, location)


async def test_a_redirection_may_lead_to_a_route_by_its_name() -> None:
    """`url_for` gives a URL object."""

    class Root:
        @get("/")
        def go(self, ctx: Context) -> HttpResponseRedirect:
            return HttpResponseRedirect(ctx.request.url_for("Root.there", id=3))

        @get("/{id:int}")
        def there(self) -> HttpResponseOK:
            return HttpResponseOK()

    assert (await ask(Root)).headers["location"] == "http://localhost/3"


@pytest.mark.parametrize(("wrong", "words"), [(None, "None"), (3, "an object of the type int"), (b"/", "bytes")])
def test_a_redirection_to_something_else_is_refused(wrong: Any, words: str) -> None:
    with pytest.raises(TypeError, match=f"HttpResponseRedirect leads to a path or a URL, not to .*{words}"):
        HttpResponseRedirect(wrong)


# cookies


async def test_cookies_are_set_with_their_attributes() -> None:
    def make() -> HttpResponseOK:
        response = HttpResponseOK()
        response.set_cookie("plain", "1")
        response.set_cookie(
            "full",
            "ä b;c",
            max_age=60,
            expires=datetime(2026, 1, 2, tzinfo=UTC),
            path="/api",
            domain="localhost",
            secure=True,
            http_only=True,
            same_site="strict",
        )
        return response.set_cookie("bare", "", path=None, same_site=None, max_age=0)

    response = make()
    assert response.get_cookie("plain") == Cookie(value="1")
    assert response.get_cookie("none") is None
    assert list(response.get_cookies()) == ["plain", "full", "bare"]
    plain, full, bare = (await ask(giving(make))).headers.get_list("set-cookie")
    assert plain == "plain=1; Path=/; SameSite=lax"
    assert full == (
        'full="\\344 b\\073c"; Domain=localhost; expires=Fri, 02 Jan 2026 00:00:00 GMT; HttpOnly; Max-Age=60; '
        "Path=/api; SameSite=strict; Secure"
    )
    assert bare == 'bare=""; Max-Age=0'


async def test_a_cookie_comes_back_as_it_was_set() -> None:
    value = 'ä "b"; c=\\d'

    class Root:
        @get("/set")
        def set(self) -> HttpResponseOK:
            return HttpResponseOK().set_cookie("a", value)

        @get("/read")
        def read(self, ctx: Context) -> HttpResponseOK:
            return HttpResponseOK(ctx.cookies["a"])

    sent = (await ask(Root, path="/set")).headers["set-cookie"].partition("; Path")[0]
    assert (await ask(Root, path="/read", headers={"cookie": sent})).text == value


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a b"},
        {"name": "a;b"},
        {"value": "☃"},
        {"path": "/; Domain=x"},
        {"domain": "a\r\nb"},
        {"same_site": "perhaps"},
        {"same_site": "lax; Domain=x"},
        {"same_site": "Lax"},
        {"same_site": False},
        {"same_site": ["lax"]},
        {"max_age": "1; Domain=x"},
        {"max_age": 1.5},
        {"max_age": True},
        {"max_age": 3600.0},
        {"expires": datetime(2026, 1, 2)},  # without a time zone
        {"expires": 3600},
        {"path": 5},
        {"domain": b"localhost"},
        {"value": None},
        {"value": 5},
        {"name": None},
    ],
)
def test_a_cookie_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="The cookie"):
        HttpResponseOK().set_cookie(**{"name": "a", "value": "b", **wrong})


OPTIMIZED = """
from whinny.http import HttpResponseOK
try:
    HttpResponseOK().set_cookie("a", "b", same_site="lax; Domain=x")
except ValueError as error:
    print(error)
"""


def test_a_cookie_is_checked_where_asserts_are_left_out() -> None:
    done = subprocess.run([sys.executable, "-O", "-c", OPTIMIZED], capture_output=True, text=True, timeout=30)
    words = "The cookie 'a' has the same_site 'lax; Domain=x': it must be 'lax', 'strict', 'none' or None.\n"
    assert done.stdout == words, done.stderr


def test_responses_show_what_they_are() -> None:
    assert repr(HttpResponseOK({"a": 1})) == "HttpResponseOK({'a': 1})"
    assert repr(HttpResponseNoContent()) == "HttpResponseNoContent()"
    assert repr(HttpResponseRedirect("/a")) == "HttpResponseRedirect('/a')"
