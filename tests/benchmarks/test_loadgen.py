"""The load generator, in each of its modes, against the benchmark's own server: it does what it says, however fast."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.loadgen import LoadFailed, build, load
from benchmarks.measurements import MEASUREMENTS
from benchmarks.processes import SERVERS, Running, ServerFailed, redis_server, running, running_two

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHORT = ("--seconds", "0.2", "--warmup", "0.1")
A_FEW = ("--requests", "50")
"""For as long as it takes: the machine may have no time for the server within a short measurement."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("cc") is None:
        pytest.fail("These tests need a C compiler: run `make test`, or install it (Debian: build-essential).")
    return build(tmp_path_factory.mktemp("loadgen"))


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(SERVERS[0]) as process:
        yield process


@pytest.mark.parametrize("event", ["echo", "echo async", "echo plain"])
@pytest.mark.parametrize("transport", [(), ("--polling",)])
def test_echo(program: Path, server: Running, event: str, transport: tuple[str, ...]) -> None:
    """Clients are answered by every echo, over both transports."""
    figures = load(program, server, ["--mode", "echo", "--clients", "5", "--event", event, *transport, *A_FEW])
    assert figures["transport"] == ("polling" if transport else "websocket")
    assert figures["clients"] == 5
    assert figures["operations"] >= 50
    assert figures["rate"] > 0
    assert 0 < figures["p50_ms"] <= figures["p99_ms"]
    assert figures["connect"]["rate"] > 0


@pytest.mark.parametrize("transport", [(), ("--polling",)])
def test_echo_for_some_time(program: Path, server: Running, transport: tuple[str, ...]) -> None:
    """As long as it is told to; the rate is what was answered in this time."""
    figures = load(program, server, ["--mode", "echo", "--clients", "5", *transport, *SHORT])
    assert figures["seconds"] >= 0.2
    assert figures["rate"] == pytest.approx(figures["operations"] / figures["seconds"], rel=0.01)


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536, 300_000])
def test_sizes(program: Path, server: Running, size: int) -> None:
    """Frames of each form of length go both ways."""
    figures = load(program, server, ["--mode", "echo", "--clients", "2", "--size", str(size), *A_FEW])
    assert figures["operations"] >= 50


@pytest.mark.parametrize("transport", [(), ("--polling",)])
@pytest.mark.parametrize("attachment", [1, 2, 3, 1024, 70_000])
def test_binary_echo(program: Path, server: Running, attachment: int, transport: tuple[str, ...]) -> None:
    """Attachments come back whole, as frames or as base64."""
    arguments = ["--event", "echo plain", "--attachment", str(attachment), *transport, *A_FEW]
    figures = load(program, server, ["--mode", "echo", "--clients", "3", "--in-flight", "2", *arguments])
    assert figures["operations"] >= 50


@pytest.mark.parametrize("extra", [(), ("--rooms", "50"), ("--polling",), ("--attachment", "100")])
def test_fanout(program: Path, server: Running, extra: tuple[str, ...]) -> None:
    """Broadcasts arrive, to all and to a room, over both transports, with and without attachments."""
    figures = load(program, server, ["--mode", "fanout", "--clients", "20", "--in-flight", "2", *extra, *SHORT])
    assert figures["operations"] > 20
    assert figures["dropped"] == 0


def test_a_number_of_broadcasts(program: Path, server: Running) -> None:
    """Each client has every broadcast exactly once."""
    figures = load(program, server, ["--mode", "fanout", "--clients", "7", "--in-flight", "3", "--broadcasts", "50"])
    assert figures["operations"] == 7 * 50


def test_stalled_clients(program: Path, server: Running) -> None:
    """Those that read get every broadcast; those that do not are disconnected once too much waits for them."""
    load_of_16_mib = ["--broadcasts", "160", "--size", "100000"]
    figures = load(program, server, ["--mode", "fanout", "--clients", "5", "--stalled", "3", *load_of_16_mib])
    assert figures["operations"] == 2 * 160
    assert figures["dropped"] == 3


def test_idle(program: Path, server: Running) -> None:
    figures = load(program, server, ["--mode", "idle", "--clients", "30", "--exchanges", "1", *SHORT])
    assert figures["operations"] == 30
    assert {"rss_kib", "idle_cpu_s", "utilization"} <= set(figures)


def test_connect(program: Path, server: Running) -> None:
    figures = load(program, server, ["--mode", "connect", "--clients", "60", "--concurrency", "7"])
    assert figures["connect"]["rate"] > 0


def test_disconnect(program: Path, server: Running) -> None:
    """All are disconnected, not only the one that asks."""
    figures = load(program, server, ["--mode", "disconnect", "--clients", "40"])
    assert figures["operations"] == 40


def test_paced_broadcasts(program: Path, server: Running) -> None:
    """All but the one that publishes have every broadcast once; one follows the other at the pace."""
    figures = load(program, server, ["--mode", "cluster", "--clients", "6", "--pace", "5", "--in-flight", "4", *SHORT])
    assert 0 < figures["operations"] <= 50  # fewer where the machine is busy
    assert figures["deliveries"] == 5 * figures["operations"]
    assert figures["lost"] == 0
    assert figures["to_cpu_us"] == 0
    assert 0 < figures["p50_ms"] <= figures["p99_ms"]


@pytest.mark.parametrize("cluster", ["classic", "sharded"])
def test_a_cluster(program: Path, cluster: str) -> None:
    """Broadcasts of one server reach the clients of another; what goes to nobody is not lost."""
    common = ["--mode", "cluster", "--clients", "6", "--pace", "2", "--in-flight", "16", *SHORT]
    with running_two(SERVERS[0], cluster) as (one, other):
        to_other = ("--to-port", str(other.port), "--to-pid", str(other.pid))
        figures = load(program, one, [*common, *to_other])
        vacant = load(program, one, [*common, *to_other, "--vacant"])
    assert figures["deliveries"] == 5 * figures["operations"] > 0
    assert figures["lost"] == 0
    assert figures["delivery_us"] > 0
    assert vacant["operations"] > 0
    assert vacant["deliveries"] == vacant["lost"] == 0


def test_broadcasts_that_do_not_arrive_are_lost(program: Path) -> None:
    """Two servers that know nothing of each other: whatever one publishes is lost to the clients of the other."""
    with running(SERVERS[0]) as one, running(SERVERS[0]) as other:
        to_other = ("--to-port", str(other.port), "--to-pid", str(other.pid), "--warmup", "0", "--seconds", "0.1")
        figures = load(program, one, ["--mode", "cluster", "--clients", "3", "--pace", "5", *to_other])
    assert figures["lost"] == 2 * figures["operations"] > 0


def test_a_missing_redis_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ServerFailed, match="`redis-server` is missing: run `make bench`"):
        redis_server()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--mode", "echo", "--event", "nobody's"], "unexpected message"),
        (["--mode", "echo", "--polling", "--path", "/elsewhere/"], "answered HTTP/1.1 404"),
        (["--mode", "nothing"], "no mode is named 'nothing'"),
        (["--mode", "echo", "--in-flight", "65"], "--in-flight may be 64 at most"),
        (["--mode", "disconnect", "--polling"], "use WebSocket"),
        (["--mode", "cluster", "--to-port", "1"], "--to-port and --to-pid together"),
    ],
)
def test_what_is_wrong_is_told(program: Path, server: Running, arguments: list[str], words: str) -> None:
    """A load that cannot be put on the server, or is answered in another way, gives no figures."""
    with pytest.raises(LoadFailed, match=words):
        load(program, server, [*arguments, *SHORT])


def test_the_arguments_of_all_measurements_are_known(program: Path) -> None:
    """Whatever is measured, the load generator knows its options: it gets as far as looking for the port."""
    closed: Any = Running(pid=1, port=1)
    for measurement in MEASUREMENTS:
        with pytest.raises(LoadFailed, match="no connection to port 1"):
            load(program, closed, measurement.command(0.1, 0.1))
