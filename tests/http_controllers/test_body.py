"""Bodies of requests: how they are read, converted to the declared type, and bounded."""

from __future__ import annotations

import asyncio
import codecs
import json
import logging
import time
from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec
import pydantic
import pytest
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request

from http_controllers.apps import ask, ask_app, make_app
from whinny import ConfigurationError
from whinny.http import Context, HttpResponse, HttpResponseOK, hook, post
from whinny.http.body import _CHARSETS


class Echo:
    @post("/")
    def echo(self, ctx: Context, body: Any) -> HttpResponseOK:
        return HttpResponseOK([type(body).__name__, body if not isinstance(body, bytes) else body.decode("latin-1")])


def typed(content_type: str) -> dict[str, str]:
    return {"content-type": content_type}


def scope_of(headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {"type": "http", "method": "POST", "path": "/", "headers": headers, "query_string": b""}


BODIES: list[tuple[str, bytes, list[Any]]] = [
    ("application/json", b'{"a": [1, null]}', ["dict", {"a": [1, None]}]),
    ("application/json; charset=utf-8", '"häß"'.encode(), ["str", "häß"]),
    ("Application/Problem+JSON", b"3", ["int", 3]),
    ("application/json", b"\xef\xbb\xbf[1]", ["list", [1]]),  # a byte order mark, which RFC 8259 lets a parser ignore
    ("application/json", b"null", ["NoneType", None]),
    ("application/json", b"", ["NoneType", None]),
    ("application/x-www-form-urlencoded", b"a=1&b=x+y&a=2", ["dict", {"a": ["1", "2"], "b": "x y"}]),
    ("application/x-www-form-urlencoded", b"", ["dict", {}]),
    ("text/plain", "häß".encode(), ["str", "häß"]),
    ("text/plain; charset=latin-1", "häß".encode("latin-1"), ["str", "häß"]),
    ("text/plain; charset=ISO-8859-1", b"h\xe4\xdf", ["str", "häß"]),
    ('text/plain;format=flowed;Charset="windows-1252"', b"\x80", ["str", "€"]),
    ("text/plain; charset=iso-8859-15", b"\xa4", ["str", "€"]),
    ("text/plain; charset=UTF-16", "häß".encode("utf-16"), ["str", "häß"]),
    ("text/plain; charset=us-ascii", b"a", ["str", "a"]),
    ("text/plain", b'{"a": 1}', ["str", '{"a": 1}']),
    ("application/octet-stream", b"\x00\xff", ["bytes", "\x00\xff"]),
    ("", b"ab", ["bytes", "ab"]),
    ("nonsense", b"{}", ["bytes", "{}"]),
]


@pytest.mark.parametrize(("content_type", "sent", "body"), BODIES)
async def test_a_body_is_read_by_its_content_type(content_type: str, sent: bytes, body: list[Any]) -> None:
    headers = typed(content_type) if content_type else {}
    assert (await ask(Echo, "POST", content=sent, headers=headers)).json() == body


async def test_files_of_a_form_are_files() -> None:
    class Root:
        @post("/")
        async def upload(self, ctx: Context, body: dict[str, Any]) -> HttpResponseOK:
            file: UploadFile = body["file"]
            return HttpResponseOK([body["name"], file.filename, (await file.read()).decode()])

    answer = await ask(Root, "POST", data={"name": "x"}, files={"file": ("a.txt", b"content")})
    assert answer.json() == ["x", "a.txt", "content"]


UNKNOWN = "must be in a charset that is known here, such as utf-8"
PART = b'--a\r\nContent-Disposition: form-data; name="x-"\r\n\r\nb-9\r\n--a--\r\n'

UNREADABLE: list[tuple[str, bytes, str, str]] = [
    ("application/json", b"{", "json", "must be JSON"),
    ("application/json", b"\xff", "json", "must be JSON"),
    ("application/json", b"[" * 100_000, "json", "must be JSON"),
    ("application/json", b"NaN", "json", "must be JSON"),
    ("text/plain", b"\xff", "text", "must be text in utf-8"),
    ("text/plain; charset=Windows-1252", b"\x81", "text", "must be text in windows-1252"),
    ("application/json", b"\xef\xbb\xbf", "json", "must be JSON"),
    ("multipart/form-data", b"a", "form", "Missing boundary in multipart."),
]


@pytest.mark.parametrize(("content_type", "sent", "kind", "message"), UNREADABLE)
async def test_a_body_that_is_not_of_its_type_gives_400(
    content_type: str, sent: bytes, kind: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In the shape of a validation error; it is no error of the server, so nothing is logged."""
    answer = await ask(Echo, "POST", content=sent, headers=typed(content_type))
    assert answer.status_code == 400
    error = {"instancePath": "", "schemaPath": "#", "keyword": "type", "params": {"type": kind}, "message": message}
    assert answer.json() == {"body": [error]}
    assert not caplog.records


CHARSETS = ["klingon", "punycode", "idna", "undefined", "rot13", "hex", "utf-7", "unicode_escape", "raw_unicode_escape"]
CHARSETS += ["", "utf-8\x01", "a" * 5000, "../utf_8", "utf\x008", "ä"]


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize(("kind", "data"), [("text/plain", b"b-9"), ("multipart/form-data; boundary=a", PART)])
async def test_other_charsets_give_400(charset: str, kind: str, data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Python has codecs that take quadratic time, and such that fail in ways of their own; no client gets to them."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": data}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", f'{kind}; charset="{charset}"'.encode("latin-1"))]
    await make_app(Echo)(scope_of(headers), receive, send)
    assert sent[0]["status"] == 400
    (error,) = json.loads(sent[1]["body"])["body"]
    assert (error["params"], error["message"]) == ({"type": "form" if data is PART else "text"}, UNKNOWN)
    assert not caplog.records


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=a; charset=utf-8; charset=punycode",
        'multipart/form-data; boundary=a; x=";" ;  CHARSET =  punycode',
        "Multipart/Form-Data ;charset=punycode; boundary=a",
        "\tmultipart/form-data; charset=punycode; boundary=a",
    ],
)
async def test_the_charset_of_a_form_is_the_one_that_it_is_decoded_by(content_type: str) -> None:
    """However it is written."""
    assert (await ask(Echo, "POST", content=PART, headers=typed(content_type))).status_code == 400


def test_the_charsets_are_those_that_decode_fast() -> None:
    """Each name means to Python what it means here."""
    names = {"ascii", "utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "iso8859-1", "iso8859-15"}
    assert {codecs.lookup(name).name for name in _CHARSETS} == names | {f"cp125{number}" for number in range(9)}
    assert all(codecs.lookup(name).name == codecs.lookup(codec).name for name, codec in _CHARSETS.items())


async def test_a_form_in_another_charset_is_read() -> None:
    data = PART.replace(b"b-9", b"\x80")
    headers = typed("multipart/form-data; boundary=a; charset=windows-1252")
    assert (await ask(Echo, "POST", content=data, headers=headers)).json() == ["dict", {"x-": "€"}]


async def test_the_charset_of_a_long_form_is_looked_at_before_it_is_read() -> None:
    """And that of a long text before it is decoded: with punycode each of these would take seconds."""
    long = b"b" * 240_000 + b"-" + b"9" * 240_000
    for kind, data in (("text/plain", long), ("multipart/form-data; boundary=a", PART.replace(b"b-9", long))):
        began = time.process_time()
        answer = await ask(Echo, "POST", content=data, headers=typed(f"{kind}; charset=punycode"))
        assert answer.status_code == 400
        assert time.process_time() - began < 1


# when it is read


async def test_a_body_is_read_when_it_is_asked_for() -> None:
    """So a hook answers before anything is read, and a method may read the stream itself."""
    asked: list[str] = []

    class Root:
        @post("/refused")
        @hook(lambda ctx, services: HttpResponseOK("refused"))
        def refused(self, ctx: Context, body: Any) -> HttpResponseOK:
            return HttpResponseOK()

        @post("/stream")
        async def stream(self, ctx: Context) -> HttpResponseOK:
            return HttpResponseOK(sum([len(part) async for part in ctx.request.stream()]))

    async def sent() -> Any:
        asked.append("body")
        yield b"{"

    app = make_app(Root)
    assert (await ask_app(app, "POST", "/refused", content=sent())).text == "refused"
    assert not asked
    assert (await ask_app(app, "POST", "/stream", content=b"{" * 5, headers=typed("application/json"))).text == "5"


async def test_hooks_and_method_share_the_body() -> None:
    async def change(ctx: Context, services: Any) -> None:
        body = await ctx.body()
        assert body is await ctx.body()
        ctx.set_body({**body, "more": True})

    class Root:
        @post("/")
        @hook(change)
        def go(self, ctx: Context, body: dict[str, Any]) -> HttpResponseOK:
            return HttpResponseOK(body)

    assert (await ask(Root, "POST", json={"a": 1})).json() == {"a": 1, "more": True}


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
async def test_who_asks_at_the_same_time_gets_the_same_body(content_type: str) -> None:
    """It is read once, while it comes in pieces."""

    class Root:
        @post("/")
        async def go(self, ctx: Context) -> HttpResponseOK:
            one, two = await asyncio.gather(ctx.body(), ctx.body())
            assert one is two
            return HttpResponseOK(one)

    async def sent() -> Any:
        for piece in (b'{"a"', b":1}") if "json" in content_type else (b"a", b"=1"):
            await asyncio.sleep(0)
            yield piece

    answer = await ask(Root, "POST", content=sent(), headers=typed(content_type))
    assert answer.json() in ({"a": 1}, {"a": "1"})


async def test_a_body_that_was_not_sent_is_the_default_of_the_method() -> None:
    class Root:
        @post("/")
        def go(self, ctx: Context, body: int = 7) -> HttpResponseOK:
            return HttpResponseOK(body)

        @post("/needed")
        def needed(self, ctx: Context, body: int) -> HttpResponseOK:
            return HttpResponseOK(body)

    assert (await ask(Root, "POST")).text == "7"
    assert (await ask(Root, "POST", json=3)).text == "3"
    assert (await ask(Root, "POST", "/needed")).status_code == 400


# types


class Struct(msgspec.Struct):
    name: str
    price: float = 0


@dataclass
class Data:
    name: str
    price: float = 0


class Model(pydantic.BaseModel):
    name: str
    price: float = 0


@pytest.mark.parametrize("cls", [Struct, Data, Model])
async def test_a_body_is_converted_to_the_declared_type(cls: type) -> None:
    def go(self: Any, ctx: Context, body: Any) -> HttpResponseOK:
        return HttpResponseOK([type(body).__name__, body.name, body.price])

    go.__annotations__["body"] = cls
    root = type("Root", (), {"go": post("/")(go)})
    assert (await ask(root, "POST", json={"name": "a", "price": 2})).json() == [cls.__name__, "a", 2]
    answer = await ask(root, "POST", json={"price": 3})
    assert answer.status_code == 400
    (error,) = answer.json()["body"]
    assert (error["keyword"], error["params"]) == ("required", {"missingProperty": "name"})


async def test_a_body_of_bytes_can_be_declared() -> None:
    class Root:
        @post("/")
        async def go(self, ctx: Context, body: bytes) -> HttpResponseOK:
            return HttpResponseOK(body[::-1])

    assert (await ask(Root, "POST", content=b"ab")).content == b"ba"


# bounds


@pytest.mark.parametrize("size", [1_000_000, 1_000_001])
async def test_a_body_of_a_megabyte_is_allowed_and_no_more(size: int) -> None:
    answer = await ask(Echo, "POST", content=b"a" * size, headers=typed("text/plain"))
    assert answer.status_code == (200 if size == 1_000_000 else 413)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/json"])
async def test_the_bound_can_be_set(content_type: str, caplog: pytest.LogCaptureFixture) -> None:
    """For whatever reads the request, and for one that comes in pieces."""

    async def sent() -> Any:
        for _ in range(4):
            yield b"1234"

    for most, status in ((15, 413), (16, 200), (None, 200)):
        app = make_app(Echo, max_body_size=most)
        answer = await ask_app(app, "POST", content=sent(), headers=typed(content_type))
        assert answer.status_code == status
    assert not caplog.records


async def test_the_bound_is_one_for_a_stream_too() -> None:
    class Root:
        @post("/")
        async def go(self, ctx: Context) -> HttpResponseOK:
            return HttpResponseOK(sum([len(part) async for part in ctx.request.stream()]))

    app = make_app(Root, max_body_size=5)
    assert [(await ask_app(app, "POST", content=b"a" * size)).status_code for size in (5, 6)] == [200, 413]


async def test_a_client_that_leaves_in_the_middle_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await make_app(Echo)(scope_of([]), receive, send)
    assert sent[0]["status"] == 400
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


async def test_a_context_by_hand_reads_the_request_that_it_has() -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": b'{"a": 1}'}

    headers = [(b"content-type", b"application/json"), (b"x-a", b"1"), (b"x-a", b"2"), (b"cookie", b"c=d")]
    scope = {"type": "http", "method": "POST", "path": "/a\nb", "headers": headers, "query_string": b"q=1&l=1&l=2"}
    ctx: Context = Context(Request(scope, receive), "Users", "create")
    assert await ctx.body() == {"a": 1}
    assert ctx.query == {"q": "1", "l": ["1", "2"]}
    assert ctx.headers == {"content-type": "application/json", "x-a": "1, 2", "cookie": "c=d"}
    assert (ctx.cookies, ctx.path_params, ctx.state) == ({"c": "d"}, {}, {})
    assert (ctx.user, ctx.session, ctx.controller) == (None, None, None)
    assert (ctx.controller_name, ctx.controller_method_name) == ("Users", "create")
    assert ctx.log_extra() == {"http_method": "POST", "path": "/a\\nb"}
    assert repr(ctx) == "<Context POST '/a\\nb'>"


async def test_a_request_that_is_cancelled_stays_so() -> None:
    """As a server does where a client has gone."""
    began = asyncio.Event()

    class Root:
        @post("/")
        async def go(self) -> HttpResponse:
            began.set()
            await asyncio.Event().wait()
            raise ClientDisconnect

    task = asyncio.create_task(ask(Root, "POST"))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# lists in forms


class TagsDict(TypedDict):
    tags: list[str]


@dataclass
class TagsData:
    tags: tuple[str, ...]
    more: list[str] | None = None


class TagsStruct(msgspec.Struct):
    tags: set[str]


class TagsModel(pydantic.BaseModel):
    tags: list[str]
    more: list[str] | None = None


@pytest.mark.parametrize("declared", [TagsDict, TagsData, TagsStruct, TagsModel, dict[str, list[str]]])
async def test_a_field_whose_type_is_a_list_may_come_once(declared: Any) -> None:
    """In a form, where a list of one cannot be told from a text. In JSON it can."""

    def echo(self: Any, ctx: Context, body: Any) -> HttpResponseOK:
        return HttpResponseOK(body)

    echo.__annotations__["body"] = declared
    root = type("Root", (), {"echo": post("/")(echo)})
    for sent in ("a", ["a", "b"]):
        answer = await ask(root, "POST", data={"tags": sent})
        assert sorted(answer.json()["tags"]) == list(sent), answer.text
    assert (await ask(root, "POST", json={"tags": "a"})).status_code == 400
    if declared in (TagsData, TagsModel):
        assert (await ask(root, "POST", data={"tags": "a", "more": "b"})).json() == {"tags": ["a"], "more": ["b"]}


async def test_the_errors_of_a_form_are_of_what_was_sent() -> None:
    class Form(TypedDict):
        tags: list[str]
        count: int

    def echo(self: Any, ctx: Context, body: Any) -> HttpResponseOK:
        return HttpResponseOK(body)

    echo.__annotations__["body"] = Form
    root = type("Root", (), {"echo": post("/")(echo)})
    answer = await ask(root, "POST", data={"tags": "a", "count": "x"})
    assert answer.status_code == 400
    assert [each["instancePath"] for each in answer.json()["body"]] == ["/count"]


def test_a_file_in_a_type_that_knows_none_is_refused() -> None:
    @dataclass
    class Form:
        file: UploadFile

    def upload(self: Any, ctx: Context, body: Any) -> HttpResponseOK:
        return HttpResponseOK()

    upload.__annotations__["body"] = Form
    with pytest.raises(ConfigurationError, match=r"UploadFile'> is not supported\. Use builtin"):
        make_app(type("Root", (), {"upload": post("/")(upload)}))
