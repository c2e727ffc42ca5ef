"""The Node process of these tests: servers on Node, emitters on Node and official clients, led step by step."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

from support.node import start_node, stop_node


class Node:
    """A Node process; the test's loop goes on while it is asked, for the other servers are in there."""

    def __init__(self) -> None:
        self._process = start_node(Path(__file__).with_name("node.mjs"), "@socket.io/redis-adapter")
        self._one_at_a_time = threading.Lock()

    async def call(self, do: str, **request: Any) -> Any:
        """Let the process do something; AssertionError with the stack if it fails."""
        return await asyncio.to_thread(self._call, {"do": do, **request})

    def _call(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._one_at_a_time:
            self._process.stdin.write(json.dumps(request, default=_written) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        answer = json.loads(line or '{"error": "the Node process has died"}', object_hook=_read)
        assert "error" not in answer, answer["error"]
        return answer["value"]

    def stop(self) -> None:
        """End the process."""
        stop_node(self._process)


def _written(value: Any) -> Any:
    assert isinstance(value, bytes)
    return {"bytes": list(value)}


def _read(found: dict[str, Any]) -> Any:
    return bytes(found["bytes"]) if found.keys() == {"bytes"} else found
