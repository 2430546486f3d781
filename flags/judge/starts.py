"""Looking since the beginning, and since every window after it, at once. It must not know what is looked at.

Evidence against a null fades while the null holds, so a regression that arrives on the tenth good day would
have to outweigh nine good ones. The stake is therefore divided beforehand among the windows: the k-th gets
1/(k(k+1)), which sums to 1, and bets only on what comes from its window on. A sum of supermartingales that
have not begun, or have, is one: nothing is lost but the logarithm of k(k+1).

Source: J. Shin, A. Ramdas, A. Rinaldo, "E-detectors: a nonparametric framework for sequential change
detection", New England Journal of Statistics in Data Science 2 (2024), 229-260 (starts at every moment).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import log

from flags.judge.counts import Start
from flags.judge.odds import log_sum

__all__ = ["log_blended", "log_stake"]


def log_stake(ordinal: int) -> float:
    """The logarithm of the share of the stake that the start with this ordinal gets."""
    return -log(ordinal) - log(ordinal + 1)


def log_blended(starts: Iterable[Start], evidence: Callable[[Start], float]) -> float:
    """The logarithm of the evidence over all starts. Stakes of windows that never came are not counted."""
    return log_sum(log_stake(start.ordinal) + evidence(start) for start in starts)
