"""Events and requests while the database of their sessions is gone: an error for the client, and nothing lost."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from sessions.test_socket_sessions import INTERNAL, data_of, error_of, world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.programs import Program
    from whinny.sessions import Store

pytestmark = pytest.mark.anyio

KILL = {"postgres": signal.SIGQUIT, "redis": signal.SIGKILL}


@pytest.fixture(params=sorted(KILL))
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def server(kind: str, request: pytest.FixtureRequest) -> Iterator[Program]:
    """The server of a kind of store; it runs again after the test."""
    server: Program = request.getfixturevalue(kind)
    yield server
    server.start()


async def test_a_database_that_is_killed_in_the_middle_of_an_event(
    kind: str, server: Program, store_of: Callable[[str], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client gets the internal error, keeps what was committed before, and all works when the database is back."""
    async with world(store_of(kind)) as here:
        client = await here.socket("/bearer")
        await data_of(client, "set", {"before": 1})
        read = here.store.read

        async def read_and_die(id: str) -> Any:  # noqa: A002
            state = await read(id)
            server.stop(KILL[kind])
            return state

        monkeypatch.setattr(here.store, "read", read_and_die)
        assert await error_of(client, "set", {"lost": 1}, timeout=20) == INTERNAL, "at the commit"
        monkeypatch.undo()
        assert await error_of(client, "me", timeout=20) == INTERNAL, "at reading"
        assert (await here.browser.get("/cookie/me", headers={"cookie": "sessionID=x"})).status_code == 500
        server.start()
        assert (await data_of(client, "me"))["content"] == {"before": 1}
        await data_of(client, "set", {"after": 2})
        assert (await data_of(client, "me"))["content"] == {"before": 1, "after": 2}


async def test_a_login_with_each_store(kind: str, store_of: Callable[[str], Store]) -> None:
    """The whole way, over a real database: log in, come with the cookie, log out, and be gone."""
    async with world(store_of(kind)) as here:
        await here.post("/cookie/log-in/1")
        client = await here.page_socket()
        assert (await data_of(client, "me"))["user"] == "Ada"
        await data_of(client, "set", {"a": 1})
        assert (await here.browser.get("/cookie/me")).json() == {"user": "Ada", "content": {"a": 1}}
        await here.post("/cookie/log-out")
        assert await client.wait_disconnected() == "io server disconnect"
