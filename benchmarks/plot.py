"""Draws the figures as an SVG image that suits light and dark pages."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Final

from benchmarks.measurements import CPU, RECEIVERS, ROWS
from benchmarks.tables import SERVERS, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.figures import Medians
    from benchmarks.measurements import Row

ORDER: Final = ("whinny", "asgi", "node", "bun", "python-socketio")
PANELS: Final = (0, 1, 2, 4, 5, 6, 7, 8)
"""The rows of the first table that are drawn: those that every server has, and that say something new."""

WIDTH: Final = 880
MARGIN: Final = 24
TOP: Final = 62
PANEL: Final = (400, 150)
"""Width and height of a panel of bars; two stand side by side."""
LABELS: Final = 116
"""What a bar leaves to its left, for the server's name."""
CURVES: Final = 250
"""Height of the panel of curves."""

STYLE: Final = """
svg { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; }
.page { fill: #ffffff; } text { fill: #24292f; } .quiet { fill: #57606a; } .rule { stroke: #d0d7de; }
.title { font-size: 17px; font-weight: 600; } .panel { font-weight: 600; }
.whinny { --colour: #c2410c; } .asgi { --colour: #eda374; } .node { --colour: #3f8f4f; } .bun { --colour: #8a6fb5; }
.python-socketio { --colour: #3b78b8; }
.bar, .dot { fill: var(--colour); } .curve { stroke: var(--colour); fill: none; stroke-width: 2; }
@media (prefers-color-scheme: dark) {
  .page { fill: #0d1117; } text { fill: #e6edf3; } .quiet { fill: #9198a1; } .rule { stroke: #30363d; }
  .whinny { --colour: #fb8f44; } .asgi { --colour: #9a5c32; } .node { --colour: #57ab6a; } .bun { --colour: #a78fd6; }
  .python-socketio { --colour: #58a0e0; }
}
""".strip()


def _text(x: float, y: float, words: str, style: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" text-anchor="{anchor}">{escape(words)}</text>'


def _bars(row: Row, medians: Medians, left: float, top: float) -> Iterator[str]:
    yield _text(left, top + 14, f"{row.title}, {row.unit}", "panel")
    values = {key: value for key in ORDER if (value := medians.of_row(row, key)) is not None}
    longest = max((*values.values(), 1e-9))
    room = PANEL[0] - LABELS - 52
    for place, (key, value) in enumerate(values.items()):
        y = top + 26 + place * 22
        width = max(1.0, room * max(value, 0) / longest)
        yield _text(left + LABELS - 8, y + 12, SERVERS[key], "" if key == "whinny" else "quiet", "end")
        yield (f'<rect class="{key} bar" x="{left + LABELS:.1f}" y="{y:.1f}" width="{width:.1f}" height="16" rx="2"/>')
        yield _text(left + LABELS + width + 6, y + 12, number(value), "" if key == "whinny" else "quiet")


def _curve_values(medians: Medians, key: str) -> list[tuple[int, float]]:
    values = [(count, medians.of(f"broadcast-{count}", key, CPU)) for count in RECEIVERS]
    return [(count, value) for count, value in values if value is not None]


def _apart(places: Sequence[float], distance: float) -> list[float]:
    """The places moved down as far as they must be, so that labels at them do not overlap."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + distance) if moved else place)
    return moved


def _round_step(highest: float) -> float:
    """The step of an axis that has about four of them: 1, 2 or 5, times a power of ten."""
    power: float = 10 ** math.floor(math.log10(highest / 4))
    return next(step * power for step in (1, 2, 5, 10) if step * power * 4.5 >= highest)


def _curves(medians: Medians, top: float) -> Iterator[str]:
    yield _text(MARGIN, top + 14, "delivery of a broadcast, by the number of receivers, µs", "panel")
    curves = {key: values for key in ORDER if (values := _curve_values(medians, key))}
    if not curves:
        return
    highest = max(value for values in curves.values() for _, value in values)
    step = _round_step(highest)
    left, right, upper, lower = MARGIN + 40, WIDTH - MARGIN - 130, top + 34, top + CURVES - 30
    span = math.log(RECEIVERS[-1] / RECEIVERS[0])

    def x(count: int) -> float:
        return left + (right - left) * math.log(count / RECEIVERS[0]) / span

    def y(value: float) -> float:
        return lower - (lower - upper) * value / highest

    for value in (step * count for count in range(int(highest / step) + 1)):
        yield f'<line class="rule" x1="{left}" x2="{right}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        yield _text(left - 8, y(value) + 4, f"{value:g}", "quiet", "end")
    for count in RECEIVERS:
        yield _text(x(count), lower + 20, f"{count}", "quiet", "middle")
    ends = sorted((y(values[-1][1]), key) for key, values in curves.items())
    for (_, key), label in zip(ends, _apart([place for place, _ in ends], 15), strict=True):
        yield _curve(key, [(x(count), y(value)) for count, value in curves[key]])
        yield f'<circle class="{key} dot" cx="{right + 18}" cy="{label:.1f}" r="3.5"/>'
        yield _text(right + 28, label + 4, SERVERS[key], "" if key == "whinny" else "quiet")


def _curve(key: str, points: Sequence[tuple[float, float]]) -> str:
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in points)
    return f'<g class="{key}"><polyline class="curve" points="{line}"/>{dots}</g>'


def plot(medians: Medians) -> str:
    """The image: a panel of bars for each kind of work, and the curves of how a broadcast's cost grows."""
    rows = [ROWS[place] for place in PANELS]
    curves_top = TOP + (len(rows) + 1) // 2 * PANEL[1]
    height = curves_top + CURVES
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        ' role="img" aria-label="What work costs the servers">',
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}" rx="6"/>',
        _text(MARGIN, 34, "What work costs the server: processor time of each operation, and memory", "title"),
        _text(WIDTH - MARGIN, 34, "less is better", "quiet", "end"),
    ]
    for place, row in enumerate(rows):
        left = MARGIN + place % 2 * (PANEL[0] + 32)
        parts += _bars(row, medians, left, TOP + place // 2 * PANEL[1])
    parts += _curves(medians, curves_top)
    return "\n".join([*parts, "</svg>\n"])
