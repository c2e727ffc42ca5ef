"""The official JavaScript client against the server: every scenario of client.mjs on every transport."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from scenarios.node import NodeClient, scenario_names
from support.servers import Kind, ServerProcess, serve

if TYPE_CHECKING:
    from collections.abc import Callable

TRANSPORTS = ["polling", "websocket", "upgrade"]
# `whinny run` has a WebSocket path of its own; under another server WebSockets come through ASGI.
WAYS: list[tuple[Kind, str]] = [
    ("whinny", "polling"),
    ("whinny", "websocket"),
    ("whinny", "upgrade"),
    ("uvicorn", "websocket"),
    ("uvicorn", "upgrade"),
]

# The app that a scenario needs, if it is not the common one.
APPS = {
    "1 MB with the limit raised": "apps.scenarios:large",
    "silent client": "apps.scenarios:restless",
    "idle client": "apps.scenarios:lively",
    "busy client": "apps.scenarios:restless",
}
ON_A_WEBSOCKET = {"the network breaks"}  # polling has no connection that could break
# These need their own server and something done to it, or stand in a file of their own.
APART = {"silent server", "restart", "traffic during upgrades", "echo steadily"}

CASES = [
    pytest.param(name, by, transport, id=f"{name}-{by}-{transport}")
    for name in scenario_names()
    for by, transport in WAYS
    if name not in APART and not (name in ON_A_WEBSOCKET and transport == "polling")
]


@pytest.mark.parametrize(("name", "by", "transport"), CASES)
def test_scenario(
    name: str, by: Kind, transport: str, node: NodeClient, server_of: Callable[[str, Kind], ServerProcess]
) -> None:
    """The property that stands above the scenario in tests/scenarios/client/."""
    server = server_of(APPS.get(name, "apps.scenarios:app"), by)
    node.run(name, server.url, transport)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_silent_server(transport: str, node: NodeClient) -> None:
    """A client leaves a server that sends no ping, for a ping timeout, and finds it again when it is back."""
    with serve("apps.scenarios:restless") as server:
        node.start("silent server", server.url, transport)
        node.expect("connected")
        os.kill(server.pid, signal.SIGSTOP)
        try:
            node.expect("disconnected")
        finally:
            os.kill(server.pid, signal.SIGCONT)
        node.result()


@pytest.mark.parametrize(("by", "transport"), [*WAYS, ("hypercorn", "polling"), ("hypercorn", "upgrade")])
def test_restart(by: Kind, transport: str, node: NodeClient) -> None:
    """SIGTERM ends a server that has clients, by its name on both sides, and they come back by themselves."""
    label = f"restart-{by}-{transport}"
    # By default Hypercorn runs the app in a process of its own, which hears no signal.
    args = ["--workers", "0"] if by == "hypercorn" else []
    with serve("apps.scenarios:app", by=by, args=args) as server:
        node.start("restart", server.url, transport, params={"label": label})
        node.expect("connected")
        assert server.stop() < 10
        node.expect("disconnected")
        assert server.log.count(f"on_disconnect {label}: ") == 1
        assert f"on_disconnect {label}: server shutting down\n" in server.log
        server.start()
        node.result()


def test_logs_of_any_script(node: NodeClient) -> None:
    """What clients send and are answered can be logged, whatever characters there are in it."""
    with serve("apps.scenarios_debug:app", by="uvicorn") as server:
        for name in ("unicode", "unicode in event names", "unicode in auth and refusal", "unknown event"):
            node.run(name, server.url, "websocket")
        assert "DEBUG whinny.websocket" in server.log
        assert "Logging error" not in server.log
        assert "Traceback" not in server.log
