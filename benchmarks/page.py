"""Keeps the figures of a run in docs/benchmarks.json; makes the tables of docs/benchmarks.md and the plot of them."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

from benchmarks.figures import Medians, Result
from benchmarks.plot import plot
from benchmarks.processes import HERE, ROOT
from benchmarks.tables import report

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

DOCS: Final = ROOT / "docs"
BEGIN: Final = "<!-- figures: written by `make bench` -->"
END: Final = "<!-- end of figures -->"

PYTHON_PACKAGES: Final = (
    "whinny",
    "python-socketio",
    "uvicorn",
    "uvloop",
    "httptools",
    "websockets",
    "redis",
    "hiredis",
)
NODE_PACKAGES: Final = {
    "socket.io": "socket.io",
    "@socket.io/redis-adapter": "@socket.io/redis-adapter",
    "redis": "node-redis",  # as that of Python has the same name
    "bun": "bun",
    "@socket.io/bun-engine": "@socket.io/bun-engine",
}


@dataclass(frozen=True, slots=True)
class Run:
    """All that is kept of a run: what it ran on and with, and the figures of each round."""

    about: dict[str, Any]
    results: list[Result]


def _printed(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _versions() -> Iterator[tuple[str, str]]:
    yield "Python", platform.python_version()
    for name in PYTHON_PACKAGES:
        with suppress(PackageNotFoundError):
            yield name, version(name)
    yield "Node", _printed("node", "--version").removeprefix("v")
    for name, title in NODE_PACKAGES.items():
        with suppress(FileNotFoundError):
            yield title, json.loads((HERE / "node_modules" / name / "package.json").read_text())["version"]
    with suppress(FileNotFoundError):
        yield from (
            ("redis-server", number) for number in re.findall(r"v=(\S+)", _printed("redis-server", "--version"))
        )


def about(rounds: int, seconds: float) -> dict[str, Any]:
    """What a reader must know of a run that begins now."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {memory:.0f} GiB of memory, {platform.system()}",
        "rounds": rounds,
        "seconds": seconds,
        "versions": dict(_versions()),
    }


def save(run: Run, file: Path) -> None:
    """Write a run, each result on a line of its own."""
    lines = ",\n".join(json.dumps(asdict(result)) for result in run.results)
    file.write_text(f'{{\n"about": {json.dumps(run.about)},\n"results": [\n{lines}\n]\n}}\n')


def read(file: Path) -> Run:
    """A run that was saved."""
    kept = json.loads(file.read_text())
    return Run(kept["about"], [Result(**result) for result in kept["results"]])


def summary(about: dict[str, Any]) -> str:
    """In words: when, on what, with what."""
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    rounds = "one round" if about["rounds"] == 1 else f"medians of {about['rounds']} rounds"
    return (
        f"Measured on {about['date']} on a machine with {about['machine']}; {rounds} of {about['seconds']:g} seconds "
        f"for each figure. With {versions}."
    )


def between_markers(page: str, text: str) -> str:
    """The page with this text between its two markers. Raises ValueError when they are not there, each once."""
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise ValueError(f"The page needs the lines {BEGIN!r} and {END!r}, once each.")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def write(run: Run, folder: Path = DOCS) -> None:
    """Write the figures into the page, and the plot beside it."""
    page = folder / "benchmarks.md"
    page.write_text(between_markers(page.read_text(), f"{summary(run.about)}\n\n{report(run.results)}"))
    (folder / "benchmarks.svg").write_text(plot(Medians(run.results)))


def report_of(results: Sequence[Result], words: dict[str, Any]) -> str:
    """What a run prints at its end."""
    return f"{summary(words)}\n\n{report(results)}"
