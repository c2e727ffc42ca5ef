"""Sessions in events: every row of the two tables of errors, and what becomes of sockets whose session ends."""

from __future__ import annotations

import asyncio
import gc
import hmac
import logging
import re
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sessions.apps import FailingStore, Gate, make_app
from sessions.stores import SlowStore
from unit.clock import in_fake_time, turns
from whinny import (
    ConfigurationError,
    ConnectionRefused,
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketContext,
    WebsocketErrorResponse,
    WebsocketResponse,
    dependency,
    event_name,
    forward_http_session_to_websocket,
    use_websocket_sessions,
    websocket_hook,
)
from whinny.sessions import MemoryStore, Sessions, Store, session_id
from whinny.sessions.refusals import cookie
from whinny.testing import TestClient
from whinny.websocket import WsServer
from whinny.websocket.socket_sessions import SocketSessions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

INTERNAL = {"code": "INTERNAL_SERVER_ERROR", "message": "An internal server error has occurred."}
OLD_TOKEN = {"code": "invalid_token", "description": "token invalid or expired"}
NO_TOKEN = {"code": "invalid_request", "description": "Session token not found."}


class World:
    """An app, a browser that keeps cookies, and sockets."""

    def __init__(self, store: Store | None = None, **settings: Any) -> None:
        self.app, self.services = make_app(store, **settings)
        self.stack = AsyncExitStack()
        transport = httpx.ASGITransport(self.app)  # type: ignore[arg-type]
        self.browser = httpx.AsyncClient(transport=transport, base_url="http://testserver")

    @property
    def sessions(self) -> Sessions:
        return self.services.get(Sessions)

    @property
    def store(self) -> Any:
        return self.services.get(Store)

    @property
    def gate(self) -> Gate:
        return self.services.get(Gate)

    async def post(self, path: str) -> httpx.Response:
        """A request of the page, with its CSRF token."""
        token = self.browser.cookies.get("XSRF-TOKEN")
        return await self.browser.post(path, headers={"x-xsrf-token": token} if token else {})

    async def socket(self, namespace: str = "/", **options: Any) -> TestClient:
        return await self.stack.enter_async_context(TestClient(self.app, namespace=namespace, **options))

    async def page_socket(self, csrf: str | None = None, **options: Any) -> TestClient:
        """A socket of the page that has logged in."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.browser.cookies.items())
        auth = {"csrfToken": csrf or self.browser.cookies["XSRF-TOKEN"]}
        return await self.socket(auth=auth, headers={"cookie": cookies, **options.pop("headers", {})}, **options)


@asynccontextmanager
async def world(store: Store | None = None, **settings: Any) -> AsyncIterator[World]:
    made = World(store, **settings)
    async with made.stack, made.browser, made.app.lifespan():
        try:
            yield made
        finally:
            made.gate.open()


async def error_of(client: TestClient, event: str, *args: Any, timeout: float = 5.0) -> Any:
    answer = await client.emit_with_ack(event, *args, timeout=timeout)
    assert answer["status"] == "error", answer
    return answer["error"]


async def data_of(client: TestClient, event: str, *args: Any) -> Any:
    answer = await client.emit_with_ack(event, *args)
    assert answer["status"] == "ok", answer
    return answer.get("data")


# events


async def test_the_first_event_begins_a_session() -> None:
    """It is kept after the method, and later events have it, and what they leave in it."""
    async with world() as here:
        client = await here.socket("/bearer")
        id_ = await data_of(client, "set", {"a": 1})
        assert await data_of(client, "set", {"b": [2]}) == id_
        assert (await data_of(client, "me"))["content"] == {"a": 1, "b": [2]}
        state = await here.store.read(id_)
        assert state.content["a"] == 1


async def test_two_first_events_make_one_session() -> None:
    """Both run at once; neither loses what the other leaves."""
    async with world() as here:
        client = await here.socket("/bearer")
        first, second = await asyncio.gather(data_of(client, "set", {"a": 1}), data_of(client, "set", {"b": 2}))
        assert first == second
        assert (await data_of(client, "me"))["content"] == {"a": 1, "b": 2}
        assert len(here.store._kept) == 1


async def test_a_first_event_that_fails_leaves_no_session() -> None:
    """After an internal error nothing is committed, and the next event begins a session."""
    async with world() as here:
        client = await here.socket("/bearer")
        assert await error_of(client, "fail") == INTERNAL
        assert here.store._kept == {}
        assert (await data_of(client, "me"))["content"] == {}


async def test_without_a_token() -> None:
    """`create=False` gives no session, and `required` refuses, though it may create."""
    async with world() as here:
        client = await here.socket("/bearer")
        assert await data_of(client, "without creating") is True
        assert await error_of(client, "required") == NO_TOKEN


@pytest.mark.parametrize("end", ["unknown", "expired", "destroyed"])
async def test_a_token_of_no_session(end: str) -> None:
    """The event is answered with the error, and the client is disconnected, as it is when it hears of the end."""
    async with world() as here:
        client = await here.socket("/bearer")
        id_ = await data_of(client, "set", {"a": 1})
        if end == "unknown":
            await here.store.destroy(id_)
        elif end == "destroyed":
            await here.store.clear()
        else:
            (state,) = [await here.store.read(id_)]
            state.created_at -= here.sessions.timeouts.absolute
            state.version += 1
            assert await here.store.update(state, 900)
        assert await error_of(client, "me") == OLD_TOKEN
        assert await client.wait_disconnected() == "io server disconnect"


async def test_a_user_that_is_not_there() -> None:
    """The session is destroyed, and the client goes with it."""
    async with world() as here:
        client = await here.socket("/bearer")
        await data_of(client, "log in", 1)
        assert await data_of(client, "me") == {"user": "Ada", "user_id": 1, "content": {}}
        await data_of(client, "log in", 99)
        client.emit("me")
        assert await client.wait_disconnected() == "io server disconnect"
        assert here.store._kept == {}


@pytest.mark.parametrize("operation", ["read", "touch", "replace"])
async def test_a_store_that_fails(operation: str, caplog: pytest.LogCaptureFixture) -> None:
    """At reading or at the commit, the client gets the internal error, the rest stays, and then all works again."""
    store = FailingStore()
    async with world(store) as here:
        client = await here.socket("/bearer")
        await data_of(client, "set", {"a": 1})
        store.broken.add(operation)
        assert await error_of(client, *(("set", {"b": 2}) if operation == "replace" else ("me",))) == INTERNAL
        store.broken.clear()
        assert (await data_of(client, "me"))["content"] == {"a": 1}
        await data_of(client, "set", {"b": 2})
        assert (await data_of(client, "me"))["content"] == {"a": 1, "b": 2}


async def test_a_store_that_fails_at_the_first_commit() -> None:
    """The client gets the internal error, and the next event begins anew."""
    store = FailingStore()
    async with world(store) as here:
        client = await here.socket("/bearer")
        store.broken.add("save")
        assert await error_of(client, "set", {"a": 1}) == INTERNAL
        store.broken.clear()
        assert (await data_of(client, "me"))["content"] == {}


async def test_events_and_a_request_that_change_different_keys() -> None:
    """Two events and a request at once keep all three changes."""
    async with world() as here:
        await here.post("/cookie/log-in/1")
        client = await here.page_socket()
        await asyncio.gather(
            data_of(client, "set", {"a": 1}), data_of(client, "set", {"b": 2}), here.post("/cookie/set/c/3")
        )
        assert (await here.browser.get("/cookie/me")).json()["content"] == {"a": 1, "b": 2, "c": "3"}


async def test_regeneration_in_an_event() -> None:
    """The socket goes on with the new token, and so does what else its client has; the old one is worth nothing."""
    async with world() as here:
        client = await here.socket("/bearer")
        old = await data_of(client, "log in", 1)
        new = await data_of(client, "regenerate")
        assert old != new
        assert await data_of(client, "required") == 1
        with pytest.raises(ConnectionRefused, match="invalid or expired"):
            await here.socket("/bearer", auth={"token": old})
        other = await here.socket("/bearer", auth={"token": new})
        assert await data_of(other, "required") == 1


async def test_regeneration_in_an_event_ends_the_others_of_the_token() -> None:
    """Other clients with the old token lose their connection; they come back if they have the new one."""
    async with world() as here:
        token = (await here.post("/bearer/log-in/2")).json()["token"]
        one = await here.socket("/bearer", auth={"token": token})
        other = await here.socket("/bearer", auth={"token": token})
        await data_of(one, "regenerate")
        assert await other.wait_disconnected() == "transport close"
        assert await data_of(one, "required") == 2


async def test_a_session_of_a_cookie_is_not_regenerated_in_an_event(caplog: pytest.LogCaptureFixture) -> None:
    """That would leave the browser with a dead cookie: it is an error that says so."""
    async with world() as here:
        await here.post("/cookie/log-in/1")
        client = await here.page_socket()
        assert await error_of(client, "regenerate") == INTERNAL
        assert "cannot give the browser another" in caplog.text
        assert (await data_of(client, "me"))["user"] == "Ada"


async def test_logging_out_in_an_event() -> None:
    """The session is destroyed, and its sockets are disconnected, that of the event too."""
    async with world() as here:
        token = (await here.post("/bearer/log-in/1")).json()["token"]
        one = await here.socket("/bearer", auth={"token": token})
        other = await here.socket("/bearer", auth={"token": token})
        one.emit("log out")
        assert await one.wait_disconnected() == "io server disconnect"
        assert await other.wait_disconnected() == "io server disconnect"
        assert here.store._kept == {}


async def test_logging_out_over_http() -> None:
    """The sockets of the session are disconnected in every namespace, and no others."""
    async with world() as here:
        stranger = await here.socket("/bearer")
        await data_of(stranger, "set", {"a": 1})
        await here.post("/cookie/log-in/1")
        client = await here.page_socket()
        other = await here.page_socket(namespace="/required-cookie")
        assert (await here.post("/cookie/log-out")).status_code == 204
        assert await client.wait_disconnected() == "io server disconnect"
        assert await other.wait_disconnected() == "io server disconnect"
        assert stranger.connected
        assert "sessionID" not in here.browser.cookies


async def test_regeneration_over_http() -> None:
    """The sockets of the old token lose their connection as by a network's fault, and come back with the new cookie."""
    async with world() as here:
        await here.post("/cookie/log-in/1")
        client = await here.page_socket()
        old = here.browser.cookies["sessionID"]
        assert (await here.post("/cookie/regenerate")).status_code == 204
        assert await client.wait_disconnected() == "transport close"
        assert here.browser.cookies["sessionID"] != old
        again = await here.page_socket()
        assert (await data_of(again, "me"))["user"] == "Ada"


async def test_an_event_between_a_regeneration_and_its_answer() -> None:
    """It is refused, and the socket loses its connection only when the browser has the new cookie."""
    async with world() as here:
        await here.post("/cookie/log-in/1")
        client = await here.page_socket()
        regenerating = asyncio.create_task(here.post("/cookie/regenerate-slowly"))
        await here.gate.reached()
        assert await error_of(client, "me") == OLD_TOKEN
        assert client.connected
        here.gate.open()
        assert (await regenerating).status_code == 204
        assert await client.wait_disconnected() == "transport close"
        assert (await data_of(await here.page_socket(), "me"))["user"] == "Ada"


@in_fake_time
async def test_an_expired_session_takes_its_sockets_with_it() -> None:
    """When its time is over without a use; a use puts it off."""
    async with world(session_idle_timeout=1.5, session_absolute_timeout=100.0) as here:
        here.sessions.clock = asyncio.get_running_loop().time
        client = await here.socket("/bearer")
        for _ in range(4):
            await data_of(client, "me")
            used = here.sessions.clock()
            await asyncio.sleep(0.9)
        assert client.connected
        assert await client.wait_disconnected(timeout=15) == "io server disconnect"
        assert here.sessions.clock() == pytest.approx(used + 1.5, abs=0.1)
        assert here.store._kept == {}


class Choosing(SocketIOController):
    """Does with `ctx.session` what its events say, with a hook behind that of the session that refuses some."""

    sessions = dependency(Sessions)

    @event_name("write and refuse")
    @use_websocket_sessions()
    @websocket_hook(lambda ctx, services: (ctx.session.set("tried", 1), WebsocketErrorResponse("no"))[1])
    def write_and_refuse(self) -> None:
        raise AssertionError("the hook has refused it")

    @event_name("replace")
    @use_websocket_sessions()
    def replace(self, ctx: WebsocketContext) -> WebsocketResponse:
        ctx.session = self.sessions.create()
        ctx.session.set("tried", 2)
        return WebsocketResponse(ctx.session.id)

    @event_name("leave out")
    @use_websocket_sessions()
    def leave_out(self, ctx: WebsocketContext) -> WebsocketResponse:
        ctx.session.set("tried", 3)
        ctx.session = None
        return WebsocketResponse()

    @event_name("read")
    @use_websocket_sessions(create=False)
    def read(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(ctx.session and {"id": ctx.session.id, "tried": ctx.session.get("tried")})


async def test_what_events_do_with_their_session() -> None:
    """What a later hook refuses is committed; another session in `ctx.session` becomes the socket's; None is none."""
    services = ServiceManager(Settings(session_store="memory:"))
    app = services.get(Choosing).attach()
    async with TestClient(app) as client:
        await data_of(client, "leave out")
        assert await data_of(client, "read") is None
        assert await error_of(client, "write and refuse") == "no"
        first = await data_of(client, "read")
        assert first["tried"] == 1
        second = await data_of(client, "replace")
        assert second != first["id"]
        assert await data_of(client, "read") == {"id": second, "tried": 2}
        await data_of(client, "leave out")
        assert await data_of(client, "read") == {"id": second, "tried": 2}


# forwarding


async def refused(here: World, namespace: str = "/", **options: Any) -> tuple[str, Any]:
    with pytest.raises(ConnectionRefused) as error:
        await here.socket(namespace, **options)
    return error.value.message, error.value.data


async def test_forwarding_a_cookie() -> None:
    """With the CSRF token in `auth` or in either header, a socket has the session and the user of the page."""
    async with world() as here:
        await here.post("/cookie/log-in/1")
        cookie = f"sessionID={here.browser.cookies['sessionID']}"
        csrf = here.browser.cookies["XSRF-TOKEN"]
        for options in (
            {"auth": {"csrfToken": csrf}, "headers": {"cookie": cookie}},
            {"headers": {"cookie": f"other=1; {cookie}", "x-csrf-token": csrf}},
            {"headers": {"cookie": cookie, "x-xsrf-token": csrf}},
        ):
            client = await here.socket(**options)
            assert (await data_of(client, "me"))["user"] == "Ada"
        nobody = await here.socket()
        assert (await data_of(nobody, "me"))["user"] is None


async def test_forwarding_a_cookie_without_its_csrf_token() -> None:
    """Missing, wrong, of no text or of another session: refused, and nothing of the client stays."""
    async with world() as here:
        await here.post("/cookie/log-in/1")
        headers = {"cookie": f"sessionID={here.browser.cookies['sessionID']}"}
        other = await World.post(World(here.store), "/cookie/log-in/2")
        wrong = ("CSRF token missing or incorrect.", {"code": "invalid_csrf_token"})
        for csrf in (None, "", "x", 1, {"a": 1}, other.json()["csrf"], here.browser.cookies["XSRF-TOKEN"] + "x"):
            auth = {} if csrf is None else {"csrfToken": csrf}
            assert await refused(here, auth=auth, headers=headers) == wrong
        assert await refused(here, headers={**headers, "x-csrf-token": "x"}) == wrong
        assert here.services.get(WsServer).io.engine.connections == {}


async def test_forwarding_a_cookie_from_another_origin() -> None:
    """The handshake is refused before anything else is looked at."""
    async with world() as here:
        await here.post("/cookie/log-in/1")
        with pytest.raises(ConnectionError):
            await here.page_socket(headers={"origin": "http://testserver:8080"})


async def test_forwarding_a_stale_cookie() -> None:
    """One that was regenerated or destroyed is worth nothing."""
    async with world() as here:
        await here.post("/cookie/log-in/1")
        before, csrf = here.browser.cookies["sessionID"], here.browser.cookies["XSRF-TOKEN"]
        await here.post("/cookie/regenerate")
        after = here.browser.cookies["sessionID"]
        await here.post("/cookie/log-out")
        stale = ("token invalid or expired", {"code": "invalid_token"})
        for token in (before, after, "x", session_id(after)):
            headers = {"cookie": f"sessionID={token}"}
            assert await refused(here, auth={"csrfToken": csrf}, headers=headers) == stale


async def test_forwarding_a_bearer_token() -> None:
    """From the `Authorization` header or from `auth`; the header comes first."""
    async with world() as here:
        token = (await here.post("/bearer/log-in/2")).json()["token"]
        for options in (
            {"headers": {"authorization": f"Bearer {token}"}},
            {"auth": {"token": token}},
            {"headers": {"authorization": f"Bearer {token}"}, "auth": {"token": "x"}},
        ):
            client = await here.socket("/bearer", **options)
            assert (await data_of(client, "me"))["user"] == "Grace"


async def test_forwarding_a_wrong_bearer_token() -> None:
    """Each row of the table."""
    async with world() as here:
        token = (await here.post("/bearer/log-in/99")).json()["token"]
        malformed = (
            "Expected a bearer token. Scheme is Authorization: Bearer <token>.",
            {"code": "invalid_request"},
        )
        for header in ("", "Bearer", "Bearer ", "bearer x", "Basic x", "Bearer a b", token):
            assert await refused(here, "/bearer", headers={"authorization": header}) == malformed
        unknown = ("token invalid or expired", {"code": "invalid_token"})
        for wrong in ("x", 1, ["x"], {"a": 1}, True, session_id(token)):
            assert await refused(here, "/bearer", auth={"token": wrong}) == unknown
        missing = ("Session token not found.", {"code": "invalid_request"})
        for auth in ({}, {"token": None}, {"token": ""}):
            assert await refused(here, "/required", auth=auth) == missing
        assert await refused(here, "/required-cookie") == missing
        nobody = ("The token does not match any user.", {"code": "invalid_token"})
        assert await refused(here, "/bearer", auth={"token": token}) == nobody
        assert await refused(here, "/bearer", auth={"token": token}) == unknown


async def test_a_store_that_fails_while_a_client_comes() -> None:
    """It is refused with the masked error, and may come when the store is back."""
    store = FailingStore()
    async with world(store) as here:
        token = (await here.post("/bearer/log-in/1")).json()["token"]
        store.broken.add("read")
        message, data = await refused(here, "/bearer", auth={"token": token})
        assert (message, data["code"]) == (INTERNAL["message"], INTERNAL["code"])
        store.broken.clear()
        assert await data_of(await here.socket("/bearer", auth={"token": token}), "required") == 1


# secrecy


async def test_tokens_are_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    """Not in the log, in `socket.data`, in the rooms, in what a repr shows, nor in the store."""
    caplog.set_level(logging.DEBUG)
    async with world(debug=True) as here:
        await here.post("/cookie/log-in/1")
        token, csrf = here.browser.cookies["sessionID"], here.browser.cookies["XSRF-TOKEN"]
        client = await here.page_socket()
        await data_of(client, "me")
        await error_of(client, "regenerate")
        (socket,) = await here.services.get(WsServer).io.fetch_sockets()
        places = [caplog.text, repr(socket.data), repr(socket.rooms), repr(socket), repr(vars(here.services))]
        places += [repr(record.__dict__) for record in caplog.records]
        places += [repr(kept) for kept in here.store._kept.values()]
        for place in places:
            assert token not in place
        assert csrf not in caplog.text


async def test_sockets_that_are_gone_leave_nothing() -> None:
    """Neither the socket nor its session is remembered."""
    async with world() as here:
        client = await here.socket("/bearer")
        await data_of(client, "set", {"a": 1})
        known = here.services.get(SocketSessions)
        assert len(known._known) == len(known._groups) == 1
        client.disconnect()
        await client.wait_disconnected()
        del client
        await here.stack.aclose()
        gc.collect()
        assert len(known._known) == len(known._groups) == 0


def test_the_default_store_is_a_sqlite_file() -> None:
    """Where neither code nor settings say otherwise."""
    store = ServiceManager().get(Store)
    assert type(store).__name__ == "SqlStore"
    assert not isinstance(store, MemoryStore)


async def test_csrf_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """By HTTP and when a session is forwarded, whatever is given."""
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def take_down(one: Any, other: Any) -> bool:
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", take_down)
    async with world() as here:
        await here.post("/cookie/log-in/1")
        csrf = here.browser.cookies["XSRF-TOKEN"].encode()
        for given in ("x", "\ud800", csrf.decode()):
            before = len(compared)
            with suppress(ConnectionRefused):
                await here.page_socket(csrf=given)
            assert (csrf, given.encode("utf-8", "surrogatepass")) in compared[before:]
        compared.clear()
        await here.browser.post("/cookie/log-out", headers={"x-csrf-token": "y"})
        assert (csrf, b"y") in compared


async def test_a_store_that_only_forwarding_asks_for(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """It is booted when the first client comes, and closed with the app; so is one that was given to a hook."""

    class Booted(MemoryStore):
        def __init__(self) -> None:
            super().__init__()
            self.life: list[str] = []

        async def boot(self) -> None:
            self.life.append("boot")

        async def close(self) -> None:
            self.life.append("close")

    given, default = Booted(), Booted()

    class Root(SocketIOController):
        async def on_connection(self, ctx: WebsocketContext) -> None:
            await forward_http_session_to_websocket(ctx)

        @event_name("me")
        @use_websocket_sessions(given)
        def me(self, ctx: WebsocketContext) -> WebsocketResponse:
            return WebsocketResponse(ctx.session.is_new)

    services = ServiceManager(Settings(session_store="memory:"))
    services.set(Store, default)
    app = services.get(Root).attach()
    async with app.lifespan():
        assert given.life == default.life == ["boot"]
        async with TestClient(app) as client:
            assert await data_of(client, "me") is True
    assert given.life == default.life == ["boot", "close"]

    class Only(SocketIOController):
        async def on_connection(self, ctx: WebsocketContext) -> None:
            await forward_http_session_to_websocket(ctx)

    services = ServiceManager(Settings(session_store=f"sqlite:///{tmp_path}/late.sqlite3"))
    app = services.get(Only).attach()
    async with app.lifespan():
        async with TestClient(app):
            pass
        assert services.get(Store).__dict__["_is_made"]
    assert not services.get(Store).__dict__["_is_made"]
    assert "booted" not in caplog.text


# things that happen at once


async def test_an_event_that_runs_while_another_regenerates() -> None:
    """It is answered, and the socket goes on with the new token."""
    async with world() as here:
        client = await here.socket("/bearer")
        await data_of(client, "log in", 2)
        slow = asyncio.create_task(data_of(client, "slow"))
        await here.gate.reached()
        new = await data_of(client, "regenerate")
        here.gate.open()
        assert await slow == 2
        assert await data_of(client, "required") == 2
        assert await data_of(await here.socket("/bearer", auth={"token": new}), "required") == 2


async def test_two_sockets_that_regenerate_at_once() -> None:
    """One of them has the new token, and knows it; the other loses its connection, or gets an error."""
    async with world(SlowStore()) as here:
        token = (await here.post("/bearer/log-in/2")).json()["token"]
        one = await here.socket("/bearer", auth={"token": token})
        other = await here.socket("/bearer", auth={"token": token})
        answers = await asyncio.gather(
            one.emit_with_ack("regenerate"), other.emit_with_ack("regenerate"), return_exceptions=True
        )
        won = [answer["data"] for answer in answers if isinstance(answer, dict) and answer["status"] == "ok"]
        assert len(won) == 1
        winner = one if isinstance(answers[0], dict) and answers[0]["status"] == "ok" else other
        assert await data_of(winner, "required") == 2
        assert await data_of(await here.socket("/bearer", auth={"token": won[0]}), "required") == 2


async def test_a_session_that_ends_while_its_client_comes() -> None:
    """The client is not let in, and hears why."""
    store = SlowStore()
    async with world(store) as here:
        token = (await here.post("/bearer/log-in/1")).json()["token"]
        store.turns = lambda: 50
        coming = asyncio.create_task(refused(here, "/bearer", auth={"token": token}))
        while "touch" not in store.calls[-1:]:  # noqa: ASYNC110
            await asyncio.sleep(0)
        store.turns = lambda: 0
        await here.sessions.destroy(session_id(token))
        assert await coming == ("token invalid or expired", {"code": "invalid_token"})


@in_fake_time
async def test_a_regenerated_session_expires_too() -> None:
    """The sockets that moved with it are disconnected when its time is over."""
    async with world(session_idle_timeout=1.5, session_absolute_timeout=100.0) as here:
        here.sessions.clock = asyncio.get_running_loop().time
        client = await here.socket("/bearer")
        await data_of(client, "log in", 1)
        await asyncio.sleep(0.9)
        await data_of(client, "regenerate")
        used = here.sessions.clock()
        assert await client.wait_disconnected(timeout=15) == "io server disconnect"
        assert here.sessions.clock() == pytest.approx(used + 1.5, abs=0.1)


async def test_a_logout_is_answered_before_the_client_is_disconnected() -> None:
    """Whatever the method does after it."""
    async with world() as here:
        client = await here.socket("/bearer")
        await data_of(client, "log in", 1)
        assert await data_of(client, "log out slowly") == "bye"
        assert await client.wait_disconnected() == "io server disconnect"


async def test_an_event_that_runs_during_a_logout_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """It had nothing to keep; its client is disconnected."""
    async with world() as here:
        token = (await here.post("/bearer/log-in/1")).json()["token"]
        client = await here.socket("/bearer", auth={"token": token})
        client.emit("slow")
        await here.gate.reached()
        await here.sessions.destroy(session_id(token))
        assert await client.wait_disconnected() == "io server disconnect"
        here.gate.open()
        await turns(20)
    assert "not caught" not in caplog.text


async def test_a_request_that_runs_during_a_login_is_no_error() -> None:
    """It had nothing to keep, and leaves the newer cookies alone."""
    async with world() as here:
        await here.post("/cookie/log-in/1")
        old = here.browser.cookies["sessionID"]
        session = await here.sessions.read(old)
        assert session is not None
        store_touch = here.store.touch

        async def touch(*args: Any) -> bool:
            await here.sessions.destroy(session_id(old))
            return bool(await store_touch(*args))

        here.store.touch = touch
        response = await here.browser.get("/cookie/me")
        assert response.status_code == 200
        assert "set-cookie" not in response.headers


async def test_a_logout_by_a_session_that_was_regenerated_meanwhile() -> None:
    """It ends the session that the other has made of it."""
    async with world() as here:
        token = (await here.post("/bearer/log-in/1")).json()["token"]
        one, other = await here.sessions.read(token), await here.sessions.read(token)
        assert one is not None
        assert other is not None
        one.regenerate()
        await one.commit()
        await other.destroy()
        assert await here.sessions.read(one.token) is None


async def test_context_variables_of_events_are_not_kept() -> None:
    """A session's timer does not hold on to what an event has set."""
    current: ContextVar[Any] = ContextVar("current")

    class Held:
        pass

    class Root(SocketIOController):
        @event_name("go")
        @websocket_hook(lambda ctx, services: current.set(Held()) and None)
        @use_websocket_sessions()
        def go(self, ctx: WebsocketContext) -> WebsocketResponse:
            return WebsocketResponse()

    app = ServiceManager(Settings(session_store="memory:")).get(Root).attach()
    async with TestClient(app) as client:
        await data_of(client, "go")
        await asyncio.sleep(0)
        gc.collect()
        assert not [each for each in gc.get_objects() if type(each) is Held]


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("sessionID=a; sessionID=b", "b"),
        ("sessionID=; sessionID=b", "b"),
        ("sessionID = a", "a"),
        ('x=1;sessionID="a"', "a"),
        ("sessionid=a; xsessionID=b", None),
        ("sessionID=", None),
        ("", None),
    ],
)
def test_cookies_are_read_as_over_http(header: str, token: str | None) -> None:
    assert cookie(header, "sessionID") == token


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda: use_websocket_sessions(MemoryStore), "needs a Store object"),  # type: ignore[arg-type]
        (lambda: use_websocket_sessions("memory:"), "needs a Store object"),  # type: ignore[arg-type]
        (lambda: use_websocket_sessions(lambda self: None), "write @use_websocket_sessions()"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_store(use: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        use()
