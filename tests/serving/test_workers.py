"""Several processes on one port: `whinny run --workers`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from docs.clients import Node
from support.redis import redis_server
from support.servers import TESTS, ServerProcess, command, environment, free_port, serve
from whinny.errors import ConfigurationError
from whinny.serving import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docs.clients import Client
    from support.redis import RedisServer

READY = r"ready: this server is (back )?in its cluster"
"""What a worker logs, also one that has begun without Redis because that took its time."""


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
def workers(redis: RedisServer, count: int, app: str = "app", **env: str) -> Iterator[ServerProcess]:
    with serve(f"apps.workers:{app}", env={"REDIS": redis.url, **env}, args=["--workers", str(count)]) as server:
        wait_for_workers(server, count)
        yield server


def wait_for_workers(server: ServerProcess, count: int, words: str = READY, within: float = 20) -> None:
    """Wait until so many have started, since the server has."""
    end = time.monotonic() + within
    while len(re.findall(words, server.log)) < count:
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
        assert server.process.wait(20) == 0
        assert time.monotonic() - began < 10
        assert "graceful shutdown exceeded" not in server.log  # that is what ends one whose clients do not go
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
        end = time.monotonic() + 20
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


def test_a_worker_that_cannot_start_again_ends_no_other(redis: RedisServer, node: Node, tmp_path: Path) -> None:
    """It is tried again, after pauses that grow, until it can; the others serve all the while."""
    started = "Application startup complete."
    down = tmp_path / "down"
    with workers(redis, 3, "dependent", DOWN=str(down)) as server:
        wait_for_workers(server, 3, started)
        clients = clients_of_all(node, server, 3)
        dead, *living = clients
        down.touch()
        os.kill(dead, signal.SIGKILL)
        server.wait_for("failed to start, the next try is in 1.0 s")
        assert server.log.count("the next try is in 0.5 s") == 1
        assert worker(join(node, server)) in living
        down.unlink()
        wait_for_workers(server, 4, started)
        again = clients_of_all(node, server, 3)
        assert set(living) < set(again)
        assert [worker(client) for pid in living for client in clients[pid]] == [
            pid for pid in living for _ in clients[pid]
        ]
        failed = server.log.count("failed to start")
        down.touch()
        os.kill(living[0], signal.SIGKILL)
        wait_for_workers(server, failed + 1, "failed to start")
        assert server.log.count("the next try is in 0.5 s") == 2  # as that one has served
        assert server.process is not None
        server.process.terminate()
        assert server.process.wait(20) == 0
        assert not any(map(is_alive, again))


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


def test_two_commands_at_once(redis: RedisServer, node: Node) -> None:
    """One serves the port with its workers, the other ends and says why: as when it had come later."""
    port = free_port()
    argv = command("whinny", "apps.workers:app", port, ["--workers", "2"])
    env = environment({"REDIS": redis.url})
    with ExitStack() as stack:
        both = [ServerProcess(port, argv, env) for _ in range(2)]
        for server in both:
            stack.callback(server.output.close)
            stack.callback(server.stop)
            server.launch()
        loser = first_to_end(both)
        (winner,) = (server for server in both if server is not loser)
        assert loser.process is not None
        assert loser.process.returncode == 3
        assert "address already in use" in loser.log.lower()
        assert "Started server process" not in loser.log
        wait_for_workers(winner, 2)
        clients = clients_of_all(node, winner, 2)
        assert {client.ask("which process")["data"][1] for group in clients.values() for client in group} == {
            winner.pid
        }


def first_to_end(servers: list[ServerProcess], within: float = 20) -> ServerProcess:
    end = time.monotonic() + within
    while True:
        for server in servers:
            if server.process is not None and server.process.poll() is not None:
                return server
        assert time.monotonic() < end, [server.log for server in servers]
        time.sleep(0.01)


@pytest.mark.parametrize(("app", "env"), [("failing", {}), ("app", {"UNLOADABLE": "1"})], ids=["boot", "import"])
def test_workers_that_cannot_start(app: str, env: dict[str, str], redis: RedisServer) -> None:
    """The command ends as with one worker, and the log says why; it does not try for ever."""
    argv = [sys.executable, "-m", "whinny.cli", "run", f"apps.workers:{app}", "--workers", "2", "--port", "0"]
    env = environment({"REDIS": redis.url, **env})
    done = subprocess.run(argv, cwd=TESTS, env=env, capture_output=True, text=True, timeout=40, check=False)
    assert done.returncode == 3
    assert "RuntimeError: no database" in done.stderr


def test_one_worker_needs_nothing(redis: RedisServer, node: Node) -> None:
    """It may poll, whatever other servers read from the environment."""
    with serve("apps.workers:polling", env={"WEB_CONCURRENCY": "4", "REDIS": redis.url}) as server:
        assert worker(node.open(server.url)) == server.pid
