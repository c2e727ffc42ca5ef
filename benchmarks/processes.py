"""Starts a server in a process of its own, or two of them with a Redis between, and stops them again."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent
PATIENCE: Final = 30.0
"""Seconds that a server may take to start, and to stop."""

PORTS: Final = range(30_000, 32_768)
"""Where servers listen: on Linux the ports that the system gives out to clients begin above."""

_UVICORN: Final = "--loop uvloop --http httptools --log-level warning --host 127.0.0.1 --port"


class ServerFailed(Exception):
    """A server, or the Redis between two, did not start."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that can be measured: its name in the figures, its title for readers, and how it is started.

    `folder` is where it is started, seen from the project's root; the port follows as the command's last word.
    """

    key: str
    title: str
    command: tuple[str, ...]
    folder: str = "."

    def start(self, port: int, log: IO[bytes], settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """The process; it may not listen yet. `settings` are added to its environment."""
        environment = {**os.environ, **settings}
        command = [*self.command, str(port)]
        return subprocess.Popen(command, cwd=ROOT / self.folder, stdout=log, stderr=log, env=environment)


def _python(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *words)


SERVERS: Final = (
    Server(
        "whinny",
        "Whinny",
        _python("whinny.cli", "run", "benchmarks.servers.whinny_app:app", "--host", "127.0.0.1", "--port"),
    ),
    Server("node", "Node", ("node", "node.mjs"), "benchmarks/servers"),
    Server("bun", "Bun", ("../node_modules/.bin/bun", "bun.mjs"), "benchmarks/servers"),
    Server(
        "python-socketio",
        "python-socketio",
        _python("uvicorn", "benchmarks.servers.python_socketio_app:app", *_UVICORN.split()),
    ),
    Server("asgi", "Whinny by ASGI", _python("uvicorn", "benchmarks.servers.whinny_app:app", *_UVICORN.split())),
)


def free_port() -> int:
    """A port of the loopback interface that is still free when a server is started on it.

    It is of those that the system does not give out by itself.
    """
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


@dataclass(frozen=True, slots=True)
class Running:
    """A server that listens."""

    pid: int
    port: int


@contextmanager
def running(server: Server, settings: Mapping[str, str] | None = None) -> Iterator[Running]:
    """The server, until the block ends. Raises ServerFailed with what it has printed when it does not start."""
    port = free_port()
    with TemporaryFile() as log:
        process = server.start(port, log, settings or {})
        try:
            _wait_until_it_listens(server, process, port, log)
            yield Running(process.pid, port)
        finally:
            _stop(process)


def redis_server() -> Server:
    """A Redis that keeps nothing. Raises ServerFailed when the program is missing."""
    program = shutil.which("redis-server")
    if program is None:
        raise ServerFailed("The program `redis-server` is missing: run `make bench`, or install it.")
    options = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port")
    return Server("redis", "Redis", (program, *options))


@contextmanager
def running_two(server: Server, cluster: str) -> Iterator[tuple[Running, Running]]:
    """Two of the server that reach each other by a Redis of their own, until the block ends. Raises ServerFailed."""
    with running(redis_server()) as redis:
        settings = {"CLUSTER": cluster, "REDIS": f"redis://127.0.0.1:{redis.port}/0"}
        with running(server, settings) as one, running(server, settings) as other:
            yield one, other


def _wait_until_it_listens(server: Server, process: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > end:
            log.seek(0)
            raise ServerFailed(f"{server.title} does not listen:\n{log.read().decode(errors='replace')}")
        time.sleep(0.02)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
