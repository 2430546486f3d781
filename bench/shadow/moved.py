"""By how much the shadow moved the users' waiting times, and how sure that is. Pure."""

from __future__ import annotations

import random
from typing import NamedTuple

__all__ = ["Moved", "Round", "moved", "percentile_of_all"]

SHARE, LEAST = 0.02, 0.2
"""The 99th percentile may move by so much: the larger of a share, and milliseconds."""
AGAIN = 1000
"""How often the rounds are drawn anew."""

Round = list[float]
"""What each user waited in one round, in milliseconds."""


class Moved(NamedTuple):
    """The 99th percentile of all rounds, in milliseconds: by how much it moved, between which bounds that
    lies 95 times of 100, and by how much it may move."""

    by: float
    low: float
    high: float
    allowed: float

    @property
    def judged(self) -> str:
        """Within what it may, or above it, or neither is sure."""
        return "above" if self.low > self.allowed else "within" if self.high <= self.allowed else "unsure"

    def __str__(self) -> str:
        return f"{self.by:+.2f} ({self.low:+.2f} to {self.high:+.2f}) of {self.allowed:.2f} ms {self.judged}"


class _Tail:
    """The times of all rounds, the longest first, each with the number of its round."""

    def __init__(self, rounds: list[Round]) -> None:
        self._sizes = [len(one) for one in rounds]
        self._longest = sorted(
            ((time, which) for which, one in enumerate(rounds) for time in one), reverse=True
        )

    def percentile(self, share: float, times: list[int]) -> float:
        """As if each round had been there so many times."""
        over = sum(size * count for size, count in zip(self._sizes, times, strict=True)) * (1 - share)
        for time, which in self._longest:
            over -= times[which]
            if over < 0:
                return time
        return self._longest[-1][0]


def percentile_of_all(rounds: list[Round], share: float) -> float:
    """The time that this share of the requests of all rounds did not exceed."""
    return _Tail(rounds).percentile(share, [1] * len(rounds))


def moved(off: list[Round], state: list[Round]) -> Moved:
    """How sure it is says a bootstrap: the rounds are drawn anew from themselves, with repetition, a round
    of a state always with the same round with the shadow off, since a machine has good and bad moments and
    they met the same (Efron and Tibshirani, An Introduction to the Bootstrap, 8.6 and 13.3: whole blocks,
    and the interval of percentiles).
    """
    number, chance = len(off), random.Random(1)
    before, after = _Tail(off), _Tail(state)
    each = []
    for _ in range(AGAIN):
        times = [0] * number
        for which in chance.choices(range(number), k=number):
            times[which] += 1
        each.append(after.percentile(0.99, times) - before.percentile(0.99, times))
    each.sort()
    base = percentile_of_all(off, 0.99)
    by = percentile_of_all(state, 0.99) - base
    cut = AGAIN // 40
    return Moved(by, each[cut], each[-1 - cut], max(LEAST, SHARE * base))
