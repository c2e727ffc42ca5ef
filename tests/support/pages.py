"""Finds the code of a page of the documentation, so that it runs as it is printed."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import NamedTuple

from support.servers import ROOT

# A block is looked for first: a comment in one is no heading.
_PART = re.compile(
    r"^(?:\*(?P<file>[\w./]+)\*\n)?```(?P<language>\w+)\n(?P<code>.*?)^```$|^#+ (?P<heading>[^\n]+)$", re.M | re.S
)


def exec_as_module(code: str, name: str) -> ModuleType:
    """Run an example as the module that a reader would save it as."""
    module = sys.modules[name] = ModuleType(name)
    exec(compile(code, f"{name}.py", "exec"), module.__dict__)
    return module


class Block(NamedTuple):
    """A code block, with the heading that it stands under and the name of the file that it is, if it has one."""

    heading: str
    file: str | None
    language: str
    code: str


def blocks_of(name: str) -> Iterator[Block]:
    """The code blocks of a page of the documentation, in order."""
    heading = ""
    for part in _PART.finditer((ROOT / "docs" / name).read_text()):
        if part["heading"] is not None:
            heading = part["heading"].strip()
        else:
            yield Block(heading, part["file"], part["language"], part["code"])


class Page:
    """The code blocks of a page: those with a file name by that, and all by their language."""

    def __init__(self, name: str) -> None:
        self.files: dict[str, str] = {}
        self.blocks: dict[str, list[str]] = {}
        for block in blocks_of(name):
            self.blocks.setdefault(block.language, []).append(block.code)
            if block.file:
                self.files[block.file] = block.code
