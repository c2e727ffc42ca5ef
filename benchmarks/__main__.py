"""The command: python -m benchmarks. `make bench` runs it."""

from __future__ import annotations

import argparse
import resource
from typing import TYPE_CHECKING, Final

from benchmarks.loadgen import LoadFailed, build
from benchmarks.measurements import ALL, MEASUREMENTS
from benchmarks.page import DOCS, Run, about, read, report_of, save, write
from benchmarks.processes import HERE, ServerFailed, redis_server
from benchmarks.rounds import measure_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.measurements import Measurement

FIGURES: Final = DOCS / "benchmarks.json"
OPEN_FILES: Final = 10_200
"""What the load generator and each server need: 10,000 connections and a few more."""


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often all is measured (5)")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each load lasts (3)")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="only measurements that begin so")
    parser.add_argument("--servers", nargs="+", default=list(ALL), choices=ALL, help="only these servers")
    parser.add_argument("--quick", action="store_true", help="one round of half a second each: a trial")
    parser.add_argument("--write", action="store_true", help="write a partial or quick run into docs as well")
    parser.add_argument("--report", action="store_true", help="measure nothing: make the page of the figures kept")
    return parser.parse_args()


def chosen(only: Sequence[str], quick: bool) -> list[Measurement]:
    """The measurements whose names begin with one of these, or all; without the long ones if it must be quick."""
    return [
        measurement
        for measurement in MEASUREMENTS
        if (not only or measurement.key.startswith(tuple(only))) and not (quick and measurement.rounds)
    ]


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < OPEN_FILES:
        if hard < OPEN_FILES:
            raise SystemExit(f"The benchmarks need {OPEN_FILES} open files for a process: raise `ulimit -n`.")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def run(options: argparse.Namespace) -> Run:
    """Measure what is asked for."""
    rounds, seconds, warmup = (1, 0.5, 0.5) if options.quick else (options.rounds, options.seconds, 1.0)
    measurements = chosen(options.only, options.quick)
    if not measurements:
        raise SystemExit(f"There are the measurements {', '.join(each.key for each in MEASUREMENTS)}.")
    if any(measurement.cluster for measurement in measurements):
        redis_server()  # tells at once if it is missing
    words = about(rounds, seconds)
    program = build(HERE / "build")
    return Run(words, list(measure_all(program, measurements, options.servers, rounds, seconds, warmup)))


def main() -> None:
    """Measure, print the tables, and write them into docs when all was measured or it is asked for."""
    options = arguments()
    if options.report:
        write(read(FIGURES))
        return
    _allow_open_files()
    try:
        done = run(options)
    except (LoadFailed, ServerFailed) as error:
        raise SystemExit(str(error)) from None
    print(report_of(done.results, done.about))
    complete = not (options.quick or options.only or len(options.servers) < len(ALL))
    if complete or options.write:
        save(done, FIGURES)
        write(done)


if __name__ == "__main__":
    main()
