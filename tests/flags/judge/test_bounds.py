"""Bounds at every moment at once."""

from __future__ import annotations

from math import inf, log
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flags.judge.bounds import needed, rate_lower, rate_upper, ratio_bounds, ratio_seen
from flags.judge.odds import Row, log_evidence, tilted

counts = st.tuples(st.integers(0, 200), st.integers(1, 2000)).map(lambda pair: (min(pair), max(pair)))


@given(counts)
def test_the_rate_seen_lies_between_its_bounds(found: tuple[int, int]) -> None:
    hits, units = found
    assert rate_lower(hits, units, 0.05) <= hits / units + 1e-9
    assert rate_upper(hits, units, 0.05) >= hits / units - 1e-9


def test_the_bound_is_where_the_evidence_reaches_its_bar() -> None:
    low, high = rate_lower(20, 1000, 0.05), rate_upper(20, 1000, 0.05)
    assert log_evidence([Row(low, 20, 980)]) == pytest.approx(log(20), abs=1e-6)
    assert log_evidence([Row(high, 20, 980)], more=False) == pytest.approx(log(20), abs=1e-6)
    assert 0.008 < low < 0.02 < high < 0.04


def test_without_samples_nothing_is_known() -> None:
    assert rate_lower(0, 0, 0.05) == 0.0
    assert rate_upper(0, 0, 0.05) == 1.0
    assert ratio_bounds([], 0.05) == (0.0, inf)
    assert ratio_seen([]) is None


@pytest.mark.parametrize(("hits", "units"), [(0, 0), (0, 312), (3, 5000), (40, 41)])
def test_what_is_needed_is_just_enough(hits: int, units: int) -> None:
    total = needed(hits, units, 0.01, 0.05)
    assert total >= units
    assert rate_upper(hits, total, 0.05) <= 0.01 + 1e-9
    if total > max(units, 1):
        assert rate_upper(hits, total - 1, 0.05) > 0.01


def test_a_limit_of_zero_is_beyond_any_traffic() -> None:
    assert needed(0, 1000, 0.0, 0.05) > 1 << 40


def test_the_odds_ratio_over_several_shares() -> None:
    """Expected counts of a true ratio of 4 give back 4, and bounds around it."""
    rows = [
        Row(base, round(500 * tilted(base, 4.0)), 500 - round(500 * tilted(base, 4.0))) for base in (0.1, 0.5)
    ]
    seen = ratio_seen(rows)
    low, high = ratio_bounds(rows, 0.05)
    assert seen == pytest.approx(4.0, rel=0.03)
    assert 2.5 < low < 4.0 < high < 6.5


def test_the_bounds_hold_at_every_moment() -> None:
    """300 runs, looked at after every tenth of 1,000 units: the truth leaves the bound in at most alpha of
    them, within chance.
    """
    outside = 0
    for run in range(300):
        random, hits = Random(run), 0
        low, high = 0.0, 1.0
        for units in range(1, 1001):
            hits += random.random() < 0.05
            if units % 10 == 0:
                low, high = max(low, _low(hits, units)), min(high, _high(hits, units))
        outside += not low <= 0.05 <= high
    assert outside <= 300 * 0.1 + 3 * (300 * 0.1 * 0.9) ** 0.5


def _low(hits: int, units: int) -> float:
    """0.06 when the truth of 0.05 is refuted from below: one evaluation instead of a bisection."""
    return 0.06 if log_evidence([Row(0.05, hits, units - hits)]) >= log(20) else 0.0


def _high(hits: int, units: int) -> float:
    return 0.04 if log_evidence([Row(0.05, hits, units - hits)], more=False) >= log(20) else 1.0
