"""The example with a cluster: two Whinny servers and a Node server behind nginx, started with one command."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect, sync_playwright

from docs.clients import Node
from support.browser import launch
from support.servers import ROOT, environment, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docs.clients import Client

SERVERS = {"Whinny 1", "Whinny 2", "Node 3"}

START = [sys.executable, str(ROOT / "examples" / "cluster" / "start.py")]


class Cluster:
    """The running command."""

    def __init__(self) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            [*START, "--port", str(self.port)],
            cwd="/",
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.said = []
        for line in self.process.stdout:
            self.said.append(line.strip())
            if line.startswith("Open "):
                break
        else:
            pytest.fail(self.process.communicate()[1])

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def next_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    @property
    def pids(self) -> dict[str, int]:
        """The processes, as the command names them."""
        found = re.findall(r"^(.+) listens on port \d+, process (\d+)$", "\n".join(self.said), re.M)
        return {name: int(pid) for name, pid in found}

    def children(self) -> list[int]:
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            return [int(pid) for pid in file.read().split()]

    def stop(self, sig: signal.Signals) -> str:
        """Stop the command; what it had printed as its errors."""
        if self.process.poll() is None:
            self.process.send_signal(sig)
        return self.process.communicate(timeout=30)[1]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    yield cluster
    cluster.stop(signal.SIGTERM)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def node() -> Iterator[Node]:
    node = Node()
    yield node
    node.stop()


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_the_whole_cluster_stops(sig: signal.Signals, cluster: Cluster) -> None:
    """One signal ends every process, in order."""
    assert list(cluster.pids) == ["Redis", "Whinny 1", "Whinny 2", "Node 3", "nginx"]
    started = cluster.children()
    assert list(cluster.pids.values()) == started
    for port in re.findall(r" port (\d+)", "\n".join(cluster.said)):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.2", int(port))) != 0, "it listens for other machines too"
    assert cluster.stop(sig) == ""
    assert cluster.process.returncode == 0
    assert not any(map(is_alive, started))


@pytest.mark.parametrize("name", ["Redis", "nginx"])
def test_the_end_of_what_all_need(name: str, cluster: Cluster) -> None:
    """When Redis or nginx ends, so do the others, and the command says which it was."""
    started = cluster.children()
    os.kill(cluster.pids[name], signal.SIGKILL)
    assert cluster.process.wait(30) == 1
    assert cluster.stop(signal.SIGTERM).startswith(f"{name} has ended:")
    assert not any(map(is_alive, started))


def server_of(client: Client, but: str = "", within: float = 20) -> Any:
    """The name that the client was told last, once it is connected: that of its server.

    The client may not have heard yet that the one of the name `but` has ended.
    """
    end = time.monotonic() + within
    while (name := client.run("return socket.connected && socket.name")) in (False, None, but):
        assert time.monotonic() < end
        time.sleep(0.05)
    return name


LEARN = """
socket.on("server", name => { socket.name = name; });
socket.on("disconnect", () => { socket.name = null; });
"""

BACK = {"reconnection": True, "reconnectionDelay": 50}


@pytest.mark.parametrize("name", sorted(SERVERS))
def test_a_server_that_ends(name: str, cluster: Cluster, node: Node) -> None:
    """Its clients, by WebSocket or polling, come to another one, and all hear each other; the rest goes on."""
    clients = [node.open(cluster.url, LEARN, transports=["websocket"], **BACK) for _ in range(3)]
    assert {server_of(client) for client in clients} == SERVERS
    os.kill(cluster.pids[name], signal.SIGTERM)
    assert cluster.next_line() == f"{name} has ended"
    assert {server_of(client, but=name) for client in clients} == SERVERS - {name}
    polling = node.open(cluster.url, LEARN, transports=["polling"], **BACK)
    first = server_of(polling)
    os.kill(cluster.pids[first], signal.SIGTERM)
    assert cluster.next_line() == f"{first} has ended"
    [left] = SERVERS - {name, first}
    clients.append(polling)
    assert {server_of(client, but=first) for client in clients} == {left}
    for client in clients:
        client.heard()
    assert polling.ask("say", "still here")["status"] == "ok"
    for client in clients:
        assert client.heard(1) == [["said", {"text": "still here", "by": left}]]
    assert cluster.stop(signal.SIGTERM) == ""
    assert cluster.process.returncode == 0


def test_a_port_that_is_taken() -> None:
    """The command says so before it starts anything."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = subprocess.run([*START, "--port", str(port)], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Port {port} is taken: choose another with --port\n"


@pytest.mark.parametrize("port", ["0", "99999", "-1", "http", "٣"])
def test_what_is_no_port(port: str) -> None:
    """It is refused as other wrong arguments are."""
    done = subprocess.run([*START, f"--port={port}"], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].endswith("is no port: these are the numbers from 1 to 65535")


@pytest.mark.parametrize(("argument", "port"), [("PORT=3003", 3003), ("BENCH=", 3002)])
def test_make_passes_the_port_on(argument: str, port: int) -> None:
    """`make cluster` has a port of its own, and takes another one."""
    of_another_make = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")  # which may run this test
    env = {name: value for name, value in os.environ.items() if name not in of_another_make}
    done = subprocess.run(
        ["make", "--dry-run", "cluster", argument],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.splitlines()[-1].endswith(f" --port {port}")


def test_messages_pass_through_all_servers(cluster: Cluster, node: Node) -> None:
    """Clients by WebSocket are on all three servers, and hear what is said on each; so does one that polls."""
    clients = [node.open(cluster.url, transports=["websocket"]) for _ in range(3)]
    names = [client.heard(1)[0][1] for client in clients]
    assert set(names) == SERVERS
    polling = node.open(cluster.url)
    assert polling.heard(1)[0][1] in SERVERS
    for client, name in zip(clients, names, strict=True):
        for text in ("", " \n ", "x" * 201, 5, None, ["x"]):
            answer = client.ask("say", text)
            assert (answer["status"], answer["error"]["code"]) == ("error", "VALIDATION_PAYLOAD_ERROR"), name
        for text in ("hello ünï", "🐎" * 200):
            assert client.ask("say", text)["status"] == "ok"
            for each in (*clients, polling):
                assert each.heard(1) == [["said", {"text": text, "by": name}]]


def test_the_page(cluster: Cluster) -> None:
    """Its three clients are on the three servers, and what one says appears in all."""
    with sync_playwright() as playwright, launch(playwright) as browser:
        page = browser.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(cluster.url)
        panels = page.locator("section")
        expect(panels.get_by_text("connecting…")).to_have_count(0)
        names = page.locator("h2").all_text_contents()
        assert set(names) == SERVERS
        for name, panel in zip(names, panels.all(), strict=True):
            for text in ("  ", " <b>hello</b> "):  # a blank one is not sent
                panel.get_by_label("Message").fill(text)
                panel.get_by_role("button").click()
            for each in panels.all():
                expect(each.locator("li").first).to_have_text(f"{name}: <b>hello</b>")
        for panel in panels.all():
            expect(panel.locator("li")).to_have_count(3)
        if picture := os.environ.get("SCREENSHOT"):
            page.screenshot(path=picture)
        assert problems == []
