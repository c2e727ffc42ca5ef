"""Text and binary messages in both directions while the connection changes from polling to WebSocket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from scenarios.slow_network import slow_network

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenarios.node import NodeClient
    from support.servers import Kind, ServerProcess

PARAMS = {"connections": 100, "atOnce": 10, "patience": 100_000}


@pytest.mark.parametrize("by", ["whinny", "uvicorn", "hypercorn"])
def test_traffic_during_100_fast_upgrades(
    by: Kind, node: NodeClient, server_of: Callable[[str, Kind], ServerProcess]
) -> None:
    """In 100 upgrades over the local network no message is lost, doubled, changed or reordered, on either side."""
    server = server_of("apps.scenarios:app", by)
    total = node.run("traffic during upgrades", server.url, "upgrade", params=PARAMS, within=110)
    assert total["sent"] > total["sentBefore"] > 0


@pytest.mark.parametrize("by", ["whinny", "uvicorn", "hypercorn"])
async def test_traffic_during_100_slow_upgrades(
    by: Kind, node: NodeClient, server_of: Callable[[str, Kind], ServerProcess]
) -> None:
    """The same over a slow network, where many messages are under way both ways when the transport changes."""
    server = server_of("apps.scenarios:app", by)
    async with slow_network(server.port, delay=0.02) as url:
        total = await asyncio.to_thread(node.run, "traffic during upgrades", url, "upgrade", params=PARAMS, within=110)
    assert total["sentBefore"] > 1000
    assert total["receivedBefore"] > 20
