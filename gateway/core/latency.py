"""The one latency scale that every histogram shares; pure numbers, knows nothing of clocks or metrics.

A histogram is a plain list of counts: `counts[i]` holds the values up to `LATENCY_BOUNDS[i]` and above
the bound before it, and one last count holds what lies beyond. Lists of one scale can be added element by
element, which is what makes totals over several workers exact.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

__all__ = ["LATENCY_BOUNDS", "bucket", "empty_counts", "quantile"]

# Twelve per decade, close to evenly spaced on a logarithmic scale, at numbers that people put into a guard
# ("200ms", "0.75"): a limit that is itself a bound is judged exactly.
_STEPS: Final = (1.0, 1.2, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.5)

LATENCY_BOUNDS: Final[tuple[float, ...]] = (
    *(float(f"{step}e{decade}") for decade in range(-4, 2) for step in _STEPS),
    100.0,
)
"""Upper bounds in seconds, rising, from 0.1 ms to 100 s."""


def empty_counts() -> list[int]:
    """A histogram with nothing in it: one count per bound and one for what lies beyond the last."""
    return [0] * (len(LATENCY_BOUNDS) + 1)


def bucket(seconds: float) -> int:
    """The index in a histogram where `seconds` are counted (a value on a bound belongs to it)."""
    return bisect_left(LATENCY_BOUNDS, seconds)


def quantile(counts: Sequence[int], q: float) -> float | None:
    """The duration in seconds below which the share `q` (0 to 1) of the values lies; None without values.

    Interpolated inside its bucket. Beyond the last bound, that bound is the answer: a floor, not a guess.
    """
    total = sum(counts)
    if not total:
        return None
    rank = q * total
    seen = 0
    for index, count in enumerate(counts):
        if count and seen + count >= rank:
            return _inside(index, (rank - seen) / count)
        seen += count
    return LATENCY_BOUNDS[-1]


def _inside(index: int, share: float) -> float:
    if index >= len(LATENCY_BOUNDS):
        return LATENCY_BOUNDS[-1]
    low = LATENCY_BOUNDS[index - 1] if index else 0.0
    return low + (LATENCY_BOUNDS[index] - low) * max(0.0, share)
