"""Several processes that serve one port: what an app must be like for that, and uvicorn's supervisor over them."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from whinny.errors import ConfigurationError
from whinny.serving.asgi import socket_io_apps

if TYPE_CHECKING:
    from whinny.serving.types import ASGIApp

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

    One that dies is started again. Raises SystemExit when one cannot start.
    """
    from uvicorn import Config
    from uvicorn.config import STARTUP_FAILURE
    from uvicorn.supervisors import Multiprocess

    config = Config(cast("Any", _Prepared(make)), factory=True, workers=count, **settings)
    bound = config.bind_socket()
    if sys.platform == "linux":  # which spreads the clients over the sockets of one port
        listening = cast("socket.socket", _OwnSocket(bound.family, bound.getsockname()))
    else:
        listening = bound
    supervisor = Multiprocess(config, [listening])
    supervisor.run()
    bound.close()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        sys.exit(STARTUP_FAILURE)


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
    bound without SO_REUSEPORT: so a second server on the port is refused, as ever.
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
