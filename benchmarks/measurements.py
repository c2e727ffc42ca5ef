"""What is measured, and which figures of it are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ALL: Final = ("whinny", "node", "bun", "python-socketio", "asgi")
PAIR: Final = ("whinny", "node")
PLAIN: Final = ("whinny", "node", "bun", "python-socketio")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One load on a server that was just started: the load generator's arguments, and who is measured.

    `seconds` is given where the time must not be chosen by the run. `rounds` bounds how often a long one is repeated.
    `cluster` says how two servers reach each other by Redis, where there are two: "classic" or "sharded".
    """

    key: str
    arguments: tuple[str, ...]
    servers: tuple[str, ...] = ALL
    seconds: float | None = None
    rounds: int | None = None
    cluster: str = ""

    def command(self, seconds: float, warmup: float) -> list[str]:
        """The arguments, with how long to measure and to work before that."""
        return [*self.arguments, "--seconds", str(self.seconds or seconds), "--warmup", str(warmup)]


@dataclass(frozen=True, slots=True)
class Row:
    """A figure of a measurement, as a row of a table. `factor` makes the unit of the figure to the row's.

    It is the median of all rounds, or with `most` the largest. With `over`, a measurement and a figure, the row shows
    how often that goes into it; with `less` what is left when that is taken away.
    """

    title: str
    measurement: str
    figure: str
    unit: str
    factor: float = 1.0
    over: tuple[str, str] | None = None
    less: tuple[str, str] | None = None
    most: bool = False


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


def _cluster(
    key: str, clients: int, pace: int, in_flight: int, *more: str, cluster: str = "", servers: tuple[str, ...] = PLAIN
) -> Measurement:
    common = ("--clients", str(clients + 1), "--pace", str(pace), "--in-flight", str(in_flight))
    return Measurement(key, ("--mode", "cluster", *common, *more), servers, cluster=cluster)


def _vacant(kind: str, servers: tuple[str, ...] = PLAIN) -> tuple[Measurement, Measurement]:
    """Broadcasts to a room without a member: one every 2 ms, and 64 requests for them at a time."""
    cluster = "" if kind == "alone" else kind
    return (
        _cluster(f"vacant-{kind}", 10, 2, 16, "--vacant", cluster=cluster, servers=servers),
        _cluster(f"burst-{kind}", 10, 0, 64, "--vacant", cluster=cluster, servers=servers),
    )


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
    _cluster("to-others", 1000, 10, 4, cluster="classic"),
    _cluster("to-own", 1000, 10, 4),
    *_vacant("classic"),
    *_vacant("sharded", PLAIN[:-1]),
    *_vacant("alone"),
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

TO: Final = "to_cpu_us"
CLUSTER: Final = (
    Row("delivery to 1000 of another server", "to-others", "delivery_us", "µs"),
    Row("the same within one server", "to-own", "delivery_us", "µs"),
    Row("the one to the other", "to-others", "delivery_us", "", over=("to-own", "delivery_us")),
    Row("another server's: half within", "to-others", "p50_ms", "ms"),
    Row("another server's: 99 % within", "to-others", "p99_ms", "ms"),
    Row("within one server: half within", "to-own", "p50_ms", "ms"),
    Row("within one server: 99 % within", "to-own", "p99_ms", "ms"),
    Row("broadcasts of those asked for, /s", "to-others", "rate", ""),
    Row("deliveries lost, at most", "to-others", "lost", "", most=True),
    Row("its sender, per broadcast", "to-others", CPU, "µs"),
    Row("sender, one every 2 ms", "vacant-classic", CPU, "µs"),
    Row("of which for the others", "vacant-classic", CPU, "µs", less=("vacant-alone", CPU)),
    Row("sender, 64 at a time", "burst-classic", CPU, "µs"),
    Row("of which for the others", "burst-classic", CPU, "µs", less=("burst-alone", CPU)),
    Row("sender, sharded, one every 2 ms", "vacant-sharded", CPU, "µs"),
    Row("of which for the others", "vacant-sharded", CPU, "µs", less=("vacant-alone", CPU)),
    Row("sender, sharded, 64 at a time", "burst-sharded", CPU, "µs"),
    Row("of which for the others", "burst-sharded", CPU, "µs", less=("burst-alone", CPU)),
    Row("room without a member, one every 2 ms", "vacant-classic", TO, "µs"),
    Row("room without a member, 64 at a time", "burst-classic", TO, "µs"),
    Row("the same, sharded, one every 2 ms", "vacant-sharded", TO, "µs"),
    Row("the same, sharded, 64 at a time", "burst-sharded", TO, "µs"),
)
"""What a broadcast costs two servers: the one that sends it, and the one whose clients are meant or are not."""
