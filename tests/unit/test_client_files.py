"""The official client's bundles: what must be there when the app is made."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from whinny import ConfigurationError, Server, ServerOptions, ServiceManager, Settings
from whinny.serving import Lifecycle, SocketIOApp

if TYPE_CHECKING:
    from pathlib import Path


def make_app(**options: Any) -> SocketIOApp:
    server = Server(ServerOptions(**options))
    return SocketIOApp(server, Lifecycle(server, ServiceManager(Settings())))


def get(app: SocketIOApp, path: str, root: str = "") -> tuple[int, bytes]:
    """Status and body of the answer to a GET request."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": "GET", "path": root + path, "root_path": root, "headers": []}
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder where npm puts the client, with a file that is none of its bundles."""
    folder = tmp_path / "node_modules" / "socket.io-client" / "dist"
    folder.mkdir(parents=True)
    for name in ("socket.io.js", "socket.io.min.js", "secret.js"):
        (folder / name).write_text(name)
    return folder


def test_the_installed_client_is_found(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """True stands for the client that npm installed below the current directory, wherever that is later."""
    monkeypatch.chdir(tmp_path)
    app = make_app(serve_client=True)
    monkeypatch.chdir("/")
    assert get(app, "/socket.io/socket.io.js") == (200, b"socket.io.js")


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_a_folder_may_be_named(folder: Path, kind: Any) -> None:
    """The folder is given as a text or a path; bundles that it has not are not served, nor what is no bundle."""
    app = make_app(serve_client=kind(folder))
    assert get(app, "/socket.io/socket.io.min.js") == (200, b"socket.io.min.js")
    assert get(app, "/socket.io/socket.io.esm.min.js")[0] == 400
    assert get(app, "/socket.io/secret.js")[0] == 400


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({}, "/socket.io/socket.io.js"),
        ({"add_trailing_slash": False}, "/socket.io/socket.io.js"),
        ({"path": "/a/b/"}, "/a/b/socket.io.js"),
        ({"path": "/"}, "/socket.io.js"),
    ],
)
@pytest.mark.parametrize("root", ["", "/mounted"])
def test_the_address(folder: Path, options: dict[str, Any], address: str, root: str) -> None:
    """The files stand below the server's path and a mount's, with one slash between."""
    app = make_app(serve_client=folder, **options)
    assert get(app, address, root) == (200, b"socket.io.js")
    assert get(app, address.replace("socket.io.js", "/socket.io.js"), root)[0] in (400, 404)


@pytest.mark.parametrize("given", [True, "nowhere", "node_modules"])
def test_a_folder_without_the_client_is_refused(given: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An app is not made without the files that it should serve; the error says where they should be and whence."""
    (tmp_path / "node_modules").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        make_app(serve_client=given)
    message = str(caught.value)
    assert f"serve_client={given!r}" in message
    assert str(tmp_path) in message
    assert "npm install socket.io-client" in message
