"""Client programs of a page, run by Node as a reader would save them; and its browser code, run by a browser."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from support.browser import launch
from support.servers import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

CLIENT = ROOT / "node_modules" / "socket.io-client" / "dist" / "socket.io.min.js"


@contextmanager
def program(code: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The program, running in this folder; what it prints can be read."""
    (folder / "client.mjs").write_text(code)
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(ROOT / "node_modules")
    process = subprocess.Popen(["node", "client.mjs"], cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    """The next line that it prints."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


@contextmanager
def browser_page(url: str) -> Iterator[Page]:
    """A page of the server at `url`, in a browser of its own, with the official client in it as `io`."""
    with sync_playwright() as playwright, launch(playwright) as browser:
        page = browser.new_page()
        page.goto(f"{url}/a-page-that-is-not-there")
        page.add_script_tag(path=CLIENT)
        yield page


def post(page: Page, path: str, body: dict[str, str] | None = None, headers: dict[str, str] | None = None) -> int:
    """The status that the page gets for a POST request."""
    status: int = page.evaluate(
        """async ([path, body, headers]) => {
          const type = { "Content-Type": "application/json" };
          return (await fetch(path, { method: "POST", headers: { ...type, ...headers }, body })).status;
        }""",
        [path, None if body is None else json.dumps(body), headers],
    )
    return status
