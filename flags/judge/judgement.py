"""What the judge says: values for the plan, the ledger, the status and the alert. It must not know how it
came to be said.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["Finding", "Judgement", "Outcome", "first"]


class Outcome(StrEnum):
    """`fail`: a guard is proven broken, take the feature back. `hold`: the dial stays where it is; also the
    answer to no data. `pass`: the dial may go on.
    """

    FAIL = "fail"
    HOLD = "hold"
    PASS = "pass"  # noqa: S105 - a word, not a secret


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One guard. `value` is what was seen, between `low` and `high` with the guard's confidence at every
    moment at once; None where nothing can be said. `samples` of `needed`: what a hold waits for. `evidence`
    against the guard's null, and the `bar` at which it is proof.
    """

    guard: str
    outcome: Outcome
    reason: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    samples: int = 0
    needed: int = 0
    evidence: float = 1.0
    bar: float = 0.0


class Judgement(msgspec.Struct, frozen=True):
    """The worst of the findings, and the reasons for it; the findings in the order of the guards."""

    outcome: Outcome
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def missing(self) -> tuple[Finding, ...]:
        """The findings that wait for more samples."""
        return tuple(f for f in self.findings if f.outcome is Outcome.HOLD and f.samples < f.needed)


def first(*cases: tuple[bool, Outcome, str]) -> tuple[Outcome, str]:
    """The first case that holds, of a table from the gravest down; the last must always hold."""
    return next((outcome, reason) for holds, outcome, reason in cases if holds)
