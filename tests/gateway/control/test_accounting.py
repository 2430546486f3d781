"""The shadow's books over processes that come and go."""

from __future__ import annotations

from gateway.control import CounterRow, MetricsBoard, Report, bury, gauge_key, shadow_books


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


def test_a_feature_nobody_asked_for() -> None:
    assert shadow_books(MetricsBoard(Clock(), bury), "orders").balance == 0
