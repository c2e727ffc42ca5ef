"""Runs the scenarios of `client.mjs`, one at a time, in one Node process."""

from __future__ import annotations

import json
import queue
import re
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from support.node import start_node, stop_node

HERE = Path(__file__).parent


def scenario_names() -> list[str]:
    """The names of all scenarios, in the order of their files."""
    sources = [path.read_text() for path in sorted((HERE / "client").glob("*.mjs"))]
    found = [re.findall(r'^scenario\(("(?:[^"\\]|\\.)*"),', source, re.MULTILINE) for source in sources]
    return [json.loads(name) for names in found for name in names]


class NodeClient:
    """A Node process with the official client; it starts when it is first needed and again after it has died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def run(self, scenario: str, url: str, transport: str, *, within: float = 45, **request: Any) -> Any:
        """Run a scenario to its end and return its data; AssertionError with the client's stack if it fails."""
        self.start(scenario, url, transport, **request)
        return self.result(within)

    def start(self, scenario: str, url: str, transport: str, **request: Any) -> None:
        """Start a scenario; `expect` and `result` follow it."""
        process = self._running()
        assert process.stdin is not None
        process.stdin.write(json.dumps({"scenario": scenario, "url": url, "transport": transport, **request}) + "\n")
        process.stdin.flush()

    def expect(self, progress: str, within: float = 20) -> None:
        """Wait until the scenario says that it has come this far."""
        line = self._next(within)
        if "ok" in line:
            raise AssertionError(f'"{line["name"]}" ended before "{progress}": {line["error"]}')
        assert line["progress"] == progress, line

    def result(self, within: float = 45) -> Any:
        """Wait for the end of the scenario and return its data; AssertionError if it failed."""
        line = self._next(within)
        assert "ok" in line, f"the scenario said {line} where its end was expected"
        assert line["ok"], f'"{line["name"]}" failed in the client:\n{line["error"]}'
        return line["data"]

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            stop_node(self._process)
            self._process = None

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self._lines = queue.Queue()
            self._process = start_node(HERE / "client.mjs")
            threading.Thread(target=self._read, args=(self._process, self._lines), daemon=True).start()
        return self._process

    @staticmethod
    def _read(process: subprocess.Popen[str], lines: queue.Queue[dict[str, Any] | None]) -> None:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                lines.put(json.loads(line))
        except ValueError as error:  # also a pipe that `stop` has closed
            lines.put({"name": "client.mjs", "ok": False, "error": f"unreadable output: {error}"})
        lines.put(None)

    def _next(self, within: float) -> dict[str, Any]:
        began = time.monotonic()
        try:
            line = self._lines.get(timeout=within)
        except queue.Empty:
            self.stop()  # what is left of the scenario must not answer for the next one
            raise AssertionError(f"the client said nothing for {time.monotonic() - began:.0f} s") from None
        assert line is not None, "the Node process has died; its stderr is above"
        return line
