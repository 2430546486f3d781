"""The board adds up exactly, whoever dies, and is what Prometheus reads."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from gateway.control import CATALOGUE, CounterRow, HistogramRow, MetricsBoard, Report, gauge_key
from gateway.control.exposition import exposition
from gateway.core.latency import bucket, empty_counts

LABELS = ("orders", "new", "percentage", "2xx")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def report(source: str, incarnation: str, requests: int, *, open_breaker: bool = False) -> Report:
    counts = empty_counts()
    counts[bucket(0.004)] = requests
    return Report(
        source,
        incarnation,
        {"banyan_requests_total": [CounterRow(LABELS, requests)]},
        [HistogramRow("banyan_request_duration_seconds", LABELS[:2], counts, requests * 0.004)],
        {
            gauge_key("banyan_breaker_state", "orders"): 2.0 if open_breaker else 0.0,
            "banyan_shadow_queue": 3.0,
        },
    )


def total(board: MetricsBoard) -> int:
    return sum(board.counter("banyan_requests_total").values())


def test_the_newest_report_of_a_process_replaces_its_older_one() -> None:
    board = MetricsBoard(Clock())
    for requests in (1, 5, 9):
        board.add(report("worker-0", "10-1", requests))
    assert board.counter("banyan_requests_total") == {LABELS: 9}


def test_a_process_that_was_replaced_keeps_its_place_in_the_sum() -> None:
    board = MetricsBoard(Clock())
    for incarnation, requests in (("10-1", 5), ("11-1", 7), ("10-2", 1)):
        board.add(report("worker-0", incarnation, requests))
    assert total(board) == 13
    assert board.histogram("banyan_request_duration_seconds")[LABELS[:2]].counts[bucket(0.004)] == 13


def test_a_thousand_deaths_lose_nothing_and_cost_no_thousand_reports() -> None:
    clock = Clock()
    board = MetricsBoard(clock)
    for number in range(1000):
        clock.now += 1
        board.add(report("worker-0", f"{number}-1", 2))
        board.add(report("worker-1", "1-1", number))
    assert total(board) == 2000 + 999
    assert sum(board.histogram("banyan_request_duration_seconds")[LABELS[:2]].counts) == 2999
    assert len(board._reports) <= 257


def test_another_control_process_goes_on_from_the_saved_totals(tmp_path: Path) -> None:
    first, second = MetricsBoard(Clock()), MetricsBoard(Clock())
    first.add(report("worker-0", "10-1", 5))
    first.add(report("worker-1", "11-1", 6))
    first.save(tmp_path / "totals")
    second.load(tmp_path / "totals")
    assert total(second) == 11
    second.add(report("worker-1", "11-1", 8))
    assert total(second) == 13


def test_saved_totals_that_are_damaged_or_missing_are_no_totals(tmp_path: Path) -> None:
    board = MetricsBoard(Clock())
    (tmp_path / "totals").write_bytes(b"\xff\x00 not ours")
    board.load(tmp_path / "totals")
    board.load(tmp_path / "none")
    board.save(tmp_path / "no" / "folder")
    assert total(board) == 0


def test_gauges_are_only_of_those_heard_from_lately() -> None:
    clock = Clock()
    board = MetricsBoard(clock)
    board.add(report("worker-0", "10-1", 1, open_breaker=True))
    clock.now = 100
    board.add(report("worker-1", "11-1", 1))
    assert board.gauges()[gauge_key("banyan_breaker_state", "orders")] == [0.0]


def read(board: MetricsBoard, **gauges: list[tuple[tuple[str, ...], float]]) -> dict[tuple[str, ...], float]:
    text = exposition(board, gauges).decode()
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_prometheus_reads_names_and_labels_of_the_contract() -> None:
    board = MetricsBoard(Clock())
    board.add(report("worker-0", "10-1", 4))
    board.add(report("worker-1", "11-1", 6, open_breaker=True))
    found = read(board, banyan_dial_percent=[(("orders",), 12.5)])
    where = ("feature=orders", "side=new")
    assert found["banyan_requests_total", "cause=percentage", "code=2xx", *where] == 10
    assert found["banyan_request_duration_seconds_count", *where] == 10
    assert found["banyan_request_duration_seconds_bucket", "feature=orders", "le=0.0025", "side=new"] == 0
    assert found["banyan_request_duration_seconds_bucket", "feature=orders", "le=0.005", "side=new"] == 10
    assert found["banyan_breaker_state", "feature=orders"] == 2
    assert found["banyan_shadow_queue",] == 6
    assert found["banyan_dial_percent", "feature=orders"] == 12.5


def test_every_metric_of_the_catalogue_is_announced_before_anything_happened() -> None:
    text = exposition(MetricsBoard(Clock()), {}).decode()
    for name in CATALOGUE:
        assert f"# TYPE {name}" in text


def test_what_is_not_in_the_catalogue_is_shown_all_the_same() -> None:
    board = MetricsBoard(Clock())
    board.add(Report("worker-0", "1-1", {"banyan_new_total": [CounterRow(("a", 'b"\n'), 3)]}))
    assert read(board)["banyan_new_total", "label_1=a", 'label_2=b"\n'] == 3
