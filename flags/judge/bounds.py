"""Bounds that hold at every moment at once: confidence sequences, made by asking which nulls still stand. It
must not know what is counted.

The bound is where the evidence of `odds` against "at most this" (or "at least this") reaches 1/alpha; as the
evidence only falls (or rises) when the null moves up, bisection finds it. The true value is ever outside a
one-sided bound with probability at most alpha.

Sources: as in `odds`; turning a test into a set of values not rejected, for sequences: D. Darling, H.
Robbins, "Confidence sequences for mean, variance, and median", Proceedings of the National Academy of
Sciences 58 (1967), 66-68.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, log
from typing import Final

from flags.judge.odds import Row, log_evidence, tilted

__all__ = ["needed", "rate_lower", "rate_upper", "ratio_bounds", "ratio_seen"]

_HALVINGS: Final = 40
_WIDEST: Final = log(1e6)
_HOPELESS: Final = 1 << 40


def rate_lower(hits: int, units: int, alpha: float) -> float:
    """What the rate is at least, from `hits` among `units`; 0 when nothing can be said."""
    if not hits:
        return 0.0
    return _edge(lambda rate: log_evidence([Row(rate, hits, units - hits)]) < -log(alpha), 0.0, 1.0)


def rate_upper(hits: int, units: int, alpha: float) -> float:
    """What the rate is at most, from `hits` among `units`; 1 when nothing can be said."""
    if hits >= units:
        return 1.0
    bar = -log(alpha)
    return _edge(lambda rate: log_evidence([Row(rate, hits, units - hits)], more=False) >= bar, 0.0, 1.0)


def needed(hits: int, units: int, limit: float, alpha: float) -> int:
    """How many units it takes in all, if no further one is a hit, until the rate is shown to be below
    `limit`. A limit of 0 can never be shown: the answer is then beyond any traffic.
    """
    bar = -log(alpha)

    def shown(total: int) -> bool:
        return log_evidence([Row(limit, hits, total - hits)], more=False) >= bar

    high = max(units, hits, 1)
    while not shown(high):
        if high > _HOPELESS:
            return high
        high *= 2
    low = max(units, hits, 0)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if shown(middle) else (middle + 1, high)
    return high


def ratio_bounds(rows: Sequence[Row], alpha: float) -> tuple[float, float]:
    """Between which values the odds ratio lies: how many times the odds of a hit are those of `base`.

    Two bounds of alpha/2 each. Without an event: 0 and infinity, as nothing can be said.
    """
    bar = log(2.0 / alpha)

    def against(ratio: float, more: bool) -> float:
        return log_evidence((Row(tilted(base, ratio), hit, miss) for base, hit, miss in rows), more=more)

    low = exp(_edge(lambda x: against(exp(x), True) < bar, -_WIDEST, _WIDEST))
    high = exp(_edge(lambda x: against(exp(x), False) >= bar, -_WIDEST, _WIDEST))
    edge = exp(_WIDEST)
    return (low if low > 1.0001 / edge else 0.0), (high if high < edge / 1.0001 else float("inf"))


def ratio_seen(rows: Sequence[Row]) -> float | None:
    """The odds ratio that would have led one to expect as many hits as there were; None when no finite one
    above 0 does.
    """
    hits, misses = sum(row.hits for row in rows), sum(row.misses for row in rows)
    if not hits or not misses:
        return None
    return exp(
        _edge(lambda x: sum((h + m) * tilted(base, exp(x)) for base, h, m in rows) >= hits, -_WIDEST, _WIDEST)
    )


def _edge(true_above: Callable[[float], bool], low: float, high: float) -> float:
    """Where a condition that is false below and true above changes; on the careful side for neither."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if true_above(middle) else (middle, high)
    return (low + high) / 2
