"""The one formula, against direct computation and exact enumeration."""

from __future__ import annotations

from itertools import product
from math import comb, exp, inf, isnan, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flags.judge.odds import MULTIPLES, Row, log_evidence, log_sum, log_two_sided, tilted

bases = st.floats(0.0001, 0.9999)
rows = st.lists(st.builds(Row, bases, st.integers(0, 500), st.integers(0, 500)), max_size=4)


def directly(events: list[tuple[float, bool]], *, more: bool) -> float:
    """The capital of a bettor who spreads it over the multiples and plays event by event."""
    total = 0.0
    for multiple, stake in MULTIPLES:
        m = multiple if more else 1 / multiple
        capital = stake
        for base, hit in events:
            likely = base * m / (1 - base + base * m)
            capital *= likely / base if hit else (1 - likely) / (1 - base)
        total += capital
    return total


def test_the_whole_stake_is_bet() -> None:
    assert sum(stake for _, stake in MULTIPLES) == pytest.approx(1.0)
    assert log_evidence([]) == pytest.approx(0.0)


@pytest.mark.parametrize("more", [True, False])
def test_counts_give_what_event_by_event_gives(more: bool) -> None:
    events = [(0.1, True), (0.1, False), (0.5, True), (0.1, True), (0.5, False), (0.01, False)]
    counted = [Row(0.1, 2, 1), Row(0.5, 1, 1), Row(0.01, 0, 1)]
    assert exp(log_evidence(counted, more=more)) == pytest.approx(directly(events, more=more))


@pytest.mark.parametrize("more", [True, False])
@pytest.mark.parametrize("base", [0.01, 0.3, 0.9])
def test_under_the_null_the_mean_is_one(base: float, more: bool) -> None:
    """Over all outcomes of twelve events, each with its probability."""
    mean = sum(
        comb(12, hits)
        * base**hits
        * (1 - base) ** (12 - hits)
        * exp(log_evidence([Row(base, hits, 12 - hits)], more=more))
        for hits in range(13)
    )
    assert mean == pytest.approx(1.0)


@pytest.mark.parametrize(("base", "true", "more"), [(0.3, 0.2, True), (0.3, 0.4, False)])
def test_on_the_far_side_of_the_null_the_mean_is_below_one(base: float, true: float, more: bool) -> None:
    mean = sum(
        comb(12, hits)
        * true**hits
        * (1 - true) ** (12 - hits)
        * exp(log_evidence([Row(base, hits, 12 - hits)], more=more))
        for hits in range(13)
    )
    assert mean < 1.0


def test_looking_after_every_event_of_a_ramp_alarms_at_most_alpha_exactly() -> None:
    """All 2¹⁴ courses of fourteen events at two shares, each with its probability: no simulation."""
    shares, alpha, alarmed = [0.2] * 7 + [0.5] * 7, 0.1, 0.0
    for course in product((True, False), repeat=len(shares)):
        chance, first, second = 1.0, [0, 0], [0, 0]
        over = False
        for number, (share, new) in enumerate(zip(shares, course, strict=True)):
            chance *= share if new else 1 - share
            (first if number < 7 else second)[not new] += 1
            over = over or log_evidence([Row(0.2, *first), Row(0.5, *second)]) >= -log(alpha)
        alarmed += chance * over
    assert 0.0 < alarmed <= alpha


@given(rows, st.booleans())
def test_evidence_is_a_number_and_never_negative(found: list[Row], more: bool) -> None:
    value = log_evidence(found, more=more)
    assert not isnan(value)
    assert log_sum([value]) == value


@given(rows, st.randoms())
def test_order_and_grouping_do_not_matter(found: list[Row], random: object) -> None:
    """The same counts in other portions, as other workers would have counted them."""
    parts = [Row(base, hits // 2, misses) for base, hits, misses in found]
    parts += [Row(base, hits - hits // 2, 0) for base, hits, misses in reversed(found)]
    assert log_evidence(parts) == pytest.approx(log_evidence(found), abs=1e-6)


@given(bases, st.integers(0, 300), st.integers(0, 300), st.floats(1.0, 3.0))
def test_a_higher_null_leaves_less_evidence_against_it(b: float, hits: int, misses: int, by: float) -> None:
    higher = tilted(b, by)
    assert log_evidence([Row(higher, hits, misses)]) <= log_evidence([Row(b, hits, misses)]) + 1e-6


@pytest.mark.parametrize(
    ("row", "more", "expected"),
    [
        (Row(0.0, 1, 0), True, inf),
        (Row(0.0, 0, 9), True, 0.0),
        (Row(1.0, 9, 1), False, inf),
        (Row(1.0, 9, 9), True, 0.0),
    ],
)
def test_a_null_of_never_or_always(row: Row, more: bool, expected: float) -> None:
    assert log_evidence([row], more=more) == pytest.approx(expected)


def test_two_sided_is_half_of_each() -> None:
    row = [Row(0.5, 30, 2)]
    both = (exp(log_evidence(row)) + exp(log_evidence(row, more=False))) / 2
    assert exp(log_two_sided(row)) == pytest.approx(both)


def test_tilting_multiplies_the_odds() -> None:
    assert tilted(0.2, 4.0) == pytest.approx(0.5)
    assert tilted(0.2, 1.0) == pytest.approx(0.2)


def test_the_sum_of_logarithms() -> None:
    assert log_sum([log(2), log(3)]) == pytest.approx(log(5))
    assert log_sum([]) == -inf
    assert log_sum([inf, 0.0]) == inf
    assert log_sum([2000.0, 2000.0]) == pytest.approx(2000 + log(2))
