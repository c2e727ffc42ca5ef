"""Finds the code of a page of the documentation, so that it runs as it is printed."""

from __future__ import annotations

import re

from support.servers import ROOT

_BLOCK = re.compile(r"^(?:\*(?P<file>[\w./]+)\*\n)?```(?P<language>\w+)\n(?P<code>.*?)^```$", re.M | re.S)


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
