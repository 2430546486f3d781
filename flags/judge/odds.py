"""The one formula of the judge: how strongly counts speak against a null, at odds that anyone may look at any
time. It must not know what is counted.

A row says how often an event was a *hit* whose probability under the null was `base`. Against the null
stand alternatives in which the odds of a hit are multiplied by m. One event multiplies the stake that was
bet on m by

    hit: m / (1 - base + m * base)        miss: 1 / (1 - base + m * base)

which is the likelihood ratio of the two, so its mean under the null is 1; where the true probability lies
on the null's far side, the mean is below 1. Stakes are spread over the multiples of `MULTIPLES`, and their
sum is the *evidence*: a non-negative supermartingale that begins at 1. By Ville's inequality it ever
reaches 1/alpha with probability at most alpha, however often and whenever one looks.

A product does not mind the order of its factors: the evidence is a function of the counts alone. That is what
lets workers and machines count apart and add up, and lets `base` change from event to event (a ramp).

Sources:
  J. Ville, "Étude critique de la notion de collectif", Gauthier-Villars, 1939 (the inequality).
  H. Robbins, "Statistical methods related to the law of the iterated logarithm", Annals of Mathematical
    Statistics 41 (1970), 1397-1409 (mixtures over alternatives).
  S. Howard, A. Ramdas, J. McAuliffe, J. Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence
    sequences", Annals of Statistics 49 (2021), 1055-1080 (mixtures, and confidence sequences from tests).
  I. Waudby-Smith, A. Ramdas, "Estimating means of bounded random variables by betting", Journal of the Royal
    Statistical Society B 86 (2024), 1-27 (the product as a bettor's capital).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from math import exp, inf, log
from typing import Final, NamedTuple

__all__ = ["MULTIPLES", "Row", "log_evidence", "log_sum", "log_two_sided", "tilted"]

MULTIPLES: Final = (
    # odds multiplied by, share of the stake
    (1.02, 0.02),
    (1.05, 0.03),
    (1.1, 0.05),
    (1.2, 0.07),
    (1.35, 0.10),
    (1.6, 0.13),
    (2.0, 0.15),
    (2.7, 0.13),
    (4.0, 0.10),
    (7.0, 0.08),
    (15.0, 0.06),
    (50.0, 0.05),
    (1000.0, 0.03),
)
"""What is bet on: most on what a release can get wrong and a person would take back. Against "fewer hits" the
same multiples divide."""

_STAKES: Final = tuple(log(stake) for _, stake in MULTIPLES)


class Row(NamedTuple):
    """Events whose probability of being a hit was `base` (0 to 1) under the null, and how they came out."""

    base: float
    hits: int
    misses: int


def log_evidence(rows: Iterable[Row], *, more: bool = True) -> float:
    """The logarithm of the evidence against "hits are at most as likely as `base`" (with `more` False: at
    least as likely). Without an event it is 0: a stake untouched.

    A base of 0 or 1 is a null that one event can refute, or that no event can: infinite, or nothing.
    """
    bets = list(_STAKES)
    for base, hits, misses in rows:
        if 0.0 < base < 1.0:
            for index, (hit, miss) in enumerate(_gains(base, more)):
                bets[index] += hits * hit + misses * miss
        elif (hits if more else misses) and base == (0.0 if more else 1.0):
            return inf
    return log_sum(bets)


def log_two_sided(rows: Iterable[Row]) -> float:
    """The logarithm of the evidence against "exactly as likely as `base`": half the stake on either side."""
    kept = tuple(rows)
    half = log(0.5)
    return log_sum([half + log_evidence(kept, more=True), half + log_evidence(kept, more=False)])


def tilted(base: float, ratio: float) -> float:
    """The probability whose odds are `ratio` times those of `base`."""
    return base * ratio / (1.0 - base + base * ratio)


def log_sum(logs: Iterable[float]) -> float:
    """The logarithm of the sum of the numbers whose logarithms are given; of nothing: minus infinity."""
    terms = list(logs)
    top = max(terms, default=-inf)
    if top in (inf, -inf):
        return top
    return top + log(sum(exp(term - top) for term in terms))


@lru_cache(maxsize=512)
def _gains(base: float, more: bool) -> tuple[tuple[float, float], ...]:
    """For each multiple, what a hit and what a miss add to the logarithm of its bet."""
    odds = [multiple if more else 1.0 / multiple for multiple, _ in MULTIPLES]
    return tuple((log(m) - log(1.0 - base + m * base), -log(1.0 - base + m * base)) for m in odds)
