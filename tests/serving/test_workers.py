"""Several processes on one port: `whinny run --workers`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from docs.clients import Node
from support.redis import redis_server
from support.servers import TESTS, environment, serve
from whinny.errors import ConfigurationError
from whinny.serving import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docs.clients import Client
    from support.redis import RedisServer
    from support.servers import ServerProcess

READY = "ready: this server is in its cluster"


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def node_process() -> Iterator[Node]:
    process = Node()
    yield process
    process.stop()


@pytest.fixture
def node(node_process: Node) -> Iterator[Node]:
    yield node_process
    node_process.close_clients()


@contextmanager
def workers(redis: RedisServer, count: int) -> Iterator[ServerProcess]:
    with serve("apps.workers:app", env={"REDIS": redis.url}, args=["--workers", str(count)]) as server:
        wait_for_workers(server, count)
        yield server


def wait_for_workers(server: ServerProcess, count: int, within: float = 20) -> None:
    """Wait until so many have started, since the server has."""
    end = time.monotonic() + within
    while server.log.count(READY) < count:
        assert time.monotonic() < end, server.log
        time.sleep(0.01)


def join(node: Node, server: ServerProcess) -> Client:
    return node.open(server.url, transports=["websocket"])


def worker(client: Client) -> int:
    """The process that serves it."""
    pid: int = client.ask("which process")["data"][0]
    return pid


def clients_of_all(node: Node, server: ServerProcess, count: int) -> dict[int, list[Client]]:
    """Clients by their workers, when each worker has one."""
    found: dict[int, list[Client]] = {}
    while len(found) < count:
        client = join(node, server)
        found.setdefault(worker(client), []).append(client)
        assert sum(map(len, found.values())) < 100, found.keys()
    return found


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"  # ended, and nobody has asked how


def test_workers_share_the_clients(redis: RedisServer, node: Node) -> None:
    """Each worker gets about as many as the others, natively served, and an event of one reaches all."""
    with workers(redis, 3) as server:
        clients = [join(node, server) for _ in range(120)]
        served = [worker(client) for client in clients]
        assert len(set(served)) == 3
        assert {client.ask("which process")["data"][1] for client in clients} == {server.pid}
        assert min(served.count(each) for each in set(served)) >= 12, served
        clients[0].ask("tell all", "hello")
        assert [client.heard(1) for client in clients] == [[["told", "hello"]]] * 120
        assert server.log.count("WebSockets are served natively") == 3


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_workers(sig: signal.Signals, redis: RedisServer, node: Node) -> None:
    """Clients are let go in order, no process is left, and the port is free at once for the next."""
    with workers(redis, 2) as server:
        clients = clients_of_all(node, server, 2)
        assert server.process is not None
        began = time.monotonic()
        server.process.send_signal(sig)
        assert server.process.wait(10) == 0
        assert time.monotonic() - began < 5
        for client in (each for group in clients.values() for each in group):
            client.left()
        assert not any(map(is_alive, clients))
        assert server.log.count("server shutting down") == sum(map(len, clients.values()))
        assert "Traceback" not in server.log
        server.start()
        wait_for_workers(server, 4)
        join(node, server)


def test_workers_end_with_their_supervisor(redis: RedisServer, node: Node) -> None:
    """When nobody is left to end them they end by themselves, in order, and the port is free."""
    with workers(redis, 2) as server:
        clients = clients_of_all(node, server, 2)
        os.kill(server.pid, signal.SIGKILL)
        for client in (each for group in clients.values() for each in group):
            client.left()
        assert server.process is not None
        server.process.wait()
        end = time.monotonic() + 10
        while any(map(is_alive, clients)):
            assert time.monotonic() < end
            time.sleep(0.02)
        assert server.log.count("server shutting down") == sum(map(len, clients.values()))
        server.start()


def test_a_worker_that_dies_is_started_again(redis: RedisServer, node: Node) -> None:
    """Its clients can come back, the clients of the others notice nothing."""
    with workers(redis, 2) as server:
        clients = clients_of_all(node, server, 2)
        dead, living = clients
        os.kill(dead, signal.SIGKILL)
        for client in clients[dead]:
            client.left()
        wait_for_workers(server, 3)
        again = clients_of_all(node, server, 2)
        assert living in again
        assert dead not in again
        again[living][0].ask("tell all", "hello")
        for client in (*clients[living], *(each for group in again.values() for each in group)):
            assert client.heard(1) == [["told", "hello"]]


def refused(app: str, *args: str, env: dict[str, str] | None = None) -> str:
    """What `whinny` says that does not start."""
    argv = [sys.executable, "-m", "whinny.cli", *args, app, "--host", "127.0.0.1"]
    done = subprocess.run(
        argv, cwd=TESTS, env=environment(env), capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode not in (0, None)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("app", "words"),
    [
        ("polling", ["Workers cannot serve polling", 'transports=["websocket"]', "sticky sessions"]),
        ("mounted", ["Workers cannot serve polling"]),
        ("alone", ["Workers need an adapter", "RedisAdapter("]),
        ("without", ["No Socket.IO app is found in 'apps.workers:without'"]),
    ],
)
def test_what_workers_cannot_serve(app: str, words: list[str]) -> None:
    """The command says in one line why, what to do, and where more is to be read."""
    said = refused(f"apps.workers:{app}", "run", "--workers", "2")
    assert said.startswith("Error: ")
    assert len(said.splitlines()) == 1
    for each in [*words, '"Workers" in docs/many-servers.md']:
        assert each in said


def test_workers_and_reload() -> None:
    """One excludes the other: the development server has no workers."""
    assert "No such option" in refused("apps.workers:app", "dev", "--workers", "2")
    with pytest.raises(ConfigurationError, match="cannot be reloaded"):
        run.serve("apps.workers:app", workers=2, reload=True)


def test_the_port_of_workers_is_taken(redis: RedisServer) -> None:
    """Nobody else can listen there, workers of another app neither."""
    with workers(redis, 2) as server:
        for count in ("1", "2"):
            said = refused("apps.workers:app", "run", "--workers", count, "--port", str(server.port))
            assert "address already in use" in said.lower()


def test_workers_that_cannot_start(redis: RedisServer) -> None:
    """The command ends as with one worker, and the log says why; it does not try for ever."""
    argv = [sys.executable, "-m", "whinny.cli", "run", "apps.workers:failing", "--workers", "2", "--port", "0"]
    done = subprocess.run(
        argv, cwd=TESTS, env=environment({"REDIS": redis.url}), capture_output=True, text=True, timeout=40, check=False
    )
    assert done.returncode == 3
    assert "RuntimeError: no database" in done.stderr


def test_one_worker_needs_nothing(redis: RedisServer, node: Node) -> None:
    """It may poll, whatever other servers read from the environment."""
    with serve("apps.workers:polling", env={"WEB_CONCURRENCY": "4", "REDIS": redis.url}) as server:
        assert worker(node.open(server.url)) == server.pid
