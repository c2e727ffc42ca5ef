"""Whose session a response gives away: on shared, replaced or late responses, and with two sessions in one request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sessions.test_http_sessions import asked, cookies_of, removed
from whinny import ConfigurationError, ServiceManager, Settings, dependency
from whinny.http import (
    Context,
    HttpResponse,
    HttpResponseOK,
    PostFunction,
    controller,
    create_app,
    get,
    hook,
    permission_required,
    post,
    use_sessions,
    validate_body,
)
from whinny.http import sessions as http_sessions
from whinny.sessions import Session, Sessions, Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.applications import Starlette

pytestmark = pytest.mark.anyio


def app_of(root: type, services: ServiceManager | None = None) -> Starlette:
    return create_app(root, services or ServiceManager(Settings(session_store="memory:")))


def client_of(app: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://testserver")


def after(function: Any) -> Any:
    """A hook whose post function is this."""

    def with_post(ctx: Context, services: ServiceManager) -> PostFunction:
        return lambda response: function(ctx, response)

    return hook(with_post)


# one response object for all

FINE = HttpResponseOK("fine")


class Named(HttpResponseOK):
    """Without slots, and with a constructor of its own."""

    def __init__(self, name: str) -> None:
        super().__init__({"name": name})
        self.name = name


NAMED = Named("Ada")


class Public:
    @get()
    def health(self) -> HttpResponse:
        return FINE

    @get("/named")
    def named(self) -> HttpResponse:
        return NAMED


@use_sessions(cookie=True)
class Shop:
    @get()
    def visit(self) -> HttpResponse:
        return FINE

    @get("/named")
    def named(self) -> HttpResponse:
        return NAMED

    @get("/refused")
    @hook(lambda ctx, services: FINE)
    def refused(self) -> HttpResponse:
        raise AssertionError

    @get("/failed")
    def failed(self) -> HttpResponse:
        raise ValueError


class Street:
    sub_controllers = (controller("/public", Public), controller("/shop", Shop))

    def handle_error(self, error: Exception, ctx: Context) -> HttpResponse:
        return FINE


@pytest.mark.parametrize("path", ["", "/named", "/refused", "/failed"])
async def test_a_response_that_is_a_constant_keeps_nobodys_session(path: str) -> None:
    async with client_of(app_of(Street)) as client:
        answer = await client.get(f"/shop{path}")
        assert set(cookies_of(answer)) == {"sessionID", "XSRF-TOKEN"}
        client.cookies.clear()
        for public in ("/public", "/public/named"):
            assert not (await client.get(public)).headers.get_list("set-cookie")
    assert (FINE.get_cookies(), NAMED.get_cookies()) == ({}, {})


async def test_two_visitors_of_a_constant_response_have_a_session_each() -> None:
    """Though both responses wait for something when the cookies have been set."""
    both = asyncio.Barrier(2)

    async def wait(ctx: Context, response: HttpResponse) -> None:
        await both.wait()

    @after(wait)
    @use_sessions(cookie=True)
    class Root:
        @get()
        def visit(self) -> HttpResponse:
            return FINE

    app = app_of(Root)
    async with client_of(app) as one, client_of(app) as other:
        answers = await asyncio.gather(one.get("/"), other.get("/"))
    assert len({cookies_of(answer)["sessionID"].value for answer in answers}) == 2


async def test_a_post_function_gets_a_response_of_the_same_class() -> None:
    seen: list[HttpResponse] = []

    @after(lambda ctx, response: seen.append(response))
    class Root:
        @get()
        def named(self) -> HttpResponse:
            return NAMED

    async with client_of(app_of(Root)) as client:
        assert (await client.get("/")).json() == {"name": "Ada"}
    assert isinstance(seen[0], Named)
    assert (seen[0].name, seen[0] is NAMED) == ("Ada", False)


# two sessions in one request


def count(ctx: Context, services: ServiceManager) -> None:
    ctx.session.set("n", ctx.session.get("n", 0) + 1)


@use_sessions(cookie=True)
@hook(count)
class Both:
    sessions = dependency(Sessions)

    @get("/page")
    def page(self, ctx: Context) -> HttpResponse:
        return HttpResponseOK(ctx.session.get("n"))

    @post("/token")
    async def token(self) -> HttpResponse:
        session = self.sessions.create()
        session.set_user("ada")
        await session.commit()
        return HttpResponseOK(session.token)

    @get("/api")
    @use_sessions(required=True)
    def api(self, ctx: Context) -> HttpResponse:
        ctx.session.set("seen", True)
        return HttpResponseOK(ctx.session.user_id)

    @get("/either")
    @use_sessions()
    def either(self, ctx: Context) -> HttpResponse:
        return HttpResponseOK(ctx.session is None)

    @get("/begun")
    @use_sessions()
    def begun(self, ctx: Context) -> HttpResponse:
        ctx.session = self.sessions.create()
        return HttpResponseOK(ctx.session.token)

    @get("/again")
    @use_sessions()
    @use_sessions(cookie=True)
    def again(self) -> HttpResponse:
        raise AssertionError


async def test_a_bearer_token_never_becomes_a_cookie() -> None:
    """Each hook commits its own session; what hooks in between have changed in the outer one is kept."""
    services = ServiceManager(Settings(session_store="memory:"))
    async with client_of(app_of(Both, services)) as client:
        token = (await client.post("/token")).text
        cookie = client.cookies["sessionID"]
        bearer = {"authorization": f"Bearer {token}"}
        assert (await client.get("/api", headers=bearer)).text == "ada"
        assert client.cookies["sessionID"] == cookie
        session = await services.get(Sessions).read(token)
        assert session is not None
        assert session.get("seen") is True
        assert (await client.get("/page")).json() == 3

        assert (await client.get("/either")).json() is True, "without a header there is no session inside"
        assert (await client.get("/api", headers={"authorization": "Bearer x"})).status_code == 401
        assert client.cookies["sessionID"] == cookie
        assert (await client.get("/page")).json() == 6

        begun = (await client.get("/begun")).text
        assert client.cookies["sessionID"] == cookie
        assert await services.get(Sessions).read(begun) is not None, "the inner one commits what is put there by hand"
        assert (await client.get("/page")).json() == 8


async def test_the_same_session_is_not_had_twice(caplog: pytest.LogCaptureFixture) -> None:
    async with client_of(app_of(Both)) as client:
        assert (await client.get("/again")).status_code == 500
    assert "cannot be had twice" in caplog.text


async def test_the_session_is_there_after_the_commit() -> None:
    """For outer post functions, and for a stream, which may commit once more."""
    seen: list[Any] = []

    @after(lambda ctx, response: seen.append(ctx.session.user_id))
    @use_sessions(cookie=True)
    class Root:
        @get()
        def stream(self, ctx: Context) -> HttpResponse:
            ctx.session.set_user("ada")
            return HttpResponseOK(self.pieces(ctx))

        async def pieces(self, ctx: Context) -> AsyncIterator[str]:
            ctx.session.set("late", True)
            await ctx.session.commit()
            yield ctx.session.token

    services = ServiceManager(Settings(session_store="memory:"))
    async with client_of(app_of(Root, services)) as client:
        session = await services.get(Sessions).read((await client.get("/")).text)
    assert seen == ["ada"]
    assert session is not None
    assert session.get("late") is True


async def test_a_service_in_the_place_of_sessions_is_asked() -> None:
    class Marked(Sessions):
        def create(self) -> Session:
            session = super().create()
            session.content["marked"] = True
            return session

    class Root:
        @get()
        @use_sessions(cookie=True)
        def go(self, ctx: Context) -> HttpResponse:
            return HttpResponseOK(ctx.session.get("marked"))

    services = ServiceManager(Settings(session_store="memory:"))
    services.set(Sessions, services.make(Marked))
    async with client_of(app_of(Root, services)) as client:
        assert (await client.get("/")).json() is True


# cookies of what was committed


async def fail(ctx: Context, response: HttpResponse) -> None:
    if ctx.request.url.path != "/me":
        raise ValueError("an error of the test")


@after(fail)
@use_sessions(cookie=True)
class Failing:
    @get("/me")
    def me(self, ctx: Context) -> HttpResponse:
        return HttpResponseOK(ctx.session.user_id)

    @get("/log-in")
    def log_in(self, ctx: Context) -> HttpResponse:
        ctx.session.set_user("ada")
        ctx.session.regenerate()
        return HttpResponseOK()

    @get("/log-out")
    async def log_out(self, ctx: Context) -> HttpResponse:
        await ctx.session.destroy()
        return HttpResponseOK()


async def test_what_was_committed_reaches_the_browser_with_any_answer() -> None:
    """Here with the page of an error, which an outer post function has raised after the commit."""
    async with client_of(app_of(Failing)) as client:
        await client.get("/me")
        answer = await client.get("/log-in")
        assert answer.status_code == 500
        assert len(answer.headers.get_list("set-cookie")) == 2
        assert (await client.get("/me")).text == "ada"
        assert removed(await client.get("/log-out")) == {"sessionID", "XSRF-TOKEN"}


async def test_a_cookie_is_sent_once() -> None:
    async with asked(cookie=True) as ask:
        assert len((await ask.get()).headers.get_list("set-cookie")) == 2


# who hears of a regenerated session, and when


class Ear:
    """Hears of sessions."""

    def __init__(self, store: Store) -> None:
        self.heard: list[tuple[str, str]] = []
        store.observers.add(self)

    def sessions_ended(self, ids: Sequence[str]) -> None:
        raise AssertionError

    def session_replaced(self, old: str, new: str) -> None:
        self.heard.append((old, new))


async def regenerate(slowly: Any) -> tuple[Ear, list[Any]]:
    """What is heard, and what was heard when the answer was sent, of a request that regenerates its session."""
    services = ServiceManager(Settings(session_store="memory:", csrf=False))

    async def slow(ctx: Context, response: HttpResponse) -> None:
        await slowly(services.get(Sessions), ctx)

    @after(slow)
    @use_sessions(cookie=True)
    class Root:
        @get()
        def regenerate(self, ctx: Context) -> HttpResponse:
            ctx.session.regenerate()
            return HttpResponseOK()

    app = app_of(Root, services)
    ear = Ear(services.get(Store))
    when_sent: list[Any] = []

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        async def note(message: Any) -> None:
            when_sent.append(list(ear.heard))
            await send(message)

        await app(scope, receive, note)

    session = services.get(Sessions).create()
    await session.commit()
    async with client_of(noting) as client:
        answer = await client.get("/", headers={"cookie": f"sessionID={session.token}"})
        assert cookies_of(answer)["sessionID"].value != session.token
    return ear, when_sent


async def test_sockets_hear_of_a_new_token_when_the_browser_has_it() -> None:
    """The old token is worth nothing before that."""
    committed: list[bool] = []

    async def look(sessions: Sessions, ctx: Context) -> None:
        committed.append(await sessions.read(ctx.request.cookies["sessionID"]) is None)

    ear, when_sent = await regenerate(look)
    assert committed == [True]
    assert when_sent == [[], []]
    assert len(ear.heard) == 1


async def test_they_do_not_wait_long_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_sessions, "ANNOUNCED_WITHIN", 0.01)

    async def wait(sessions: Sessions, ctx: Context) -> None:
        await asyncio.sleep(0.1)

    ear, when_sent = await regenerate(wait)
    assert [len(each) for each in when_sent] == [1, 1]
    assert len(ear.heard) == 1


# the user's cookie, and cookies that come in several fields


@pytest.mark.parametrize("text", ['{"name": "Łukasz", "n": 1}', "a b;c,d", "!*'()~-_.", "100 %", ""])
async def test_the_cookie_of_the_user_holds_any_text(text: str) -> None:
    """As `decodeURIComponent` reads it: nothing is quoted in any other way."""
    from urllib.parse import unquote

    async with asked(cookie=True, user_cookie=lambda ctx, services: text) as ask:
        cookie = next(each for each in (await ask.get()).headers.get_list("set-cookie") if each.startswith("user="))
        value = cookie.partition(";")[0].removeprefix("user=").strip('"')
        assert unquote(value) == text
        assert value.isascii()
        assert not set(value) & set('\\ ,"')


async def test_cookies_for_other_sites_are_secure() -> None:
    """Browsers keep no others; here also where the request came without TLS, as from a proxy."""
    async with asked(cookie=True, SESSION_COOKIE_SAME_SITE="none") as ask:
        assert all("Secure" in each for each in (await ask.get()).headers.get_list("set-cookie"))


async def test_the_cookie_of_nobody_is_removed() -> None:
    async with asked(cookie=True, user_cookie=lambda ctx, services: None) as ask:
        assert removed(await ask.get()) == {"user"}


async def test_a_cookie_that_is_no_text_is_an_error_before_the_commit(caplog: pytest.LogCaptureFixture) -> None:
    async with asked(cookie=True, user_cookie=lambda ctx, services: 5) as ask:
        answer = await ask.get()
        assert (answer.status_code, answer.headers.get_list("set-cookie")) == (500, [])
    assert "user_cookie must give a text or None, not an object of the type int" in caplog.text


async def test_cookies_may_come_in_several_fields() -> None:
    """As they may over HTTP/2."""
    seen: list[Any] = []

    def look(self: Any, ctx: Context) -> HttpResponse:
        seen.extend([ctx.cookies, ctx.headers["cookie"]])
        return HttpResponseOK(ctx.session.id)

    async with asked(look, cookie=True) as ask:
        session = await ask.session()
        fields = [("cookie", "a=1"), ("cookie", f"sessionID={session.token}"), ("cookie", "b=2; c=3")]
        assert (await ask.client.get("/", headers=fields)).text == session.id
    assert seen[0] == {"a": "1", "sessionID": session.token, "b": "2", "c": "3"}
    assert seen[1] == f"a=1; sessionID={session.token}; b=2; c=3"


# where the CSRF token is


@pytest.mark.parametrize(
    ("first", "second", "field", "status"),
    [
        ("right", None, "wrong", 200),
        ("wrong", None, "right", 403),
        (None, "wrong", "right", 403),
        ("right", "wrong", None, 200),
        ("wrong", "right", None, 403),
        (None, "right", "wrong", 200),
        (None, None, "right", 200),
        (None, None, "wrong", 403),
    ],
)
async def test_a_header_comes_before_the_body(
    first: str | None, second: str | None, field: str | None, status: int
) -> None:
    async with asked(cookie=True) as ask:
        session = await ask.session()
        given = {"right": session.csrf_token, "wrong": "x"}
        headers = {"cookie": f"sessionID={session.token}"}
        for name, which in (("x-csrf-token", first), ("x-xsrf-token", second)):
            if which is not None:
                headers[name] = given[which]
        form = None if field is None else {"_csrf": given[field]}
        assert (await ask.client.post("/", headers=headers, data=form)).status_code == status


async def test_the_field_stays_in_the_body() -> None:
    """A schema that lists what may be there lists it, or takes it out."""

    def schema(**more: Any) -> dict[str, Any]:
        return {"type": "object", "properties": {"name": {"type": "string"}, **more}, "additionalProperties": False}

    def echo(self: Any, ctx: Context, body: Any) -> HttpResponse:
        return HttpResponseOK(sorted(body))

    def listing(self: Any, ctx: Context, body: Any) -> HttpResponse:
        return echo(self, ctx, body)

    def removing(self: Any, ctx: Context, body: Any) -> HttpResponse:
        return echo(self, ctx, body)

    root = use_sessions(cookie=True)(
        type(
            "Root",
            (),
            {
                "strict": post("/strict")(validate_body(schema())(echo)),
                "listing": post("/listing")(validate_body(schema(_csrf={}))(listing)),
                "removing": post("/removing")(validate_body(schema(), remove_additional=True)(removing)),
            },
        )
    )
    services = ServiceManager(Settings(session_store="memory:"))
    session = services.get(Sessions).create()
    await session.commit()
    form = {"name": "Ada", "_csrf": session.csrf_token}
    async with client_of(app_of(root, services)) as client:
        client.cookies.set("sessionID", session.token)
        assert (await client.post("/strict", data=form)).status_code == 400
        assert (await client.post("/listing", data=form)).json() == ["_csrf", "name"]
        assert (await client.post("/removing", data=form)).json() == ["name"]


# options


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"redirect_to": 5}, "use_sessions needs a path to redirect to, not 5"),
    ({"cookie": True, "user_cookie": "x"}, r"must be a function of \(ctx, services\), not 'x'"),
    ({"cookie": True, "user_cookie": lambda ctx: ""}, r"must be a function of \(ctx, services\)"),
    ({"user_id_type": "int"}, "user_id_type of use_sessions must be int or str, not 'int'"),
    ({"create": "yes"}, "option create of use_sessions must be True or False, not 'yes'"),
    ({"cookie": "session"}, "option cookie of use_sessions must be True or False"),
    ({"required": None}, "option required of use_sessions must be True or False"),
    ({"csrf": "off", "cookie": True}, "option csrf of use_sessions must be True or False"),
    ({"csrf": True}, "can have csrf=True only where the session has a cookie"),
]


@pytest.mark.parametrize(("options", "said"), WRONG, ids=lambda each: str(each)[:30])
def test_wrong_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        use_sessions(**options)


def test_a_permission_needs_a_path_to_redirect_to() -> None:
    with pytest.raises(ConfigurationError, match="permission_required needs a path to redirect to, not 5"):
        permission_required("x", redirect_to=5)  # type: ignore[arg-type]


def test_two_cookies_of_one_name_are_refused() -> None:
    @use_sessions(cookie=True, user_cookie=lambda ctx, services: "")
    class Root:
        @get()
        def go(self) -> HttpResponse:
            return FINE

    with pytest.raises(ConfigurationError, match="the setting csrf_cookie_name must be another name"):
        app_of(Root, ServiceManager(Settings(session_store="memory:", csrf_cookie_name="user")))
