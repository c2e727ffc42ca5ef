"""Several processes that serve one port: what an app must be like for that, and uvicorn's supervisor over them."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from whinny.errors import ConfigurationError
from whinny.serving.asgi import socket_io_apps

if TYPE_CHECKING:
    from whinny.serving.types import ASGIApp

log = logging.getLogger("uvicorn.error")

FIRST_PAUSE: Final = 0.5
"""Seconds after which a worker that could not start is tried again; each time twice as many."""

LONGEST_PAUSE: Final = 5.0
"""Seconds between two tries at most."""

GUIDE: Final = 'See "Workers" in docs/many-servers.md.'


def check_workers(app: object, target: str) -> None:
    """Raises ConfigurationError when clients of this app would be lost between several processes."""
    servers = {id(found.server): found.server for found in socket_io_apps(app)}
    if not servers:
        raise ConfigurationError(f"No Socket.IO app is found in {target!r}: name the app that attach() gave. {GUIDE}")
    for server in servers.values():
        if "polling" in server.options.transports:
            raise ConfigurationError(
                "Workers cannot serve polling: each poll is a request of its own, and those that share a port send it "
                "to any of them, where all polls of a client must reach the same one. Either leave polling out, with "
                'options = ServerOptions(transports=["websocket"]) in the root controller and '
                'io(url, { transports: ["websocket"] }) in the client; or run servers with one worker on several '
                f"ports, behind a proxy with sticky sessions. {GUIDE}"
            )
        if not server.of("/").adapter.has_peers:
            raise ConfigurationError(
                "Workers need an adapter that connects them: without one, what is emitted by a worker reaches its own "
                'clients only. Give the root controller one, for example adapter = RedisAdapter("redis://localhost"'
                f"). {GUIDE}"
            )


def run_workers(make: Callable[[], ASGIApp], count: int, **settings: Any) -> None:
    """Run so many processes until this one is told to stop, each with the app that `make` gives, which is pickled.

    One that dies is started again, until that works. Raises SystemExit when the port is taken, or one of the first
    cannot start.
    """
    config = Config(cast("Any", _Prepared(make)), factory=True, workers=count, **settings)
    bound = config.bind_socket()
    if sys.platform == "linux":  # which spreads the clients over the sockets of one port
        guard = _guard(bound.getsockname())
        listening = cast("socket.socket", _OwnSocket(bound.family, bound.getsockname()))
    else:
        guard = listening = bound
    supervisor = _Supervisor(config, [listening])
    supervisor.run()
    guard.close()
    bound.close()
    if supervisor.has_failed:
        sys.exit(STARTUP_FAILURE)


class _Supervisor(Multiprocess):
    """Uvicorn's, but a worker that cannot start ends all only when it is one of the first.

    What a later one misses, a database for example, may come back: it is tried again, and the others live on.
    """

    def __init__(self, config: Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        self.has_failed = False
        self._first: set[Process] = set()
        self._pauses: dict[Process, float] = {}  # of those that do not serve yet: seconds until the next if they end
        self._ended: dict[Process, float] = {}  # those that have ended: when the next is to be started

    def init_processes(self) -> None:
        super().init_processes()
        self._first.update(self.processes)
        self._pauses = dict.fromkeys(self.processes, FIRST_PAUSE)

    def keep_subprocess_alive(self) -> None:
        for place, process in enumerate(self.processes):
            if process not in self._ended:
                self._look_after(process)
            if self.has_failed:
                self.should_exit.set()
                return
            if process in self._ended and self._ended[process] <= time.monotonic():
                self._replace(place)

    def _look_after(self, process: Process) -> None:
        limit = self.config.timeout_worker_healthcheck
        if process.is_alive(limit):
            if process in self._pauses and process.is_ready(limit):
                del self._pauses[process]
                self._first.discard(process)
            return
        process.kill()  # it may hang
        process.join()
        pause = self._pauses.get(process, 0.0)
        self._ended[process] = time.monotonic() + pause
        if not pause:
            log.info("Child process [%s] died", process.pid)
        elif process in self._first and (process.exitcode or 0) > 0:  # by itself, not by a signal
            log.error("Child process [%s] failed to start, stopping the parent process.", process.pid)
            self.has_failed = True
        else:
            log.error("Child process [%s] failed to start, the next try is in %s s.", process.pid, pause)

    def _replace(self, place: int) -> None:
        old = self.processes[place]
        new = self.processes[place] = Process(self.config, self.sockets)
        new.start()
        self._pauses[new] = min(self._pauses.pop(old, FIRST_PAUSE / 2) * 2, LONGEST_PAUSE)
        del self._ended[old]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Makes the app of a worker, in its process."""

    make: Callable[[], ASGIApp]

    def __call__(self) -> ASGIApp:
        threading.Thread(target=_end_with_supervisor, daemon=True).start()
        app = self.make()
        gc.collect()
        gc.freeze()  # as with one process: what there is by now stays
        return app


def _end_with_supervisor() -> None:
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)  # nobody is left who would end this one, and the port would stay taken


class _OwnSocket:
    """Becomes, in each worker, a socket of its own on the same port.

    Of workers that wait at one socket those that are woken first take most of the clients: of 300 one got 4, another
    136. Over sockets of their own the system spreads them evenly. The supervisor keeps the port, by a socket that is
    bound without SO_REUSEPORT: so a second server on the port is refused, as ever, once a worker listens. Until then
    other workers are kept off by `_guard`.
    """

    def __init__(self, family: int, address: Any) -> None:
        self._family = family
        self._address = address

    def __reduce__(self) -> tuple[Callable[..., socket.socket], tuple[int, Any]]:
        return _bind, (self._family, self._address)


def _bind(family: int, address: Any) -> socket.socket:
    own = socket.socket(family)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    own.bind(address)
    own.set_inheritable(True)
    return own


def _guard(address: Any) -> socket.socket:
    """What only one supervisor has for an address, until it ends. Raises SystemExit when another one has it.

    Sockets that are bound to a port with SO_REUSEADDR, as uvicorn's are, exclude each other only when one listens:
    two supervisors that start at once would both get the port, and their workers share it.
    """
    guard = socket.socket(socket.AF_UNIX)
    try:
        guard.bind(f"\0whinny workers {address}")  # no file: the system forgets it with the process
    except OSError as error:
        log.error(error)
        sys.exit(STARTUP_FAILURE)
    return guard
