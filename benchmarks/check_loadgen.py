"""Holds the load generator against another one, on the same servers, in the modes that both know.

    python -m benchmarks.check_loadgen path/to/other/loadgen.c

The other one takes `-m MODE -n CLIENTS -P IN_FLIGHT -W IN_FLIGHT -p PORT -pid PID -t SECONDS`, has the modes echo, fanout
and idle, and prints its figures in words, as in "server-cpu 26.10 us/req". Their ratios are printed; the server's time
for an operation should agree within a tenth, since that depends on what is asked, not on who asks.
"""

from __future__ import annotations

import argparse
import re
import subprocess
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.figures import figure_of
from benchmarks.loadgen import build, load
from benchmarks.processes import HERE, SERVERS, Server, running
from benchmarks.tables import number, table

PATIENCE: Final = 60.0

MODES: Final = (
    (
        "echo, 100 clients",
        "-m echo -n 100 -P 4",
        "--mode echo --clients 100 --in-flight 4",
        r"server-cpu ([\d.]+) us/req",
        "cpu_us",
    ),
    (
        "broadcast to 1000",
        "-m fanout -n 1000 -W 2",
        "--mode fanout --clients 1000 --in-flight 2",
        r"server-cpu ([\d.]+) us/delivery",
        "cpu_us",
    ),
    (
        "connection",
        "-m idle -n 5000",
        "--mode idle --clients 5000",
        r"server-cpu ([\d.]+) us/conn",
        "connect.cpu_us",
    ),
    (
        "memory, KiB",
        "-m idle -n 5000",
        "--mode idle --clients 5000",
        r"rss/conn (-?[\d.]+) KiB",
        "connect.rss_kib",
    ),
)
"""What is compared: a name, the arguments of both, and where each one's figure is found."""


def other_figure(program: Path, server: Server, arguments: str, pattern: str, seconds: str) -> float:
    """What the other load generator finds. Raises ValueError when it does not print it."""
    with running(server) as process:
        command = [str(program), *arguments.split(), "-p", str(process.port), "-pid", str(process.pid), "-t", seconds]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    found = re.search(pattern, done.stdout)
    if found is None:
        raise ValueError(f"{' '.join(command)} printed no such figure:\n{done.stdout}{done.stderr}")
    return float(found[1])


def own_figure(program: Path, server: Server, arguments: str, figure: str, seconds: str) -> float:
    """What the project's load generator finds."""
    with running(server) as process:
        figures = load(program, process, [*arguments.split(), "--seconds", seconds, "--warmup", "1"])
    value = figure_of(figures, figure)
    if value is None:
        raise ValueError(f"there is no figure {figure} in {figures}")
    return value


def main() -> None:
    """Compare, and print a table of both figures (medians) and their ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check_loadgen", description=__doc__)
    parser.add_argument("other", type=Path, help="the C source of the other load generator")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", default="3")
    parser.add_argument("--servers", nargs="+", default=["whinny", "node"])
    options = parser.parse_args()
    own, other = build(HERE / "build"), build(HERE / "build" / "other", options.other, "-w")
    lines = []
    for server in (server for server in SERVERS if server.key in options.servers):
        for name, other_arguments, own_arguments, pattern, figure in MODES:
            pairs = [
                (
                    own_figure(own, server, own_arguments, figure, options.seconds),
                    other_figure(other, server, other_arguments, pattern, options.seconds),
                )
                for _ in range(options.rounds)
            ]
            ours, theirs = (median(values) for values in zip(*pairs, strict=True))
            lines.append([f"{server.title}: {name}", number(ours), number(theirs), number(ours / theirs)])
    print(table(["", "this one", "the other", "ratio"], lines))


if __name__ == "__main__":
    main()
