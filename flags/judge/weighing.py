"""The guards as a table, and the one function that weighs a feature. It must not know plans, dials or
latches.

A guard looks at users of the new side (when the dial lets any in), or at the shadow (where it runs). The
worst finding is the judgement, and one that is proven stands without them; where no guard applies, nothing is
known, and no data means hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from flags.judge import comparing, integrity, limits
from flags.judge.case import Case, GuardLimits
from flags.judge.counts import EvidenceHistory, Totals
from flags.judge.judgement import Finding, Judgement, Outcome

__all__ = ["GUARDS", "Guard", "weigh"]


class Guard(NamedTuple):
    """A guard's name, what it looks at (`users` or `shadow`), and its function."""

    name: str
    source: str
    look: Callable[[Case], Finding]


GUARDS: Final = (
    Guard("errors", "users", comparing.errors),
    Guard("error_rate", "users", limits.error_rate),
    Guard("p95", "users", limits.p95),
    Guard("p95_ratio", "users", comparing.p95_ratio),
    Guard("mismatch_rate", "shadow", limits.mismatch_rate),
    Guard("keys", "users", integrity.keys),
    Guard("self_test", "users", integrity.self_test),
)

_NOTHING: Final = "neither a user nor the shadow has reached the new side; no data means hold"


def weigh(
    history: EvidenceHistory,
    set_limits: GuardLimits,
    bounds: Sequence[float],
    *,
    users: bool,
    shadow: bool,
    step: Totals | None = None,
) -> Judgement:
    """Whether the dial may go on, must stay, or the feature must be taken back, and why.

    `users`: the dial lets users in; `shadow`: the shadow runs. `bounds`: upper bounds of the latency
    histograms in seconds. `step`: the totals since the step began (what there is now less what there was
    then); without it, those of the whole history. May be asked as often as one likes: see `case` for what
    alpha promises.
    """
    case = Case(history, tuple(history.starts()), step or history.totals(), set_limits, tuple(bounds))
    sources = {name for name, there in (("users", users), ("shadow", shadow)) if there}
    looked = [(guard.source in sources, guard.look(case)) for guard in GUARDS]
    # What is proven stands until the history ends, also when nobody is let in any more because of it.
    findings = tuple(found for applies, found in looked if applies or found.outcome is Outcome.FAIL)
    for outcome in (Outcome.FAIL, Outcome.HOLD):
        reasons = tuple(finding.reason for finding in findings if finding.outcome is outcome)
        if reasons:
            return Judgement(outcome, reasons, findings)
    if not findings:
        return Judgement(Outcome.HOLD, (_NOTHING,))
    return Judgement(Outcome.PASS, tuple(finding.reason for finding in findings), findings)
