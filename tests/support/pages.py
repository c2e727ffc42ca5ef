"""Finds the code of a page of the documentation, so that it runs as it is printed."""

from __future__ import annotations

import re
import sys
from types import ModuleType

from support.servers import ROOT

_BLOCK = re.compile(r"^(?:\*(?P<file>[\w./]+)\*\n)?```(?P<language>\w+)\n(?P<code>.*?)^```$", re.M | re.S)


def exec_as_module(code: str, name: str) -> ModuleType:
    """Run an example as the module that a reader would save it as."""
    module = sys.modules[name] = ModuleType(name)
    exec(compile(code, f"{name}.py", "exec"), module.__dict__)
    return module


class Page:
    """The code blocks of a page: those with a file name by that, and all by their language."""

    def __init__(self, name: str) -> None:
        text = (ROOT / "docs" / name).read_text()
        self.files: dict[str, str] = {}
        self.blocks: dict[str, list[str]] = {}
        for block in _BLOCK.finditer(text):
            self.blocks.setdefault(block["language"], []).append(block["code"])
            if block["file"]:
                self.files[block["file"]] = block["code"]
