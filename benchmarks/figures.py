"""Medians of what was measured, ratios between servers, and the targets that these must reach."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from benchmarks.measurements import CPU

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks.measurements import Row


@dataclass(frozen=True, slots=True)
class Result:
    """One measurement of one server in one round. A failed one has no figures, but what went wrong as `failure`."""

    measurement: str
    server: str
    round: int
    figures: dict[str, Any]
    failure: str = ""


def figure_of(figures: dict[str, Any], name: str) -> float | None:
    """The figure of this name; dots lead inwards."""
    found: Any = figures
    for part in name.split("."):
        if not isinstance(found, dict) or part not in found:
            return None
        found = found[part]
    return float(found)


class Medians:
    """The medians over all rounds, by measurement, server and figure."""

    def __init__(self, results: Iterable[Result]) -> None:
        self._figures: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for result in results:
            if not result.failure:
                self._figures.setdefault((result.measurement, result.server), []).append(result.figures)

    def of(self, measurement: str, server: str, figure: str) -> float | None:
        """The median, or None when there is no such figure."""
        values = self._values(measurement, server, figure)
        return median(values) if values else None

    def most(self, measurement: str, server: str, figure: str) -> float | None:
        """The largest of all rounds, or None when there is no such figure."""
        return max(self._values(measurement, server, figure), default=None)

    def _values(self, measurement: str, server: str, figure: str) -> list[float]:
        rounds = self._figures.get((measurement, server), [])
        return [value for figures in rounds if (value := figure_of(figures, figure)) is not None]

    def of_row(self, row: Row, server: str) -> float | None:
        """The median in the row's unit, or what the row makes of two."""
        value = (self.most if row.most else self.of)(row.measurement, server, row.figure)
        if row.over is not None:
            return ratio(value, self.of(row.over[0], server, row.over[1]))
        if row.less is not None:
            value = difference(value, self.of(row.less[0], server, row.less[1]))
        return None if value is None else value * row.factor


def ratio(value: float | None, other: float | None) -> float | None:
    """How often the other goes into the value; None when one is missing or the other is 0."""
    return None if value is None or not other else value / other


def difference(value: float | None, other: float | None) -> float | None:
    """What is left of the value without the other; None when one is missing."""
    return None if value is None or other is None else value - other


@dataclass(frozen=True, slots=True)
class Target:
    """Something that must be at most `limit`: a ratio or a figure, which `measure` takes from the medians."""

    title: str
    limit: float
    measure: Callable[[Medians], float | None]
    unit: str = ""


def _ratio(measurement: str, server: str, peer: str, figure: str = CPU) -> Callable[[Medians], float | None]:
    return lambda medians: ratio(
        medians.of(measurement, server, figure),
        medians.of(measurement, peer, figure),
    )


def _publishing(kind: str, adapter: str = "classic") -> Callable[[Medians], float | None]:
    """What sending to the others costs, to Node: a broadcast, less the same one where there are no others."""

    def measure(medians: Medians) -> float | None:
        whinny, node = (
            difference(medians.of(f"{kind}-{adapter}", server, CPU), medians.of(f"{kind}-alone", server, CPU))
            for server in ("whinny", "node")
        )
        return ratio(whinny, node)

    return measure


def _delivery_of_another(medians: Medians) -> float | None:
    return ratio(medians.of("to-others", "whinny", "delivery_us"), medians.of("to-own", "whinny", "delivery_us"))


def _growth(medians: Medians) -> float | None:
    base = medians.of("broadcast-100", "whinny", CPU)
    ratios = [ratio(medians.of(f"broadcast-{count}", "whinny", CPU), base) for count in (1000, 5000)]
    return max((value for value in ratios if value is not None), default=None)


def _stalled_latency(base: str) -> Callable[[Medians], float | None]:
    return lambda medians: ratio(medians.of("stalled-100", "whinny", "p99_ms"), medians.of(base, "whinny", "p99_ms"))


def _stalled_memory(medians: Medians) -> float | None:
    growth = medians.of("stalled-100", "whinny", "growth_kib")
    return None if growth is None else growth / 1024


TARGETS: Final = (
    Target("validated echo, to Node's bare handler", 0.8, _ratio("validated", "whinny", "node")),
    Target("validated echo, to python-socketio's", 0.16, _ratio("validated", "whinny", "python-socketio")),
    Target("delivery to 1000, to Node", 0.5, _ratio("broadcast-1000", "whinny", "node")),
    Target("delivery to 1000, to Bun", 0.8, _ratio("broadcast-1000", "whinny", "bun")),
    Target(
        "delivery to 1000, to python-socketio",
        0.1,
        _ratio("broadcast-1000", "whinny", "python-socketio"),
    ),
    Target("connection, to Node", 1.0, _ratio("idle", "whinny", "node", "connect.cpu_us")),
    Target("memory per idle connection, of 5000", 16, lambda medians: medians.of("idle", "whinny", "rss_kib"), "KiB"),
    Target("by ASGI: validated echo, to python-socketio", 1 / 3, _ratio("validated", "asgi", "python-socketio")),
    Target("by ASGI: delivery to 1000, to python-socketio", 1 / 3, _ratio("broadcast-1000", "asgi", "python-socketio")),
    Target("delivery to 1000 and to 5000, the dearer to that to 100", 1.25, _growth),
    Target("100 clients stalled: memory that the server grows by", 450, _stalled_memory, "MiB"),
    Target("100 clients stalled: the others' p99, to that without them", 2.0, _stalled_latency("stalled-0")),
    Target("a broadcast sent to the others every 2 ms, to Node", 1.0, _publishing("vacant")),
    Target("the same, 64 at a time", 1.0, _publishing("burst")),
    Target("the same, sharded, every 2 ms", 1.0, _publishing("vacant", "sharded")),
    Target("the same, sharded, 64 at a time", 1.0, _publishing("burst", "sharded")),
    Target("delivery from another server, to that of an own broadcast", 1.15, _delivery_of_another),
    Target(
        "deliveries from another server that are lost", 0, lambda medians: medians.most("to-others", "whinny", "lost")
    ),
)
