"""Builds the load generator and runs it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.processes import Running

SOURCE: Final = Path(__file__).with_name("loadgen.c")
PATIENCE: Final = 180.0
"""Seconds that one measurement may take."""

Figures = dict[str, Any]
"""What the load generator prints: numbers by their names, those of connecting in one of their own."""


class LoadFailed(Exception):
    """The load generator could not be built, or a server did not answer it as it should."""


def build(folder: Path, source: Path = SOURCE, *flags: str) -> Path:
    """The load generator as a program in this folder, compiled anew when its source is newer."""
    program = folder / "loadgen"
    if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
        return program
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise LoadFailed("A C compiler is missing: run `make bench`, or install one (Debian: build-essential).")
    folder.mkdir(parents=True, exist_ok=True)
    command = [compiler, "-O2", *(flags or ("-Wall", "-Wextra")), "-o", str(program), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise LoadFailed(f"The load generator could not be built:\n{done.stderr}")
    return program


def load(program: Path, server: Running, arguments: Iterable[str]) -> Figures:
    """Put a load on the server; the figures of it. Raises LoadFailed."""
    command = [str(program), "--port", str(server.port), "--pid", str(server.pid), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise LoadFailed(f"No end after {PATIENCE:.0f} s.") from None
    if done.returncode:
        raise LoadFailed(done.stderr.strip() or f"The load generator ended with {done.returncode}.")
    figures: Figures = json.loads(done.stdout)
    return figures
