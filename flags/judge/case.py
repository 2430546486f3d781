"""What every guard looks at, and the limits that a person sets. It must not know the guards.

The budget. `alpha` is the chance that a feature whose new side is as good as its limits and as legacy is
ever failed, by any guard, at any time of its whole plan. It is divided beforehand among the guards that can
fail (union bound; the table is `ALPHA_SHARES`). `beta` is the chance that a guard which must be shown to
hold passes although it does not hold: it needs no division, as a pass needs all guards at once
(intersection-union test).

Source of the last: R. Berger, "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24
(1982), 295-300.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from typing import Final

import msgspec

from flags.judge.counts import EvidenceHistory, Start, Totals

__all__ = ["ALPHA_SHARES", "Case", "GuardLimits", "capped"]

ALPHA_SHARES: Final = {
    "errors": 0.40,
    "error_rate": 0.15,
    "mismatch_rate": 0.25,
    "p95": 0.10,
    "p95_ratio": 0.10,
}
"""Which part of alpha a guard may spend. `keys` and `self_test` spend none: they can only hold."""

_MOST: Final = 1e12


class GuardLimits(msgspec.Struct, frozen=True):
    """A feature's guard: rates from 0 to 1, `max_p95` in seconds, `min_samples` requests or comparisons."""

    max_error_rate: float
    max_p95: float
    max_mismatch_rate: float
    min_samples: int
    max_p95_ratio: float = 1.1
    alpha: float = 0.01
    beta: float = 0.05


class Case(msgspec.Struct, frozen=True):
    """Everything a guard may ask about. `step`: the totals since the step began, on which a pass rests; a
    fail rests on the whole history. `bounds`: of the latency histograms, in seconds.
    """

    history: EvidenceHistory
    starts: Sequence[Start]
    step: Totals
    limits: GuardLimits
    bounds: Sequence[float]

    @property
    def whole(self) -> Start | None:
        """Everything since the first window; None without a window."""
        return self.starts[-1] if self.starts else None

    def alpha(self, guard: str) -> float:
        """What a guard may spend."""
        return self.limits.alpha * ALPHA_SHARES.get(guard, 1.0)

    def log_bar(self, guard: str) -> float:
        """The logarithm of the evidence that is proof for a guard."""
        return -log(self.alpha(guard))


def capped(log_evidence: float) -> float:
    """Evidence as a number that fits every format."""
    return exp(log_evidence) if log_evidence < log(_MOST) else _MOST
