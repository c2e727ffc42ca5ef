"""The code blocks of a page by the heading that they stand under, and which of them a test has taken."""

from __future__ import annotations

from support.pages import blocks_of


class Sections:
    """A page of the documentation. `take` gives a block; `left` tells of those that nobody took."""

    def __init__(self, name: str) -> None:
        self._blocks: dict[tuple[str, str, int], str] = {}
        self._taken: set[tuple[str, str, int]] = set()
        for block in blocks_of(name):
            self._add(block.heading, block.language, block.code)

    def _add(self, heading: str, language: str, code: str) -> None:
        number = 0
        while (heading, language, number) in self._blocks:
            number += 1
        self._blocks[heading, language, number] = code

    def take(self, heading: str, language: str = "python", number: int = 0) -> str:
        """The block of this language under a heading; the first one unless `number` says otherwise."""
        self._taken.add((heading, language, number))
        return self._blocks[heading, language, number]

    def left(self) -> list[tuple[str, str, int]]:
        """The blocks that were not taken: heading, language, number."""
        return [key for key in self._blocks if key not in self._taken]
