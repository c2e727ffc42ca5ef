"""What the operating system holds of the connections of a server, read from /proc."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ESTABLISHED: Final = "01"


def held_for_clients(port: int) -> int:
    """Bytes written by the server on this port that a client's system has not acknowledged; of the client with most."""
    held = [0]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, queues, *_ = line.split()
        if state == ESTABLISHED and int(local.rpartition(":")[2], 16) == port:
            held.append(int(queues.partition(":")[0], 16))
    return max(held)
