"""What is measured, and which figures of it are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ALL: Final = ("whinny", "node", "bun", "python-socketio", "asgi")
PAIR: Final = ("whinny", "node")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One load on a server that was just started: the load generator's arguments, and who is measured.

    `seconds` is given where the time must not be chosen by the run. `rounds` bounds how often a long one is repeated.
    """

    key: str
    arguments: tuple[str, ...]
    servers: tuple[str, ...] = ALL
    seconds: float | None = None
    rounds: int | None = None

    def command(self, seconds: float, warmup: float) -> list[str]:
        """The arguments, with how long to measure and to work before that."""
        return [*self.arguments, "--seconds", str(self.seconds or seconds), "--warmup", str(warmup)]


@dataclass(frozen=True, slots=True)
class Row:
    """A figure of a measurement, as a row of a table. `factor` makes the unit of the figure to the row's."""

    title: str
    measurement: str
    figure: str
    unit: str
    factor: float = 1.0


def _echo(key: str, event: str, *more: str, clients: int = 100) -> Measurement:
    in_flight = "1" if clients == 1 else "4"
    common = ("--mode", "echo", "--clients", str(clients), "--in-flight", in_flight, "--event", event)
    return Measurement(key, (*common, *more))


def _fanout(key: str, clients: int, *more: str, servers: tuple[str, ...] = ALL) -> Measurement:
    return Measurement(key, ("--mode", "fanout", "--clients", str(clients), "--in-flight", "2", *more), servers)


STALLED_LOAD: Final = ("--size", "65536", "--broadcasts", "1600")
"""100 MB."""


def _stalled(key: str, stalled: int) -> Measurement:
    return _fanout(key, 10 + stalled, *STALLED_LOAD, "--stalled", str(stalled), servers=("whinny",))


RECEIVERS: Final = (10, 100, 1000, 5000)
ROOMS: Final = (10, 1000, 100_000)
LEAVING: Final = (100, 1000, 5000)

MEASUREMENTS: Final = (
    _echo("echo-1", "echo plain", clients=1),
    _echo("echo-100", "echo plain"),
    _echo("validated", "echo"),
    _echo("validated-async", "echo async"),
    _echo("binary", "echo plain", "--attachment", "1024"),
    _echo("polling", "echo plain", "--polling"),
    Measurement("idle", ("--mode", "idle", "--clients", "5000"), seconds=2),
    *(_fanout(f"broadcast-{count}", count) for count in RECEIVERS),
    *(_fanout(f"rooms-{count}", 100, "--rooms", str(count), servers=PAIR) for count in ROOMS),
    *(Measurement(f"leave-{count}", ("--mode", "disconnect", "--clients", str(count)), PAIR) for count in LEAVING),
    _stalled("stalled-0", 0),
    _stalled("stalled-100", 100),
    _fanout("reading-110", 110, *STALLED_LOAD, servers=("whinny",)),
    # Two heartbeats of each, which is pinged every 25 seconds.
    Measurement("heartbeats", ("--mode", "idle", "--clients", "10000", "--exchanges", "1"), ALL, seconds=50, rounds=1),
)

CPU: Final = "cpu_us"
ROWS: Final = (
    Row("echo, 1 client", "echo-1", CPU, "µs"),
    Row("echo, 100 clients", "echo-100", CPU, "µs"),
    Row("validated echo, 100 clients", "validated", CPU, "µs"),
    Row("the same by `async def`", "validated-async", CPU, "µs"),
    Row("broadcast to 1000, per delivery", "broadcast-1000", CPU, "µs"),
    Row("connection", "idle", "connect.cpu_us", "µs"),
    Row("binary echo, 100 clients", "binary", CPU, "µs"),
    Row("polling echo, 100 clients", "polling", CPU, "µs"),
    Row("memory per idle connection, of 5000", "idle", "rss_kib", "KiB"),
    Row("the same, of 10,000, after one echo each", "heartbeats", "rss_kib", "KiB"),
    Row("one core's time for 10,000 idle connections", "heartbeats", "utilization", "%", 100),
)
"""What work costs the server."""

RATES: Final = (
    Row("echo, 1 client", "echo-1", "rate", "/s"),
    Row("echo, 100 clients", "echo-100", "rate", "/s"),
    Row("validated echo, 100 clients", "validated", "rate", "/s"),
    Row("broadcast to 1000, deliveries", "broadcast-1000", "rate", "/s"),
    Row("connections", "idle", "connect.rate", "/s"),
    Row("binary echo, 100 clients", "binary", "rate", "/s"),
    Row("polling echo, 100 clients", "polling", "rate", "/s"),
    Row("echo, 1 client: half within", "echo-1", "p50_ms", "ms"),
    Row("echo, 100 clients: 99 % within", "echo-100", "p99_ms", "ms"),
    Row("broadcast to 1000: 99 % within", "broadcast-1000", "p99_ms", "ms"),
)
"""How fast it was done, by a server that shares the machine with its clients."""

GROWTH: Final = (
    *(Row(f"broadcast to {count}, per delivery", f"broadcast-{count}", CPU, "µs") for count in RECEIVERS),
    *(Row(f"delivery to a room, one of {count:,}", f"rooms-{count}", CPU, "µs") for count in ROOMS),
    *(Row(f"disconnecting {count} at once, each", f"leave-{count}", CPU, "µs") for count in LEAVING),
    *(Row(f"disconnecting {count} at once, all within", f"leave-{count}", "seconds", "ms", 1e3) for count in LEAVING),
)
"""How cost grows with numbers."""

STALLED: Final = (
    Row("memory growth, 10 clients", "stalled-0", "growth_kib", "MiB", 1 / 1024),
    Row("the same, 110 clients", "reading-110", "growth_kib", "MiB", 1 / 1024),
    Row("the same, 110 clients of which 100 stall", "stalled-100", "growth_kib", "MiB", 1 / 1024),
    Row("99 % of deliveries within, 10 clients", "stalled-0", "p99_ms", "ms"),
    Row("the same, 110 clients", "reading-110", "p99_ms", "ms"),
    Row("the same, to the 10 of 110 that do not stall", "stalled-100", "p99_ms", "ms"),
    Row("clients disconnected for not reading", "stalled-100", "dropped", ""),
)
"""100 MB are broadcast to 10 clients that read, and to 100 that do not."""
