"""Measures the servers in turn, round by round."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from benchmarks.figures import Result
from benchmarks.loadgen import LoadFailed, load
from benchmarks.processes import SERVERS, Server, ServerFailed, running, running_two

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.measurements import Measurement


def measure(program: Path, measurement: Measurement, server: Server, round_: int, arguments: Iterable[str]) -> Result:
    """One measurement of one server, or two, freshly started. What goes wrong is kept in the result."""
    try:
        if not measurement.cluster:
            with running(server) as process:
                return Result(measurement.key, server.key, round_, load(program, process, arguments))
        with running_two(server, measurement.cluster) as (one, other):
            to_other = ("--to-port", str(other.port), "--to-pid", str(other.pid))
            return Result(measurement.key, server.key, round_, load(program, one, [*arguments, *to_other]))
    except (LoadFailed, ServerFailed) as error:
        return Result(measurement.key, server.key, round_, {}, str(error))


def measure_all(
    program: Path,
    measurements: Sequence[Measurement],
    servers: Sequence[str],
    rounds: int,
    seconds: float,
    warmup: float,
) -> Iterator[Result]:
    """All results, as they come; what is going on is told to the terminal.

    Within a round each load is put on one server after the other, so that what else the machine does meets all alike.
    """
    began = time.monotonic()
    for round_ in range(1, rounds + 1):
        for measurement in measurements:
            if measurement.rounds is not None and round_ > measurement.rounds:
                continue
            for server in SERVERS:
                if server.key not in measurement.servers or server.key not in servers:
                    continue
                result = measure(program, measurement, server, round_, measurement.command(seconds, warmup))
                _tell(result, rounds, time.monotonic() - began)
                yield result


def _tell(result: Result, rounds: int, elapsed: float) -> None:
    word = f"failed: {result.failure}" if result.failure else "done"
    minutes, seconds = divmod(int(elapsed), 60)
    print(
        f"{minutes:3d}:{seconds:02d}  round {result.round} of {rounds}  {result.measurement} {result.server}  {word}",
        file=sys.stderr,
        flush=True,
    )
