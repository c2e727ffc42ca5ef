"""The command: whinny run and whinny dev."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import httpx
import pytest
from uvicorn.logging import DefaultFormatter
from websockets.sync.client import connect

from support.servers import TESTS, free_port, serve
from whinny.serving.run import PlainFormatter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.servers import ServerProcess

APP = """
from whinny import ServiceManager, SocketIOController

class Controller(SocketIOController):
    def on_connection(self, ctx):
        raise ValueError("{words}")

app = ServiceManager().get(Controller).attach()
"""


@contextmanager
def dev(folder: Path) -> Iterator[str]:
    """`whinny dev app:app` in a folder; the address that it serves."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "whinny.cli", "dev", "app:app", "--port", str(port)],
        cwd=folder,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def refusal(url: str) -> str:
    """What a client by polling is answered to its CONNECT packet."""
    session = httpx.get(f"{url}/socket.io/?EIO=4&transport=polling").raise_for_status().text
    query = f"{url}/socket.io/?EIO=4&transport=polling&sid=" + session.split('"sid":"')[1][:20]
    httpx.post(query, content="40").raise_for_status()
    return httpx.get(query).raise_for_status().text


def wait_for_refusal(url: str, words: str, within: float = 20) -> str:
    end = time.monotonic() + within
    answer = ""
    while time.monotonic() < end:
        with suppress(httpx.HTTPError):
            answer = refusal(url)
            if words in answer:
                return answer
        time.sleep(0.1)
    raise AssertionError(f"not within {within} s: {words!r} in {answer!r}")


def test_dev_shows_errors_and_reloads(tmp_path: Path) -> None:
    """In development an error reaches the client whole, and a changed file is loaded anew."""
    (tmp_path / "app.py").write_text(APP.format(words="the first words"))
    with dev(tmp_path) as url:
        answer = wait_for_refusal(url, "the first words")
        assert '"name":"ValueError"' in answer
        assert '"stack":' in answer
        (tmp_path / "app.py").write_text(APP.format(words="other words"))
        wait_for_refusal(url, "other words")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("app", "write it as module:attribute"),
        ("no_such_module:app", "There is no module 'no_such_module'"),
        ("apps.wire:nothing", "has no attribute 'nothing'"),
        ("apps.wire:__name__", "is no ASGI app but an object of the type str"),
    ],
)
def test_a_target_that_is_none(target: str, words: str) -> None:
    """The command says what is wrong with its target, in one line, and fails."""
    done = subprocess.run(
        [sys.executable, "-m", "whinny.cli", "run", target], cwd=TESTS, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_of_the_app_is_shown_whole() -> None:
    """An app that cannot be imported for a reason of its own shows that reason."""
    with pytest.raises(RuntimeError, match="No module named 'surely_not_installed'"), serve("apps.broken:app"):
        pass


def test_run_masks_errors(tmp_path: Path) -> None:
    """In production an error reaches the client masked."""
    (tmp_path / "masked_app.py").write_text(APP.format(words="a secret"))
    with serve("masked_app:app", args=["--app-dir", str(tmp_path)]) as server:
        assert "a secret" not in wait_for_refusal(server.url, "An internal server error has occurred.")
        assert "a secret" in server.log


# what is logged

LOGGING_APP = """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from whinny import ServerOptions, ServiceManager, Settings, SocketIOController

async def plain(request):
    return PlainTextResponse("plain")

class Controller(SocketIOController):
    options = ServerOptions(path="{path}")

http = Starlette(routes=[Route("/plain", plain), Route("/socket.iox", plain)])
app = ServiceManager(Settings()).get(Controller).attach(http)
"""


@pytest.mark.parametrize("path", ["/socket.io", "/ws"])
@pytest.mark.parametrize("args", [(), ("--root-path", "/api")])
def test_requests_of_polling_are_not_logged(tmp_path: Path, path: str, args: tuple[str, ...]) -> None:
    """They are many and carry the session's id, the wrong ones among them too; other requests are logged as ever."""
    (tmp_path / "logging_app.py").write_text(LOGGING_APP.replace("{path}", path))
    with serve("logging_app:app", args=["--app-dir", str(tmp_path), *args]) as server:
        url = f"{server.url}{path}/?EIO=4&transport=polling"
        session = httpx.get(url).raise_for_status().text.split('"sid":"')[1][:20]
        assert httpx.post(f"{url}&sid={session}", content="40").status_code == 200
        assert httpx.get(f"{url}&sid={session}").status_code == 200
        assert httpx.get(f"{url}&sid=wrong").status_code == 400
        assert httpx.put(f"{url}&sid={session}").status_code >= 400
        address = f"{url}&sid={session}".replace("http", "ws", 1).replace("=polling", "=websocket")
        with connect(address) as websocket:  # uvicorn tells of each with its whole address
            websocket.send("2probe")
            assert websocket.recv() == "3probe"
        for other in ("/plain?a=1", "/socket.iox", "/nothing"):  # answered in order, so all of the above is logged
            httpx.get(server.url + other)
        prefix = "/api" if args else ""
        wait_for_line(server, f'"GET {prefix}/nothing HTTP/1.1" 404')
        assert f'"GET {prefix}/plain?a=1 HTTP/1.1" 200' in server.log
        assert f'"GET {prefix}/socket.iox HTTP/1.1" 200' in server.log
        assert "sid=" not in server.log
        assert session not in server.log
        assert f"{path}/" not in server.log
        assert server.log.count("HTTP/1.1") == 3


def wait_for_line(server: ServerProcess, words: str, within: float = 10) -> None:
    end = time.monotonic() + within
    while words not in server.log:
        assert time.monotonic() < end, server.log
        time.sleep(0.01)


# whinny routes

LISTED = """
import msgspec
from starlette.applications import Starlette
from starlette.routing import Mount
from whinny import (
    ServiceManager, Settings, SocketIOController, event_name, merge_websocket_hooks, websocket_hook, ws_controller,
)

def log_in(ctx, services): ...
def check(ctx, services): ...

class Users:
    @event_name("create")
    @merge_websocket_hooks(websocket_hook(check), websocket_hook(check))
    def create(self, ctx, payload: dict[str, str]): ...

    @event_name("\\x1b[31mred\\n")
    def red(self): ...

@websocket_hook(log_in)
class Root(SocketIOController):
    sub_controllers = (ws_controller("users ", Users),)

class Stop(msgspec.Struct):
    reason: str

class Admin(SocketIOController):
    namespace = "/admin\\n"

    @event_name("stop")
    def stop(self, ctx, payload: Stop): ...

services = ServiceManager({settings})
app = services.get(Root).attach()
services.get(Admin).attach()
mounted = Starlette(routes=[Mount("/api", app=app)])
nothing = Starlette()
"""

TABLE = """\
namespace  event                controller  method  hooks                 payload
/          users \\x1b[31mred\\n  Users       red     log_in                Any
/          users create         Users       create  log_in, check, check  dict[str, str]
/admin\\n   stop                 Admin       stop                          Stop
"""


def routes(folder: Path, target: str, *args: str, settings: str = "Settings()") -> subprocess.CompletedProcess[str]:
    """`whinny routes` of the app above, in a folder."""
    (folder / "listed.py").write_text(LISTED.replace("{settings}", settings))
    argv = [sys.executable, "-m", "whinny.cli", "routes", target, *args]
    where = TESTS if args else folder
    return subprocess.run(argv, cwd=where, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("target", ["listed:app", "listed:mounted"])
def test_routes_lists_the_events(tmp_path: Path, target: str) -> None:
    """A line for each event of each namespace, of an app that is mounted in another one too."""
    done = routes(tmp_path, target)
    assert (done.stdout, done.stderr, done.returncode) == (TABLE, "", 0)


def test_routes_looks_where_it_is_told(tmp_path: Path) -> None:
    """`--app-dir` is the folder of the app, whatever the current one is."""
    assert routes(tmp_path, "listed:app", "--app-dir", str(tmp_path)).stdout == TABLE


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("listed:nothing", "There is no Socket.IO app here: name the app that attach() gave."),
        ("listed:services", "is no ASGI app but an object of the type ServiceManager"),
        ("listed:other", "has no attribute 'other'"),
        ("elsewhere:app", "There is no module 'elsewhere'"),
        ("listed", "write it as module:attribute"),
    ],
)
def test_routes_of_what_is_no_such_app(tmp_path: Path, target: str, words: str) -> None:
    """One line says what is wrong, and the command fails."""
    done = routes(tmp_path, target)
    assert (done.stdout, done.returncode) == ("", 1)
    assert done.stderr.startswith("Error: ")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("line", ["WHINNY_DEBUG 1", "WHINNY_DEBUG='1", "WHINNY_DEBUG: 1", "WHINNY_DEBUG"])
def test_a_broken_line_of_the_settings_is_named(tmp_path: Path, line: str) -> None:
    """Which file and which line, in one line of the output; the app does not start with other settings than meant."""
    (tmp_path / ".env").write_text(f"OTHER=x\n{line}\n")
    done = routes(tmp_path, "listed:app", settings="")
    assert (done.stdout, done.returncode) == ("", 1)
    assert done.stderr.startswith(f"Error: Line 2 of {tmp_path / '.env'} is no setting: {line!r}")
    assert len(done.stderr.splitlines()) == 1


def test_a_broken_settings_file_is_named(tmp_path: Path) -> None:
    """An app that reads its settings beside a broken `.env` tells which file it is, and shows no traceback."""
    (tmp_path / ".env").write_bytes(b"\xff\xfe")
    done = routes(tmp_path, "listed:app", settings="")
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: The settings in {tmp_path / '.env'} cannot be read")
    assert len(done.stderr.splitlines()) == 1


def test_a_log_line_without_colours_is_as_uvicorn_writes_it() -> None:
    record = logging.LogRecord("whinny.server", logging.WARNING, __file__, 1, "all %s", ("well",), None)
    theirs = DefaultFormatter("%(levelprefix)s %(message)s", use_colors=False)
    assert PlainFormatter().format(record) == theirs.format(record)
