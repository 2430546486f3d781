"""The judge: whether the evidence lets a dial go on, and when it demands that a feature be taken back. Pure:
counts and limits in, a judgement with its reasons out; no clock, no input, no output.

The map, in the order data takes:

    users       UserSample, UserRecorder    distinct users in bounded memory, merged exactly
    counts      EvidenceHistory             counts by side and window that add up exactly
    odds        log_evidence                the one formula: evidence that may be looked at any time
    bounds      rate_lower, ratio_bounds    confidence sequences made from it
    starts      log_blended                 looking since every window at once
    latency     quantile_bounds             the p95 as a question about a rate
    case        Case, GuardLimits           what a guard looks at; the budget of alpha
    comparing   errors, p95_ratio           the new side against legacy
    limits      error_rate, p95, mismatch…  the fixed limits
    integrity   keys, self_test             whether the evidence can be trusted
    judgement   Judgement, Finding          what is said
    wording     percentage, milliseconds    how numbers are shown
    weighing    weigh                       the table of guards

docs/judge.md tells what each promises and what was measured.
"""

from flags.judge.bounds import needed, rate_lower, rate_upper, ratio_bounds
from flags.judge.case import ALPHA_SHARES, GuardLimits
from flags.judge.comparing import gathering
from flags.judge.counts import (
    WINDOW_SECONDS,
    WINDOWS_KEPT,
    EvidenceHistory,
    EvidenceWindow,
    SideCounts,
    Totals,
)
from flags.judge.integrity import skewed
from flags.judge.judgement import Finding, Judgement, Outcome
from flags.judge.latency import quantile_bounds
from flags.judge.odds import MULTIPLES, Row, log_evidence, log_two_sided
from flags.judge.starts import log_blended, log_stake
from flags.judge.users import Seen, UserRecorder, UserSample, user_mark
from flags.judge.weighing import GUARDS, weigh

__all__ = [
    "ALPHA_SHARES",
    "GUARDS",
    "MULTIPLES",
    "WINDOWS_KEPT",
    "WINDOW_SECONDS",
    "EvidenceHistory",
    "EvidenceWindow",
    "Finding",
    "GuardLimits",
    "Judgement",
    "Outcome",
    "Row",
    "Seen",
    "SideCounts",
    "Totals",
    "UserRecorder",
    "UserSample",
    "gathering",
    "log_blended",
    "log_evidence",
    "log_stake",
    "log_two_sided",
    "needed",
    "quantile_bounds",
    "rate_lower",
    "rate_upper",
    "ratio_bounds",
    "skewed",
    "user_mark",
    "weigh",
]
