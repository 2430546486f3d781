"""Rates and quantiles against a fixed limit, looked at after every unit: proofs that are false, and how many
units a true one takes. A value is slower than the p95 or not, so a quantile is a rate of 5 %.
"""

from __future__ import annotations

from math import log
from random import Random

from bench.judge.tables import median_or_more, share, table
from flags import judge

__all__ = ["proven_after", "show_false", "show_true"]

FALSE = ((0.001, 30_000), (0.05, 4_000))
"""Limits, and how many units a run has."""

TRUE = ((0.001, 0.0), (0.001, 0.0002), (0.001, 0.003), (0.001, 0.01), (0.001, 0.1), (0.05, 0.1), (0.05, 0.02))
"""Limits, and true rates."""


def proven_after(
    random: Random, rate: float, limit: float, most: int, bar: float, *, more: bool
) -> int | None:
    """After how many units the rate is proven to be above the limit (or below, with `more` False).

    Evidence of "above" grows at hits only, evidence of "below" at misses only: looking at hits, or just
    before them, is looking at every unit.
    """
    hits = units = 0
    while units < most:
        gap = 1 + int(log(1.0 - random.random()) / log(1.0 - rate)) if rate else most
        if more and units + gap <= most:
            if judge.log_evidence([judge.Row(limit, hits + 1, units + gap - hits - 1)]) >= bar:
                return units + gap
        elif not more:
            end = min(units + gap - 1, most)
            if judge.log_evidence([judge.Row(limit, hits, end - hits)], more=False) >= bar:
                return _first(limit, hits, units, end, bar)
        hits, units = hits + 1, units + gap
    return None


def show_false(seed: int, runs: int, alpha: float) -> str:
    """How often a rate that is exactly the limit is proven to be above it, or below it."""
    rows = []
    for limit, most in FALSE:
        counts = []
        for more in (True, False):
            random = Random(f"{seed} false {limit} {more}")
            found = [proven_after(random, limit, limit, most, -log(alpha), more=more) for _ in range(runs)]
            counts.append(sum(at is not None for at in found))
        rows.append([f"{100 * limit:g} %", f"{most:,}".replace(",", " "), *(share(c, runs) for c in counts)])
    return table(["true rate and limit", "units in a run", "false “above”", "false “below”"], rows)


def show_true(seed: int, runs: int, alpha: float) -> str:
    """How many units a true proof takes."""
    rows = []
    for limit, rate in TRUE:
        random = Random(f"{seed} true {limit} {rate}")
        more = rate > limit
        found = [proven_after(random, rate, limit, 200_000, -log(alpha), more=more) for _ in range(runs)]
        said = "above" if more else "below"
        rows.append([f"{100 * limit:g} %", f"{100 * rate:g} %", said, median_or_more(found, 200_000)])
    return table(["limit", "true rate", "proven", "median units"], rows)


def _first(limit: float, hits: int, low: int, high: int, bar: float) -> int:
    while low < high:
        middle = (low + high) // 2
        shown = judge.log_evidence([judge.Row(limit, hits, middle - hits)], more=False) >= bar
        low, high = (low, middle) if shown else (middle + 1, high)
    return low
