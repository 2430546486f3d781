"""How much can be said about a rate from a sample. It must not know where the counts come from."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

Z_95 = 1.6448536269514722
"""The 95 % quantile of the normal distribution: one-sided, as only the upper bound is of interest."""


class Rate(NamedTuple):
    """A share between 0 and 1: as seen, its upper confidence bound, and how many samples it rests on."""

    value: float
    upper: float
    samples: int


def mismatch_rate(matches: int, mismatches: int, z: float = Z_95) -> Rate:
    """The rate of mismatches with its upper Wilson score bound. Without a sample nothing is known: the bound
    is 1.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of
    the American Statistical Association 22 (1927), 209-212; recommended for small samples and rates near 0 by
    Brown, Cai and DasGupta, "Interval estimation for a binomial proportion", Statistical Science 16 (2001),
    101-133.
    """
    samples = matches + mismatches
    if samples <= 0:
        return Rate(0.0, 1.0, 0)
    return Rate(mismatches / samples, wilson(mismatches, samples, z)[1], samples)


def wilson(hits: int, samples: int, z: float = Z_95) -> tuple[float, float]:
    """The lower and the upper Wilson score bound of a share; (0, 1) without a sample."""
    if samples <= 0:
        return 0.0, 1.0
    share = hits / samples
    square = z * z
    centre = share + square / (2 * samples)
    spread = z * sqrt(max(0.0, share * (1 - share)) / samples + square / (4 * samples * samples))
    whole = 1 + square / samples
    return max(0.0, (centre - spread) / whole), min(1.0, (centre + spread) / whole)
