"""Quantiles of a latency histogram, as seen and as bounded at every moment. It must not know whose latency it
is. `bounds` are the histogram's upper bounds in seconds, rising; one last count lies beyond them.

That the quantile q is above a duration is the same as that more than 1 - q of the requests are slower than
it, so each duration is a question about a rate, and the durations that no answer refutes are a confidence
sequence of the quantile. Evidence never grows as the duration rises, so the sequence is an interval and
needs no correction for asking at every bound.

Source: S. Howard, A. Ramdas, "Sequential estimation of quantiles with applications to A/B testing and
best-arm identification", Bernoulli 28 (2022), 1704-1728.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from math import inf

from flags.judge.odds import Row, log_evidence

__all__ = ["quantile", "quantile_bounds", "slower_than"]


def quantile(counts: Sequence[int], bounds: Sequence[float], q: float) -> float | None:
    """The duration below which the share `q` of the values lies, interpolated inside its bucket; None without
    values. Beyond the last bound, that bound is the answer.
    """
    rank, seen = q * sum(counts), 0
    for index, count in enumerate(counts[: len(bounds)]):
        if count and seen + count >= rank:
            low = bounds[index - 1] if index else 0.0
            return low + (bounds[index] - low) * max(0.0, (rank - seen) / count)
        seen += count
    return bounds[-1] if any(counts) else None


def slower_than(seconds: float, counts: Sequence[int], bounds: Sequence[float]) -> int:
    """How many values are above `seconds` for certain: a bucket that it divides is not counted."""
    return sum(counts[bisect_left(bounds, seconds) + 1 :])


def quantile_bounds(
    counts: Sequence[int], bounds: Sequence[float], q: float, log_bar: float
) -> tuple[float, float]:
    """Between which durations the quantile `q` lies, each bound wrong with probability at most exp(-log_bar).

    0 and infinity where nothing can be said; else two of the histogram's own bounds.
    """
    total = sum(counts)
    above = [total - below for below in accumulate(counts[: len(bounds)])]

    if not total:
        return 0.0, inf

    def refuted(index: int, more: bool) -> bool:
        row = Row(1.0 - q, above[index], total - above[index])
        return log_evidence([row], more=more) >= log_bar

    slow = bisect_left(range(len(above)), True, key=lambda index: not refuted(index, True))
    fast = bisect_left(range(len(above)), True, key=lambda index: refuted(index, False))
    return (bounds[slow - 1] if slow else 0.0), (bounds[fast] if fast < len(above) else inf)
