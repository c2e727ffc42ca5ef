"""Starts a real server process on a free port and stops it again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"

Kind = Literal["whinny", "native", "uvicorn", "hypercorn"]
"""`whinny run`, uvicorn with Whinny's WebSocket class, and uvicorn and hypercorn as they are."""

NATIVE = "whinny.serving.uvicorn:WebSocketProtocol"


_FIRST_PORT: Final = 10_000 + os.getpid() % 200 * 100
_ports = cycle(range(_FIRST_PORT, _FIRST_PORT + 100))


def free_port() -> int:
    """A port that is still free when a server is started on it.

    It is of those that the system does not give out by itself, and tests that run at once, in processes of their own,
    look for theirs in different places.
    """
    for port in islice(_ports, 100):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError(f"none of the ports from {_FIRST_PORT} on is free")


def command(kind: Kind, app: str, port: int, args: Sequence[str]) -> list[str]:
    if kind == "whinny":
        return [sys.executable, "-m", "whinny.cli", "run", app, "--host", "127.0.0.1", "--port", str(port), *args]
    if kind in ("native", "uvicorn"):
        websockets = ["--ws", NATIVE] if kind == "native" else []
        return [sys.executable, "-m", "uvicorn", app, "--host", "127.0.0.1", "--port", str(port), *websockets, *args]
    return [sys.executable, "-m", "hypercorn", app, "--bind", f"127.0.0.1:{port}", *args]


@dataclass
class ServerProcess:
    """A server in a process of its own; `log` is what it has printed so far."""

    port: int
    argv: list[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    output: IO[bytes] = field(default_factory=TemporaryFile)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> str:
        return os.pread(self.output.fileno(), 10_000_000, 0).decode(errors="replace")

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the process, and wait for nothing."""
        self.process = subprocess.Popen(
            self.argv,
            cwd=TESTS,
            env=self.environment,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that workers can be stopped with it
        )
        return self.process

    def start(self, timeout: float = 20) -> None:
        """Start the process and wait until its port answers; the same port each time."""
        process = self.launch()
        end = time.monotonic() + timeout
        while True:
            if process.poll() is not None:
                raise RuntimeError(f"the server ended at start-up:\n{self.log}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if time.monotonic() > end:
                self.stop(signal.SIGKILL)
                raise RuntimeError(f"the server did not answer within {timeout} s:\n{self.log}")
            time.sleep(0.02)

    def wait_for(self, words: str, within: float = 10) -> None:
        """Wait until the server has printed this."""
        end = time.monotonic() + within
        while words not in self.log:
            assert time.monotonic() < end, self.log
            time.sleep(0.01)

    def stop(self, sig: signal.Signals = signal.SIGTERM, timeout: float = 20) -> float:
        """Send `sig`, wait for the end and return how many seconds it took. No worker of it is left behind."""
        began = time.monotonic()
        if self.process is None:
            return 0.0
        try:
            if self.process.poll() is None:
                self.process.send_signal(sig)
                self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"the server did not end within {timeout} s:\n{self.log}") from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        return time.monotonic() - began


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """That of a server: it finds the apps of the tests, and what is on the path of this process."""
    path = [str(TESTS), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path)), "PYTHONUNBUFFERED": "1", **(more or {})}


@contextmanager
def serve(
    app: str, *, by: Kind = "whinny", env: Mapping[str, str] | None = None, args: Sequence[str] = ()
) -> Iterator[ServerProcess]:
    """Serve `app` ("apps.scenarios:app", seen from tests/) until the block ends."""
    port = free_port()
    server = ServerProcess(port, command(by, app, port, args), environment(env))
    try:
        server.start()
        yield server
    finally:
        server.stop(signal.SIGKILL)
        server.output.close()
