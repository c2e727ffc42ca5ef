"""Responses over HTTP: statuses, bodies, headers, cookies and streams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from http_controllers.apps import ask
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


# headers


def test_headers_are_had_as_they_were_set() -> None:
    response = HttpResponseOK().set_header("X-One", "1").set_header("x-one", "2")
    assert response.get_header("X-ONE") == "2"
    assert response.get_header("X-Two") is None
    copy = response.get_headers()
    assert copy == {"x-one": "2"}
    copy["x"] = "y"
    assert response.get_headers() == {"x-one": "2"}


@pytest.mark.parametrize(("name", "value"), [("A b", "x"), ("", "x"), ("A", "x\r\nSet-Cookie: a=b"), ("A", "☃")])
def test_a_header_that_cannot_be_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="cannot have the value"):
        HttpResponseOK().set_header(name, value)


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
        {"expires": datetime(2026, 1, 2)},  # without a time zone
    ],
)
def test_a_cookie_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="The cookie"):
        HttpResponseOK().set_cookie(**{"name": "a", "value": "b", **wrong})


def test_responses_show_what_they_are() -> None:
    assert repr(HttpResponseOK({"a": 1})) == "HttpResponseOK({'a': 1})"
    assert repr(HttpResponseNoContent()) == "HttpResponseNoContent()"
    assert repr(HttpResponseRedirect("/a")) == "HttpResponseRedirect('/a')"
