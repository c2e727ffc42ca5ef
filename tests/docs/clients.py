"""Official clients in Node that a test leads step by step, and that run a page's client code as it is printed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.node import start_node, stop_node


class Node:
    """A Node process with clients in it."""

    def __init__(self) -> None:
        self._process = start_node(Path(__file__).with_name("clients.mjs"))

    def open(self, url: str, code: str = "", **options: Any) -> Client:
        """A client that has run this code and is connected now."""
        opened = self.call("open", url=url, code=code, options=options, awaits="connect")
        return Client(self, opened["client"])

    def refusal(self, url: str, code: str = "", **options: Any) -> tuple[str, Any]:
        """The message and the data of the `connect_error` that a client gets."""
        message, data = self.call("open", url=url, code=code, options=options, awaits="connect_error")["error"]
        return message, data

    def call(self, do: str, **request: Any) -> Any:
        """Let the process do something and wait for it; AssertionError with the client's stack if it fails."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **request}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"error": "the Node process has died"}')
        assert "error" not in answer, answer["error"]
        return answer["value"]

    def close_clients(self) -> None:
        """Disconnect them all."""
        self.call("close")

    def stop(self) -> None:
        """End the process."""
        stop_node(self._process)


@dataclass(frozen=True, slots=True)
class Client:
    """A connected client. What the server sends it is heard, what its code logs to the console is printed."""

    node: Node
    number: int

    def _call(self, do: str, **request: Any) -> Any:
        return self.node.call(do, client=self.number, **request)

    @property
    def id(self) -> str:
        """The id of its socket."""
        found: str = self._call("id")
        return found

    def run(self, code: str) -> Any:
        """Run JavaScript that knows `socket`, `console` and `ask`; what it returns."""
        return self._call("run", code=code)

    def ask(self, event: str, *args: Any) -> Any:
        """Emit with a callback; what the callback gets."""
        return self._call("ask", args=[event, *args])

    def emit(self, event: str, *args: Any) -> None:
        """Emit without a callback."""
        self._call("emit", args=[event, *args])

    def heard(self, count: int = 0) -> list[list[Any]]:
        """All messages since the last call, as [event, *args], once there are `count`."""
        messages: list[list[Any]] = self._call("heard", count=count)
        return messages

    def printed(self, count: int = 0) -> list[str]:
        """All that was logged to the console since the last call, once there are `count` calls of it."""
        lines: list[str] = self._call("printed", count=count)
        return lines

    def settle(self) -> None:
        """What the server has sent before is there once this returns, for messages keep their order."""
        assert self.ask("an event that nobody handles")["error"]["code"] == "UNKNOWN_EVENT"

    def left(self) -> None:
        """Wait until it is disconnected."""
        self._call("left")

    def disconnect(self) -> None:
        """Leave."""
        self._call("disconnect")
