"""The other pages of the documentation: what they show runs, and what they list is what there is."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from typing import TYPE_CHECKING

import httpx
import pytest

from support.pages import Page, exec_as_module
from support.servers import ROOT, serve
from whinny import ServerOptions

if TYPE_CHECKING:
    from pathlib import Path

DOCS = sorted(path.name for path in (ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("name", [name for name in DOCS if name != "get-started.md"])
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each Python example of a page runs by itself, beside the files of the page that it may import."""
    page = Page(name)
    for file, code in page.files.items():
        (tmp_path / file).write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    for number, code in enumerate(page.blocks.get("python", [])):
        exec_as_module(code, f"{name.removesuffix('.md').replace('-', '_')}_{number}")


def test_the_unit_tests_pass(tmp_path: Path) -> None:
    """The tests that the page shows, saved under their names in a folder without settings, run and pass; none warns."""
    names = {name: code for name, code in Page("real-time.md").files.items() if name.startswith("test_")}
    assert set(names) == {"test_products.py", "test_members.py", "test_chat.py"}
    for name, code in names.items():
        (tmp_path / name).write_text(code)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
    )
    count = "".join(names.values()).count("def test_")
    assert count == 5
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith(f"{count} passed in "), done.stdout


def test_the_example_of_the_readme_runs() -> None:
    """The first code that a newcomer sees gives an ASGI app."""
    code = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)
    names: dict[str, object] = {"__name__": "readme"}
    exec(compile(code[0], "README.md", "exec"), names)
    assert callable(names["app"])


def test_every_option_is_listed_with_its_default() -> None:
    """The table of options is complete, in its names and its defaults."""
    listed = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", (ROOT / "docs" / "options.md").read_text(), re.M))
    listed = {
        name: default.strip("`").replace('"', "'").replace("4 MiB", "4_194_304") for name, default in listed.items()
    }
    options = ServerOptions()
    assert {name: default.replace("_", "") for name, default in listed.items()} == {
        field.name: repr(getattr(options, field.name)).replace("_", "") for field in fields(options)
    }


def test_a_prefix_must_be_stripped() -> None:
    """`--root-path` does not change which paths are answered: a proxy has to take the prefix off."""
    with serve("apps.wire:app", args=["--root-path", "/api"]) as server:
        query = {"EIO": "4", "transport": "polling"}
        assert httpx.get(f"{server.url}/socket.io/", params=query).status_code == 200
        assert httpx.get(f"{server.url}/api/socket.io/", params=query).status_code == 404


@pytest.mark.parametrize("name", [*DOCS, "../README.md"])
def test_links_lead_somewhere(name: str) -> None:
    """Every link to a file of the project has one behind it, and every link to a section that section."""
    page = ROOT / "docs" / name
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text()):
        found = page.parent / target if target else page
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", found.read_text(), re.M)
            assert anchor in {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}, anchor
