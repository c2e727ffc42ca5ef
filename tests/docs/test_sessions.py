"""The examples of docs/sessions.md, and its lists; the cases of its tables are in tests/sessions."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from docs.programs import browser_page, line, post, program
from docs.sections import Sections
from support.pages import Page, exec_as_module
from support.postgres import postgres_server
from support.redis import redis_server
from support.servers import ROOT
from whinny import ServiceManager, Settings
from whinny.http import use_sessions
from whinny.sessions import Session, Sessions, Store
from whinny.websocket.sessions import use_websocket_sessions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.servers import ServerProcess

    ServeCode = Callable[[str], ServerProcess]

PAGE = Sections("sessions.md")
COOKIE = PAGE.take("With a cookie")
LOG_OUT = PAGE.take("With a cookie", "javascript")
BEARER = PAGE.take("With a bearer token")
ABOUT = PAGE.take("A cookie about the user")
ABOUT_CLIENT = PAGE.take("A cookie about the user", "javascript")
COMING_BACK = PAGE.take("Sessions and sockets", "javascript")
SQL = PAGE.take("Stores")
REDIS = PAGE.take("Stores", number=1)
MIGRATION = PAGE.take("Stores", number=2)

ELSEWHERE = {
    ("Sessions", "bash", 0),
    ("A store of your own", "python", 0),  # below, as files
    ("A store of your own", "python", 1),
    ("Testing", "python", 0),
}

ADA = {"name": "ada", "password": "engine"}
EVE = {"name": "ada", "password": "a guess"}


def test_every_example_is_run() -> None:
    """Whoever adds an example to the page adds its test here."""
    assert set(PAGE.left()) == ELSEWHERE


def listed(heading: str) -> list[list[str]]:
    """The rows of the table under a heading."""
    text = (ROOT / "docs" / "sessions.md").read_text()
    section = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert section
    table = section[1].split("\n\n|", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table]


# With a cookie


def test_logging_in_with_a_cookie(serve_code: ServeCode) -> None:
    """Who has logged in is known, and no longer after the logout; a wrong password gives nothing."""
    with httpx.Client(base_url=serve_code(COOKIE).url) as browser:
        assert browser.get("/me").status_code == 401
        csrf = {"X-XSRF-TOKEN": browser.cookies["XSRF-TOKEN"]}
        before = browser.cookies["sessionID"]
        assert browser.post("/log-in", json=ADA).status_code == 403
        assert browser.post("/log-in", json=EVE, headers=csrf).status_code == 401
        assert browser.get("/me").status_code == 401
        assert browser.post("/log-in", json=ADA, headers=csrf).status_code == 204
        assert browser.cookies["sessionID"] != before
        assert browser.get("/me").json() == {"name": "ada", "visits": 1}
        stale = httpx.get(f"{browser.base_url}/me", headers={"Cookie": f"sessionID={before}"})
        assert (stale.status_code, stale.json()["code"]) == (401, "invalid_token")
        assert browser.post("/log-out", headers=csrf).status_code == 403, "the token is another one since the login"
        csrf = {"X-XSRF-TOKEN": browser.cookies["XSRF-TOKEN"]}
        assert browser.post("/log-out", headers=csrf).status_code == 204
        assert dict(browser.cookies) == {}
        assert browser.get("/me").status_code == 401


def test_logging_out_in_a_browser(serve_code: ServeCode) -> None:
    """The page's code shows the CSRF token; without it nothing happens."""
    with browser_page(serve_code(COOKIE).url) as page:
        assert post(page, "/log-in", ADA) == 204
        me = "async () => (await fetch('/me')).status"
        assert page.evaluate(me) == 200
        assert post(page, "/log-out") == 403
        assert page.evaluate(me) == 200
        page.evaluate(f"async () => {{ {LOG_OUT} }}")
        assert page.evaluate(me) == 401


def test_the_cookie_about_the_user_in_a_browser(serve_code: ServeCode) -> None:
    """The page reads any name from it, and nothing when there is nobody."""
    with browser_page(serve_code(ABOUT).url) as page:
        read = f"() => {{ {ABOUT_CLIENT}; return userOfCookie(); }}"
        assert page.evaluate(read) is None
        assert post(page, "/log-in/%C5%81ukasz%20%22;,%25") == 204
        assert page.evaluate(read) == {"name": 'Łukasz ";,%'}


FORWARDING = """
from whinny import ServiceManager, Settings, SocketIOController
from whinny.websocket import forward_http_session_to_websocket


class Root(SocketIOController):
    async def on_connection(self, ctx):
        await forward_http_session_to_websocket(ctx, cookie=True, required=True)


app = ServiceManager(Settings(session_store="memory:")).get(Root).attach()
"""


def test_coming_back_with_a_token_of_no_session(serve_code: ServeCode, tmp_path: Path) -> None:
    """The page tries once more, and then leads to the login."""
    client = f"""
import {{ io }} from "socket.io-client";
const location = {{ assign: path => {{ console.log(path); socket.close(); }} }};
const socket = io("{serve_code(FORWARDING).url}", {{ extraHeaders: {{ Cookie: "sessionID=x" }} }});
socket.on("connect_error", error => console.log(error.data.code));
{COMING_BACK}
"""
    with program(client, tmp_path) as process:
        assert [line(process) for _ in range(3)] == ["invalid_token", "invalid_token", "/log-in"]


# With a bearer token


def test_logging_in_with_a_bearer_token(serve_code: ServeCode) -> None:
    """The token is the session's until the logout."""
    with httpx.Client(base_url=serve_code(BEARER).url) as client:
        assert client.get("/me").json()["description"] == "Authorization header not found."
        assert client.post("/log-in", json=EVE).status_code == 401
        client.headers["Authorization"] = f"Bearer {client.post('/log-in', json=ADA).json()['token']}"
        assert client.get("/me").json() == {"name": "ada"}
        assert client.post("/log-out").status_code == 204
        assert client.get("/me").json()["description"] == "token invalid or expired"
        assert dict(client.cookies) == {}


# Lists


def test_every_option_of_use_sessions_is_listed() -> None:
    """With its default, where that is a value; those of events are among them."""
    options = inspect.signature(use_sessions).parameters
    rows = {row[0].strip("`"): row[1] for row in listed("`use_sessions`")}
    assert set(rows) == set(options)
    assert set(inspect.signature(use_websocket_sessions).parameters) <= set(rows)
    for name, default in rows.items():
        assert (default == "`False`") == (options[name].default is False), name


def test_every_setting_is_listed_with_its_default() -> None:
    """And with the variable of the environment."""
    settings = Settings()
    names = [field.name for field in fields(settings) if field.name.startswith(("session", "csrf"))]
    rows = listed("Settings")
    assert [row[0].strip("`") for row in rows] == names
    for name, variable, default, _ in rows:
        name = name.strip("`")
        assert variable == f"`WHINNY_{name.upper()}`"
        value = getattr(settings, name)
        shown = default.strip("`").strip('"').replace("_", "")
        assert shown == str(value).replace("_", "")


def test_what_a_session_has_is_listed() -> None:
    """All that is public, but for what the framework alone calls."""
    named = {name for row in listed("A session") for name in re.findall(r"`(?:await )?(\w+)", row[0])}
    public = {name for name in dir(Session) if not name.startswith("_")}
    assert named == public - {"fix"}


# Stores


async def keeps(services: ServiceManager) -> bool:
    """Whether the store of this app keeps a session, from its start to its end."""
    sessions = services.get(Sessions)
    await services.boot()
    try:
        session = sessions.create()
        session.set_user("ada")
        await session.commit()
        found = await sessions.read(session.token)
        return found is not None and found.user_id == "ada"
    finally:
        await services.close()


def of_the_page(code: str, name: str, url: str, real: str) -> Any:
    """The page's example, with a real server in the place of the one that it names."""
    assert url in code
    return exec_as_module(code.replace(url, real), name).services


@pytest.mark.anyio
async def test_a_sql_store_over_an_engine() -> None:
    """On PostgreSQL, in the table of this name."""
    with postgres_server() as server:
        services = of_the_page(SQL, "sessions_sql", "postgresql+asyncpg://app:secret@localhost/app", server.url)
        assert services.get(Store).table.name == "app_sessions"
        assert await keeps(services)
        await sys.modules["sessions_sql"].__dict__["engine"].dispose()  # the store leaves it open: it is the app's


@pytest.mark.anyio
async def test_a_redis_store() -> None:
    """Under keys with this prefix."""
    with redis_server() as server:
        assert await keeps(of_the_page(REDIS, "sessions_redis", "redis://localhost:6379/0", server.url))
        keys = server.ask(b"KEYS *\r\n")
        assert b"app:sessions:" in keys


@pytest.mark.anyio
@pytest.mark.parametrize("url", ["memory:", "sqlite:///app.sqlite3"])
async def test_a_store_by_its_url(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the table writes them."""
    assert f"`{url}`" in {row[0] for row in listed("Stores")}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WHINNY_SESSION_STORE", url)
    assert await keeps(ServiceManager())
    assert (tmp_path / "app.sqlite3").exists() == url.startswith("sqlite")


@pytest.mark.anyio
async def test_a_table_by_migration(tmp_path: Path) -> None:
    """A table that the app's metadata has made is the one that the store uses."""
    from sqlalchemy.ext.asyncio import create_async_engine

    from whinny.sessions.sql import SqlStore

    metadata = exec_as_module(MIGRATION, "sessions_migration").metadata
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/app.sqlite3")
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    assert await keeps(ServiceManager().set(Store, SqlStore(engine, table="app_sessions")))
    await engine.dispose()


def test_a_store_of_ones_own(tmp_path: Path) -> None:
    """The page's store passes the page's test."""
    for name, code in Page("sessions.md").files.items():
        (tmp_path / name).write_text(code)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "test_dict_store.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tests_of_an_app_with_sessions_pass(tmp_path: Path) -> None:
    """They run as they are printed, none warns, and nothing is left in the folder."""
    (tmp_path / "test_visits.py").write_text(Page("sessions.md").files["test_visits.py"])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("4 passed in "), done.stdout
    assert [each.name for each in tmp_path.iterdir()] == ["test_visits.py"]
