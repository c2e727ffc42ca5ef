"""Starts Node for a test, with a script that reads lines and writes lines."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from support.servers import ROOT


def start_node(script: Path, package: str = "socket.io-client") -> subprocess.Popen[str]:
    """The running script, which needs this package; it says what is missing."""
    node = shutil.which("node")
    assert node, "Node is needed for the tests: install Node 20 or newer."
    assert (ROOT / "node_modules" / package).is_dir(), f"{package} is missing: run `npm install --no-package-lock`."
    return subprocess.Popen(
        [node, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )


def stop_node(process: subprocess.Popen[str]) -> None:
    """End it."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        pipe.close()
