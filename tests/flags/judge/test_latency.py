"""Quantiles of a histogram, as seen and as bounded."""

from __future__ import annotations

from math import inf, log
from random import Random

import pytest

from flags.judge.latency import quantile, quantile_bounds, slower_than

BOUNDS = (0.1, 0.2, 0.3, 0.4)
BAR = log(20)


def test_the_quantile_is_interpolated_inside_its_bucket() -> None:
    assert quantile([0, 100, 0, 0, 0], BOUNDS, 0.95) == pytest.approx(0.195)
    assert quantile([90, 10, 0, 0, 0], BOUNDS, 0.95) == pytest.approx(0.15)
    assert quantile([1, 0, 0, 0, 99], BOUNDS, 0.95) == 0.4
    assert quantile([], BOUNDS, 0.95) is None
    assert quantile([0] * 5, BOUNDS, 0.95) is None


@pytest.mark.parametrize(
    ("seconds", "slower"), [(0.05, 30), (0.1, 30), (0.2, 25), (0.25, 16), (0.4, 7), (9, 0)]
)
def test_only_what_is_surely_slower_counts(seconds: float, slower: int) -> None:
    """A limit on a bound is judged exactly; the bucket that a limit divides is left out."""
    assert slower_than(seconds, [1, 5, 9, 9, 7], BOUNDS) == slower


def test_the_bounds_are_the_histograms_own() -> None:
    counts = [300, 600, 60, 30, 10]  # 10 % above 0.2, 4 % above 0.3
    assert quantile_bounds(counts, BOUNDS, 0.95, BAR) == (0.2, 0.4)
    assert quantile_bounds([1000, 0, 0, 0, 0], BOUNDS, 0.95, BAR) == (0.0, 0.1)
    assert quantile_bounds([0, 0, 0, 0, 1000], BOUNDS, 0.95, BAR) == (0.4, inf)


def test_little_is_known_from_little() -> None:
    assert quantile_bounds([], BOUNDS, 0.95, BAR) == (0.0, inf)
    assert quantile_bounds([1, 0, 0, 0, 0], BOUNDS, 0.95, BAR) == (0.0, inf)


def test_the_true_p95_leaves_its_bounds_in_at_most_alpha_of_runs() -> None:
    """200 runs of 2,000 values whose p95 is exactly 0.2, looked at after every twentieth."""
    outside = 0
    for run in range(200):
        random, counts, missed = Random(run), [0] * 5, False
        for number in range(1, 2001):
            counts[0 if random.random() < 0.6 else 1 if random.random() < 0.875 else 2] += 1
            if number % 20 == 0:
                low, high = quantile_bounds(counts, BOUNDS, 0.95, log(40))
                missed = missed or not low <= 0.2 <= high or low == 0.2
        outside += missed
    assert outside <= 200 * 0.05 + 3 * (200 * 0.05 * 0.95) ** 0.5
