"""The example with a cluster: two Whinny servers and a Node server behind nginx, started with one command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from docs.clients import Node
from support.browser import launch
from support.servers import ROOT, environment, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVERS = {"Whinny 1", "Whinny 2", "Node 3"}


class Cluster:
    """The running command."""

    def __init__(self) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "examples" / "cluster" / "start.py"), "--port", str(self.port)],
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


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_the_whole_cluster_stops(sig: signal.Signals, cluster: Cluster) -> None:
    """One signal ends every process, in order."""
    assert [line.partition(" listens")[0] for line in cluster.said[:-1]] == [
        "Redis",
        "Whinny 1",
        "Whinny 2",
        "Node 3",
        "nginx",
    ]
    started = cluster.children()
    assert len(started) == 5
    assert cluster.stop(sig) == ""
    assert cluster.process.returncode == 0
    assert not any(map(is_alive, started))


def test_a_server_that_ends(cluster: Cluster) -> None:
    """When one of the processes ends, so do the others, and the command says which it was."""
    started = cluster.children()
    os.kill(started[2], signal.SIGKILL)
    assert cluster.process.wait(30) == 1
    assert cluster.stop(signal.SIGTERM).startswith("Whinny 2 has ended:")
    assert not any(map(is_alive, started))


def test_messages_pass_through_all_servers(cluster: Cluster) -> None:
    """Clients by WebSocket are on all three servers, and hear what is said on each; so does one that polls."""
    node = Node()
    try:
        clients = [node.open(cluster.url, transports=["websocket"]) for _ in range(3)]
        names = [client.heard(1)[0][1] for client in clients]
        assert set(names) == SERVERS
        polling = node.open(cluster.url)
        assert polling.heard(1)[0][1] in SERVERS
        for client, name in zip(clients, names, strict=True):
            assert client.ask("say", "hello ünï")["status"] == "ok"
            for each in (*clients, polling):
                assert each.heard(1) == [["said", {"text": "hello ünï", "by": name}]]
    finally:
        node.stop()


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
            panel.get_by_label("Message").fill("<b>hello</b>")
            panel.get_by_role("button").click()
            for each in panels.all():
                expect(each.locator("li").first).to_have_text(f"{name}: <b>hello</b>")
        if picture := os.environ.get("SCREENSHOT"):
            page.screenshot(path=picture)
        assert problems == []
