"""The shared latency scale (`gateway/core/latency.py`), held against sorted lists of real values."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.latency import LATENCY_BOUNDS, bucket, empty_counts, quantile

_SECONDS = st.floats(min_value=0.0002, max_value=90.0)


def _histogram(values: list[float]) -> list[int]:
    counts = empty_counts()
    for value in values:
        counts[bucket(value)] += 1
    return counts


def test_the_scale_rises_from_a_tenth_of_a_millisecond_to_a_hundred_seconds() -> None:
    assert list(LATENCY_BOUNDS) == sorted(set(LATENCY_BOUNDS))
    assert (LATENCY_BOUNDS[0], LATENCY_BOUNDS[-1]) == (0.0001, 100.0)
    assert {0.2, 0.5, 1.0} <= set(LATENCY_BOUNDS)


@given(_SECONDS)
def test_a_value_is_counted_between_its_bounds(seconds: float) -> None:
    index = bucket(seconds)
    assert LATENCY_BOUNDS[index - 1] < seconds <= LATENCY_BOUNDS[index]


def test_the_ends_of_the_scale() -> None:
    assert bucket(0.0) == 0
    assert bucket(LATENCY_BOUNDS[3]) == 3
    assert bucket(1e9) == len(LATENCY_BOUNDS)
    assert quantile(_histogram([1e9]), 0.5) == LATENCY_BOUNDS[-1]


def test_nothing_measured_is_not_zero() -> None:
    assert quantile(empty_counts(), 0.95) is None


@given(st.lists(_SECONDS, min_size=1, max_size=60), st.sampled_from((0.5, 0.95, 0.99)))
def test_a_quantile_falls_into_the_bucket_of_the_true_one(values: list[float], q: float) -> None:
    true = sorted(values)[max(0, math.ceil(q * len(values)) - 1)]
    found = quantile(_histogram(values), q)
    assert found is not None
    index = bucket(true)
    assert LATENCY_BOUNDS[index - 1] <= found <= LATENCY_BOUNDS[index]


@given(st.lists(_SECONDS), st.lists(_SECONDS))
def test_histograms_of_two_workers_add_up_to_that_of_one(first: list[float], second: list[float]) -> None:
    added = [a + b for a, b in zip(_histogram(first), _histogram(second), strict=True)]
    assert added == _histogram(first + second)
