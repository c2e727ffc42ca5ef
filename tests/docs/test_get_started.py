"""The page "Get started", followed to the letter: its files, its commands, its two browsers."""

from __future__ import annotations

import ast
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from support.browser import launch
from support.pages import Page
from support.servers import ROOT, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = Page("get-started.md")
BIN = os.path.dirname(sys.executable)


class Folder:
    """The folder of somebody who reads the page, with its server running."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.port = free_port()
        self.environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}
        for name, code in PAGE.files.items():
            (path / name).write_text(self.here(code))
        (path / "node_modules").symlink_to(ROOT / "node_modules")

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def here(self, text: str) -> str:
        """The page's text with a free port."""
        return text.replace("3001", str(self.port))

    def command(self, program: str) -> list[str]:
        """The page's command that begins with this program."""
        lines = [line for block in PAGE.blocks["bash"] for line in block.splitlines()]
        return self.here(next(line for line in lines if line.startswith(program + " "))).split()

    def run(self, program: str) -> str:
        """What the page's command prints, until it ends."""
        done = subprocess.run(
            self.command(program), cwd=self.path, env=self.environment, capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    here = Folder(tmp_path)
    server = subprocess.Popen(here.command("whinny"), cwd=tmp_path, env=here.environment)
    try:
        wait_for_port(here.port, server)
        yield here
    finally:
        server.terminate()
        assert server.wait(10) is not None


def wait_for_port(port: int, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        assert server.poll() is None, "the server of the page ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("the server of the page does not answer")


def test_two_browsers(folder: Folder) -> None:
    """What is created in one window appears in the other, and a refused payload shows why."""
    with sync_playwright() as playwright, launch(playwright) as browser:
        first, second = browser.new_page(), browser.new_page()
        for page in (first, second):
            with page.expect_websocket():
                page.goto(folder.url)
        first.get_by_label("Name").fill("horse")
        first.get_by_role("button").click()
        for page in (first, second):
            expect(page.get_by_role("listitem")).to_have_text(["horse"])
        first.get_by_label("Name").fill("")
        first.get_by_role("button").click()
        expect(first.get_by_role("alert")).to_have_text("must NOT have fewer than 1 characters")


def test_client_in_python(folder: Folder) -> None:
    """The answers are those that the page prints."""
    ok, refused = folder.run("python").splitlines()
    assert ok == "{'status': 'ok'}"
    assert ast.literal_eval(refused) == json.loads(PAGE.blocks["json"][0])


def test_client_in_javascript(folder: Folder) -> None:
    """The client in Node creates a product, and hears of those of others."""
    node = subprocess.Popen(
        folder.command("node"), cwd=folder.path, env=folder.environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert node.stdout is not None
        assert node.stdout.readline() == "created\n"
        folder.run("python")
        assert node.stdout.readline() == "somebody created a product\n"
    finally:
        node.kill()
        node.communicate()


def test_the_page_installs_this_whinny() -> None:
    """From a clone: who follows the page to the letter gets nothing else of the name from elsewhere."""
    installs = [line for block in PAGE.blocks["bash"] for line in block.splitlines() if "pip install" in line]
    assert [line for line in installs if "whinny" in line] == ['pip install "../whinny[standard]" starlette']


def test_the_client_that_the_page_installs_is_the_one_of_the_tests() -> None:
    """The page names the major version that is pinned here."""
    pinned = json.loads((ROOT / "package.json").read_text())["dependencies"]["socket.io-client"]
    assert f"socket.io-client@{pinned.split('.')[0]}" in " ".join(PAGE.blocks["bash"])
    assert shutil.which("node"), "Node is missing"
