"""The other pages of the documentation: what they show runs, and what they list is what there is."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from support.pages import Page, exec_as_module
from support.servers import ROOT
from whinny import ServerOptions

DOCS = sorted(path.name for path in (ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("name", [name for name in DOCS if name != "get-started.md"])
def test_examples_run(name: str) -> None:
    """Each Python example of a page runs by itself."""
    for number, code in enumerate(Page(name).blocks.get("python", [])):
        exec_as_module(code, f"{name.removesuffix('.md').replace('-', '_')}_{number}")


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


@pytest.mark.parametrize("name", [*DOCS, "../README.md"])
def test_links_lead_somewhere(name: str) -> None:
    """Every link to a file of the project has one behind it."""
    page = ROOT / "docs" / name
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target
