"""What the benchmarks compute: medians, ratios, targets, tables and the page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from benchmarks import measurements
from benchmarks.figures import TARGETS, Medians, Result, Target, figure_of, ratio
from benchmarks.measurements import ALL, MEASUREMENTS, ROWS, Row
from benchmarks.page import BEGIN, END, Run, between_markers, read, save, summary, write
from benchmarks.plot import plot
from benchmarks.processes import SERVERS
from benchmarks.tables import SERVERS as TITLES
from benchmarks.tables import figures_table, number, report, table, targets_table

if TYPE_CHECKING:
    from pathlib import Path

ABOUT = {
    "date": "2030-01-02",
    "machine": "2 cores, 4 GiB of memory, Linux",
    "rounds": 3,
    "seconds": 1.5,
    "versions": {"Python": "3.11.1", "socket.io": "4.8.4"},
}


def result(measurement: str, server: str, round_: int = 1, **figures: Any) -> Result:
    return Result(measurement, server, round_, figures)


def full_run() -> list[Result]:
    """A result for each measurement of each server: Whinny takes 1 µs for all, its peers take more, in their order."""
    return [
        result(
            measurement.key,
            server,
            cpu_us=1.0 + place + (1.0 + place if measurement.cluster else 0),
            to_cpu_us=1.0,
            delivery_us=1.0 + place,
            lost=0,
            rate=1000.0,
            seconds=0.5,
            p50_ms=1.0,
            p99_ms=2.0,
            rss_kib=10.0,
            utilization=0.01,
            growth_kib=1024.0,
            dropped=100,
            connect={"cpu_us": 1.0 + place, "rate": 10.0},
        )
        for measurement in MEASUREMENTS
        for place, server in enumerate(ALL)
        if server in measurement.servers
    ]


def test_medians_are_taken_over_the_rounds() -> None:
    results = [result("echo-1", "node", round_, cpu_us=value) for round_, value in enumerate([9.0, 1.0, 3.0])]
    medians = Medians([*results, result("echo-1", "bun", cpu_us=100.0)])
    assert medians.of("echo-1", "node", "cpu_us") == 3.0
    assert medians.of("echo-1", "node", "rate") is None
    assert medians.of("echo-1", "whinny", "cpu_us") is None


def test_a_failed_measurement_does_not_count() -> None:
    failed = Result("echo-1", "node", 2, {}, "no connection")
    assert Medians([result("echo-1", "node", cpu_us=2.0), failed]).of("echo-1", "node", "cpu_us") == 2.0


def test_figures_are_found_inside_of_others() -> None:
    assert figure_of({"connect": {"cpu_us": 3}}, "connect.cpu_us") == 3.0
    assert figure_of({"connect": {}}, "connect.cpu_us") is None
    assert figure_of({"connect": 5}, "connect.cpu_us") is None


def test_a_row_has_a_unit_of_its_own() -> None:
    row = Row("held", "idle", "utilization", "%", 100)
    assert Medians([result("idle", "node", utilization=0.25)]).of_row(row, "node") == 25.0


def test_a_row_can_be_made_of_two_measurements() -> None:
    medians = Medians([result("one", "node", cpu_us=6.0), result("other", "node", cpu_us=4.0)])
    assert medians.of_row(Row("ratio", "one", "cpu_us", "", over=("other", "cpu_us")), "node") == 1.5
    assert medians.of_row(Row("rest", "one", "cpu_us", "", less=("other", "cpu_us")), "node") == 2.0
    assert medians.of_row(Row("rest", "one", "cpu_us", "", less=("third", "cpu_us")), "node") is None


def test_one_round_with_losses_is_enough_to_be_seen() -> None:
    medians = Medians(result("to-others", "whinny", round_, lost=lost) for round_, lost in enumerate([0, 7, 0]))
    assert target("deliveries from another server that are lost").measure(medians) == 7


def test_publishing_is_judged_by_what_it_adds() -> None:
    """What a request costs without any other server is taken away from both."""
    costs = {("classic", "whinny"): 30.0, ("alone", "whinny"): 20.0, ("classic", "node"): 15.0, ("alone", "node"): 10.0}
    medians = Medians(result(f"burst-{kind}", server, cpu_us=cost) for (kind, server), cost in costs.items())
    assert target("the same, 64 at a time").measure(medians) == 2.0


def test_ratio() -> None:
    assert ratio(1.0, 4.0) == 0.25
    assert ratio(None, 4.0) is None
    assert ratio(1.0, None) is None
    assert ratio(1.0, 0.0) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0.00"),
        (1.234, "1.23"),
        (9.994, "9.99"),
        (9.996, "10.0"),
        (45.67, "45.7"),
        (99.96, "100"),
        (12345.6, "12,346"),
        (-3.21, "-3.21"),
    ],
)
def test_numbers_have_three_digits(value: float | None, text: str) -> None:
    assert number(value) == text


def test_a_table_lines_up() -> None:
    assert table(["", "Node"], [["echo", "1"], ["a longer title", "20,000"]]).splitlines() == [
        "|                |   Node |",
        "| -------------- | -----: |",
        "| echo           |      1 |",
        "| a longer title | 20,000 |",
    ]


def test_the_table_compares_whinny_with_each_peer() -> None:
    medians = Medians([result("echo-1", "whinny", cpu_us=2.0), result("echo-1", "node", cpu_us=8.0)])
    head, _, line = figures_table(ROWS, medians).splitlines()
    assert [cell.strip() for cell in head.split("|")] == ["", "", "Whinny", "Node", "Whinny / Node", ""]
    assert [cell.strip() for cell in line.split("|")] == ["", "echo, 1 client, µs", "2.00", "8.00", "0.25", ""]


def test_a_table_of_nothing_is_empty() -> None:
    assert figures_table(ROWS, Medians([])) == ""


def verdicts(medians: Medians) -> dict[str, str]:
    """What the table of targets says of each."""
    lines = [line.split("|") for line in targets_table(medians).splitlines()[2:]]
    return {cells[1].strip(): cells[4].strip() for cells in lines}


def test_targets_are_judged() -> None:
    """Each has a verdict; at its limit it is reached."""
    assert set(verdicts(Medians([])).values()) == {"not measured"}
    costs = {"node": 10.0, "python-socketio": 49.0, "whinny": 8.0}
    judged = verdicts(Medians(result("validated", server, cpu_us=cost) for server, cost in costs.items()))
    assert judged["validated echo, to Node's bare handler"] == "yes"
    assert judged["validated echo, to python-socketio's"] == "**no**"
    assert judged["connection, to Node"] == "not measured"


def target(words: str) -> Target:
    return next(target for target in TARGETS if target.title.startswith(words))


def test_growth_is_judged_by_the_dearer() -> None:
    costs = {100: 4.0, 1000: 6.0, 5000: 5.0}
    medians = Medians(result(f"broadcast-{count}", "whinny", cpu_us=cost) for count, cost in costs.items())
    assert target("delivery to 1000 and to 5000").measure(medians) == 1.5


def test_stalled_clients_are_judged_by_what_the_others_notice() -> None:
    medians = Medians(
        [
            result("stalled-0", "whinny", p99_ms=2.0, growth_kib=10),
            result("stalled-100", "whinny", p99_ms=3.0, growth_kib=2048),
        ]
    )
    assert target("100 clients stalled: memory").measure(medians) == 2.0
    assert target("100 clients stalled: the others' p99, to that without them").measure(medians) == 1.5


def test_every_target_and_every_row_is_measured_by_a_full_run() -> None:
    """No row names a measurement or a figure that there is not."""
    medians = Medians(full_run())
    for each in TARGETS:
        assert each.measure(medians) is not None, each.title
    for rows in (ROWS, measurements.RATES, measurements.GROWTH, measurements.CLUSTER, measurements.STALLED):
        for row in rows:
            assert medians.of_row(row, "whinny") is not None, row.title


def test_the_servers_are_named_alike_everywhere() -> None:
    assert {server.key for server in SERVERS} == set(ALL) == set(TITLES)
    assert all(TITLES[server.key] == server.title for server in SERVERS)
    assert len({measurement.key for measurement in MEASUREMENTS}) == len(MEASUREMENTS)


def test_failures_are_reported() -> None:
    text = report([Result("echo-1", "bun", 2, {}, "closed a connection\nmore")])
    assert "### Failures\n\n- Bun, echo-1, round 2: closed a connection" in text


def test_the_text_between_the_markers_is_replaced() -> None:
    page = f"# Title\n\n{BEGIN}\nold\n{END}\n\nafter\n"
    assert between_markers(page, "new") == f"# Title\n\n{BEGIN}\n\nnew\n\n{END}\n\nafter\n"
    assert between_markers(between_markers(page, "new"), "new") == between_markers(page, "new")


@pytest.mark.parametrize("page", ["", BEGIN, END + BEGIN, BEGIN + BEGIN + END])
def test_a_page_without_its_markers_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        between_markers(page, "new")


def test_a_run_is_kept_and_written_again(tmp_path: Path) -> None:
    """The page can be made of the figures that were kept, without measuring."""
    run = Run(ABOUT, full_run())
    save(run, tmp_path / "figures.json")
    assert read(tmp_path / "figures.json") == run
    (tmp_path / "benchmarks.md").write_text(f"{BEGIN}\n{END}\n")
    write(read(tmp_path / "figures.json"), tmp_path)
    page = (tmp_path / "benchmarks.md").read_text()
    assert summary(ABOUT) in page
    assert report(run.results) in page
    assert (tmp_path / "benchmarks.svg").read_text() == plot(Medians(run.results))


def test_the_summary_says_when_on_what_and_with_what() -> None:
    words = summary(ABOUT)
    assert words.startswith("Measured on 2030-01-02 on a machine with 2 cores, 4 GiB of memory, Linux; medians of 3")
    assert "With Python 3.11.1, socket.io 4.8.4." in words
    assert "; one round of" in summary({**ABOUT, "rounds": 1})


def test_the_plot_is_well_formed_and_shows_every_server() -> None:
    text = plot(Medians(full_run()))
    root = ElementTree.fromstring(text)
    words = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert set(TITLES.values()) <= words
    assert len(re.findall("<polyline", text)) == len(ALL)
    assert "prefers-color-scheme: dark" in text


def test_a_plot_of_nothing_is_well_formed() -> None:
    ElementTree.fromstring(plot(Medians([])))
