"""Which rate counts: the highest at which everything that was offered was answered and compared."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.books import Books, levels, read
from bench.climb import FIRST, Rung, climb
from bench.load import Sample


class Machine:
    """Answers up to one rate, compares all up to another."""

    def __init__(self, answers: float, compares: float, cost: float) -> None:
        self.answers, self.compares, self.cost = answers, compares, cost
        self.tried: list[float] = []

    def __call__(self, offered: float) -> Rung:
        self.tried.append(offered)
        rate = min(offered, self.answers)
        requests, match = round(10 * rate), round(10 * min(rate, self.compares))
        books = Books(requests, requests - match, Counter(match=match))
        return Rung(offered, Sample(rate, 1.0, 2.0, requests, 0, self.cost), books)


@pytest.mark.parametrize(("answers", "compares"), [(30_000, 12_000), (12_000, 30_000), (12_500, 12_500)])
def test_it_ends_below_the_limit_and_near_it(answers: float, compares: float) -> None:
    machine = Machine(answers, compares, cost=80.0)
    found = climb(machine, 6)
    limit = min(answers, compares)
    assert found.holds
    assert 0.85 * limit < found.offered <= limit / 0.97


def test_a_cost_that_promised_half_of_it_is_left_far_behind() -> None:
    """At the first rung a request costs twice what it costs at the last."""
    found = climb(Machine(7_000, 7_000, cost=330.0), 8)
    assert found.holds
    assert 6_500 < found.offered <= 7_000 / 0.97


def test_a_cost_that_promised_too_much_is_gone_down_from() -> None:
    """A busy machine gives less than a core."""
    found = climb(Machine(5_000, 5_000, cost=60.0), 6)
    assert found.holds
    assert 4_000 < found.offered <= 5_000 / 0.97


def test_where_not_even_the_first_rung_holds_that_is_what_is_told() -> None:
    machine = Machine(500, 500, cost=60.0)
    found = climb(machine, 6)
    assert not found.holds
    assert machine.tried == [FIRST]


def test_the_next_round_begins_where_the_last_one_ended() -> None:
    machine = Machine(12_000, 12_000, cost=60.0)
    climb(machine, 3, start=11_000)
    assert machine.tried[:2] == [FIRST, 11_000]


def test_what_was_under_way_at_the_end_was_never_answered() -> None:
    """It is dropped, and counts neither way."""
    sample = Sample(100.0, 1.0, 2.0, 1000, 0)
    assert Rung(100.0, sample, Books(1064, 0, Counter(match=1000, dropped=64))).share == 1.0
    assert Rung(100.0, sample, Books(1000, 100, Counter(match=900))).share == 0.9


def test_the_books_are_read_over_all_features() -> None:
    metrics = """\
# TYPE banyan_capture_total counter
banyan_capture_total{feature="a",outcome="eligible"} 10
banyan_capture_total{feature="b",outcome="eligible"} 5.0
banyan_capture_total{feature="b",outcome="not_sampled"} 2
banyan_capture_total{feature="b",outcome="sent"} 3
banyan_shadow_total{feature="a",verdict="match"} 9
banyan_shadow_total{feature="b",verdict="match"} 3
banyan_shadow_in_flight{feature="a"} 1
"""
    books = read(metrics)
    assert books == Books(15, 2, Counter(match=12))
    assert books.open == 1
    assert books.since(Books(10, 2, Counter(match=10))) == Books(5, 0, Counter(match=2))


def test_the_sample_of_each_process_is_read() -> None:
    metrics = """\
# TYPE banyan_shadow_sample_percent gauge
banyan_shadow_sample_percent{source="shadow-0"} 50.01
banyan_shadow_sample_percent{source="shadow-1"} 100.0
banyan_shadow_queue 3
"""
    assert levels(metrics) == [50.01, 100.0]
    assert levels("banyan_shadow_sample_percent 75") == [75.0]
