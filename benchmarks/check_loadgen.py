"""Holds the load generator against another one, on the same servers, in the modes that both know.

    python -m benchmarks.check_loadgen path/to/other/loadgen.c

The other one takes `-m MODE -n CLIENTS -P IN_FLIGHT -W IN_FLIGHT -p PORT -pid PID -t SECONDS`, has the modes echo,
fanout and idle, and prints its figures in words, as in "server-cpu 26.10 us/req". Their ratios are printed; the
server's time for an operation should agree within a tenth: it depends on what is asked, not on who asks.
"""

from __future__ import annotations

import argparse
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.figures import figure_of, ratio
from benchmarks.loadgen import build, load
from benchmarks.measurements import ALL
from benchmarks.processes import HERE, SERVERS, Running, Server, running
from benchmarks.tables import number, table

PATIENCE: Final = 60.0

CLIENTS: Final = 2000
"""Few enough for the ports of the loopback interface: some load generators keep theirs for a minute."""


@dataclass(frozen=True, slots=True)
class Mode:
    """What both can do: their arguments, and where each figure is found in what the other and this one print."""

    other: str
    own: str
    figures: dict[str, tuple[str, str]]
    fresh: bool = False
    """Whether each needs a server that has not served yet."""


MODES: Final = (
    Mode(
        "-m echo -n 100 -P 4",
        "--mode echo --clients 100 --in-flight 4",
        {"echo, 100 clients, µs": (r"server-cpu ([\d.]+) us/req", "cpu_us")},
    ),
    Mode(
        "-m fanout -n 1000 -W 2",
        "--mode fanout --clients 1000 --in-flight 2",
        {"broadcast to 1000, µs": (r"server-cpu ([\d.]+) us/delivery", "cpu_us")},
    ),
    Mode(
        f"-m idle -n {CLIENTS}",
        f"--mode idle --clients {CLIENTS}",
        {
            "connection, µs": (r"server-cpu ([\d.]+) us/conn", "connect.cpu_us"),
            "memory of a connection, KiB": (r"rss/conn (-?[\d.]+) KiB", "connect.rss_kib"),
        },
        fresh=True,
    ),
)


def other_figures(program: Path, server: Running, mode: Mode, seconds: str) -> list[float]:
    """What the other load generator finds. Raises ValueError when it does not print it."""
    command = [str(program), *mode.other.split(), "-p", str(server.port), "-pid", str(server.pid), "-t", seconds]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE).stdout
    found = [re.search(pattern, printed) for pattern, _ in mode.figures.values()]
    if None in found:
        raise ValueError(f"{' '.join(command)} printed {printed!r}")
    return [float(match[1]) for match in found if match is not None]


def own_figures(program: Path, server: Running, mode: Mode, seconds: str) -> list[float]:
    """What the project's load generator finds."""
    figures = load(program, server, [*mode.own.split(), "--seconds", seconds, "--warmup", "1"])
    return [figure_of(figures, name) or 0.0 for _, name in mode.figures.values()]


def pair(own: Path, other: Path, server: Server, mode: Mode, seconds: str) -> tuple[list[float], list[float]]:
    """The figures of both, one right after the other, on a server that is warm."""
    with running(server) as process:
        if not mode.fresh:
            own_figures(own, process, mode, seconds)
        ours = own_figures(own, process, mode, seconds)
        if not mode.fresh:
            return ours, other_figures(other, process, mode, seconds)
    with running(server) as process:
        return ours, other_figures(other, process, mode, seconds)


def compare(own: Path, other: Path, server: Server, mode: Mode, rounds: int, seconds: str) -> list[list[str]]:
    """A line for each figure: the medians of both, and their ratio."""
    pairs = [pair(own, other, server, mode, seconds) for _ in range(rounds)]
    lines = []
    for place, name in enumerate(mode.figures):
        ours, theirs = (median(figures[which][place] for figures in pairs) for which in (0, 1))
        lines.append([f"{server.title}: {name}", number(ours), number(theirs), number(ratio(ours, theirs))])
    return lines


def main() -> None:
    """Compare, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check_loadgen", description=__doc__)
    parser.add_argument("other", type=Path, help="the C source of the other load generator")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", default="3")
    parser.add_argument("--servers", nargs="+", default=["whinny", "node"], choices=ALL)
    options = parser.parse_args()
    own, other = build(HERE / "build"), build(HERE / "build" / "other", options.other, "-w")
    lines = []
    for server in (server for server in SERVERS if server.key in options.servers):
        for mode in MODES:
            lines += compare(own, other, server, mode, options.rounds, options.seconds)
    print(table(["", "this one", "the other", "ratio"], lines))


if __name__ == "__main__":
    main()
