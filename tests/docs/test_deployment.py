"""The commands of docs/deployment.md serve, in the way that the page says."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from docs.sections import Sections
from support.pages import Page
from support.servers import ServerProcess, environment, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECTIONS = Sections("deployment.md")
APP = """
from whinny import ServiceManager, SocketIOController

app = ServiceManager().get(SocketIOController).attach()
"""
NATIVELY, BY_ASGI = SECTIONS.take("The native path", "text").splitlines()
COMMANDS = [
    *SECTIONS.take("Servers", "bash").splitlines(),
    *SECTIONS.take("The native path", "bash").splitlines(),
    *SECTIONS.take("The native path", "bash", 1).splitlines(),
]


@contextmanager
def running(command: str, folder: Path) -> Iterator[ServerProcess]:
    """A command of the page in a folder, on a port of its own."""
    port = free_port()
    words = shlex.split(command)
    more = {}
    while "=" in words[0]:
        name, _, more[name] = words.pop(0).partition("=")
    program = "whinny.cli" if words[0] == "whinny" else words[0]
    if "--port" in words:
        words[words.index("--port") + 1] = str(port)
    else:
        words += ["--port", str(port)] if program == "uvicorn" else ["--bind", f"127.0.0.1:{port}"]
    path = os.pathsep.join([str(folder), environment()["PYTHONPATH"]])
    argv = [sys.executable, "-m", program, *words[1:]]
    server = ServerProcess(port, argv, environment(more) | {"PYTHONPATH": path, "HOME": str(folder)})
    try:
        server.start()
        yield server
    finally:
        server.stop(signal.SIGKILL)
        server.output.close()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_serve(command: str, tmp_path: Path) -> None:
    """Each serves the app, natively where the page says so, and ends in order."""
    (tmp_path / "app.py").write_text(APP)
    for name, code in Page("deployment.md").files.items():
        (tmp_path / name).write_text(code)
    with running(command, tmp_path) as server:
        query = {"EIO": "4", "transport": "polling"}
        assert httpx.get(f"{server.url}/socket.io/", params=query).status_code == 200
        if "hypercorn" not in command:  # it sets up no logging for the app
            native = "whinny" in command or "worker" in command
            assert (NATIVELY if native else BY_ASGI) in server.log
            assert (BY_ASGI if native else NATIVELY) not in server.log
        assert server.stop() < 8
        assert "Traceback" not in server.log
