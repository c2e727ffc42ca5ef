"""The figures as tables in Markdown, which a terminal shows well too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.figures import TARGETS, Medians, Result, ratio
from benchmarks.measurements import CLUSTER, GROWTH, RATES, ROWS, STALLED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.figures import Target
    from benchmarks.measurements import Row

SERVERS = {
    "whinny": "Whinny",
    "asgi": "Whinny by ASGI",
    "node": "Node",
    "bun": "Bun",
    "python-socketio": "python-socketio",
}
PEERS = ("node", "bun", "python-socketio")
MISSING = "-"


def number(value: float | None) -> str:
    """A figure with the digits that mean something: three, and none behind the point from 100 on."""
    if value is None:
        return MISSING
    size = abs(value)
    if size >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 9.995 else f"{value:.2f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns are as wide as their widest cell; all but the first are set to the right."""
    widths = [max(len(cells[column]) for cells in [head, *rows]) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = [cells[0].ljust(widths[0])]
        padded += [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        return f"| {' | '.join(padded)} |"

    rule = [f" {'-' * widths[0]} ", *(f" {'-' * (width - 1)}: " for width in widths[1:])]
    return "\n".join([line(head), f"|{'|'.join(rule)}|", *(line(cells) for cells in rows)])


def _title(row: Row) -> str:
    return f"{row.title}, {row.unit}" if row.unit else row.title


def _measured(rows: Sequence[Row], medians: Medians, servers: Sequence[str]) -> list[Row]:
    return [row for row in rows if any(medians.of_row(row, server) is not None for server in servers)]


def figures_table(rows: Sequence[Row], medians: Medians, servers: Sequence[str] = tuple(SERVERS)) -> str:
    """A column for each server that has figures, and one for Whinny's ratio to each peer of them; empty without any."""
    shown = _measured(rows, medians, servers)
    if not shown:
        return ""
    present = [key for key in servers if any(medians.of_row(row, key) is not None for row in shown)]
    peers = [peer for peer in PEERS if peer in present and "whinny" in present]
    head = ["", *(SERVERS[key] for key in present), *(f"Whinny / {SERVERS[peer]}" for peer in peers)]
    lines = []
    for row in shown:
        values = {key: medians.of_row(row, key) for key in present}
        ratios = [ratio(values["whinny"], values[peer]) for peer in peers]
        lines.append([_title(row), *(number(values[key]) for key in present), *map(number, ratios)])
    return table(head, lines)


def _verdict(target: Target, value: float | None) -> str:
    if value is None:
        return "not measured"
    return "yes" if value <= target.limit else "**no**"


def targets_table(medians: Medians) -> str:
    """Each target, what was measured, and whether it is reached."""
    lines = []
    for target in TARGETS:
        value = target.measure(medians)
        unit = f" {target.unit}" if target.unit else ""
        lines.append([target.title, number(target.limit) + unit, number(value), _verdict(target, value)])
    return table(["", "at most", "measured", "reached"], lines)


def failures(results: Sequence[Result]) -> str:
    """What went wrong, in a list; nothing if all went well."""
    return "\n".join(
        f"- {SERVERS[result.server]}, {result.measurement}, round {result.round}: {result.failure.splitlines()[0]}"
        for result in results
        if result.failure
    )


def report(results: Sequence[Result]) -> str:
    """All tables, with headings; those for which nothing was measured are left out."""
    medians = Medians(results)
    parts = [
        ("Cost to the server", figures_table(ROWS, medians)),
        ("Targets", targets_table(medians)),
        ("Rates and latencies", figures_table(RATES, medians)),
        ("Growth", figures_table(GROWTH, medians)),
        ("Many servers", figures_table(CLUSTER, medians)),
        ("Clients that do not read", figures_table(STALLED, medians)),
        ("Failures", failures(results)),
    ]
    return "\n\n".join(f"### {heading}\n\n{text}" for heading, text in parts if text)
