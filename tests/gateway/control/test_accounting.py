"""The shadow's books over processes that come and go."""

from __future__ import annotations

from collections import Counter

import msgspec

from gateway.control import CounterRow, MetricsBoard, Report, bury, gauge_key, shadow_books
from gateway.control.accounting import inherited
from gateway.streams.origin import OriginBooks, Passage


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def worker(incarnation: str, eligible: int, matches: int, waiting: int) -> Report:
    return Report(
        "worker-0",
        incarnation,
        {
            "banyan_capture_total": [CounterRow(("orders", "eligible"), eligible)],
            "banyan_shadow_total": [CounterRow(("orders", "match"), matches)],
        },
        [],
        {gauge_key("banyan_shadow_in_flight", "orders"): float(waiting)},
    )


def test_they_balance_while_a_worker_lives_and_after_it() -> None:
    clock = Clock()
    board = MetricsBoard(clock, bury)
    board.add(worker("1", 10, 6, 4))
    board.add(worker("2", 5, 5, 0))
    alive = shadow_books(board, "orders")
    assert (alive.eligible, alive.in_flight, alive.verdicts, alive.balance) == (15, 4, {"match": 11}, 0)
    clock.now = 10.0
    board.add(worker("2", 7, 6, 1))
    later = shadow_books(board, "orders")
    assert (later.in_flight, later.verdicts, later.balance) == (1, {"match": 12, "dropped": 4}, 0)
    assert shadow_books(board, "orders") == later, "buried once"


def test_who_was_only_silent_takes_it_back() -> None:
    clock = Clock()
    board = MetricsBoard(clock, bury)
    board.add(worker("1", 10, 6, 4))
    clock.now = 10.0
    assert shadow_books(board, "orders").verdicts["dropped"] == 4
    board.add(worker("1", 10, 10, 0))
    assert shadow_books(board, "orders").verdicts == {"match": 10}


def test_what_is_under_way_elsewhere_is_not_lost_among_a_thousand_deaths() -> None:
    clock = Clock()
    board = MetricsBoard(clock, bury)
    passage = Passage("o", [("orders", "match", 6)])
    board.add(msgspec.structs.replace(worker("first", 10, 6, 4), passage=passage))
    for number in range(1000):
        clock.now += 5.0
        board.add(worker(str(number), 1, 1, 0))
    books = shadow_books(board, "orders")
    assert (books.eligible, books.in_flight, books.balance) == (1010, 4, 0)
    (before,) = [report for report in board.ended(60.0) if report.passage is not None]
    in_redis = OriginBooks(Counter(orders=10), Counter({("orders", "match"): 9, ("orders", "mismatch"): 1}))
    board.carry_on(before, inherited(before, in_redis))
    books = shadow_books(board, "orders")
    assert (books.in_flight, books.verdicts, books.balance) == (0, {"match": 1009, "mismatch": 1}, 0)
    for number in range(1000, 1300):
        clock.now += 5.0
        board.add(worker(str(number), 1, 1, 0))
    assert not [report for report in board.reports() if report.passage is not None], "folded in the end"
    assert shadow_books(board, "orders").balance == 0


def test_a_feature_nobody_asked_for() -> None:
    assert shadow_books(MetricsBoard(Clock(), bury), "orders").balance == 0
