"""The whole judge, all guards together, on a ramp of sixteen looks: a feature on every limit at once, one
well within them, and one that breaks one of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from math import log
from random import Random
from statistics import median
from typing import NamedTuple

from bench.judge.tables import rounded, share, table
from flags import judge

__all__ = ["CASES", "Truth", "judged", "show"]

BOUNDS = (*(0.001 * 1.25**step for step in range(24)), 0.25)
LIMITS = {"max_error_rate": 0.01, "max_p95": 0.25, "max_mismatch_rate": 0.01, "min_samples": 500}
DIALS = (100, 1000, 5000, 10_000)
LOOKS = 4
"""Looks in each step; each step is a window."""
REQUESTS = 1_000
"""Requests from one look to the next."""


class Truth(NamedTuple):
    """What the new side does: error rate, p95 in seconds, mismatch rate; legacy errs at 1 % with a p95 of
    0.25 s.
    """

    errors: float
    p95: float
    mismatches: float


CASES = {
    "on every limit": Truth(0.01, 0.25, 0.01),
    "well within": Truth(0.002, 0.15, 0.0),
    "errors ×5": Truth(0.05, 0.25, 0.01),
    "p95 ×1.5": Truth(0.01, 0.375, 0.01),
    "mismatches ×5": Truth(0.01, 0.25, 0.05),
}


def show(seed: int, runs: int, alpha: float) -> str:
    """What came out of each case."""
    rows = []
    for name, truth in CASES.items():
        found = [judged(Random(f"{seed} {name} {run}"), truth, alpha) for run in range(runs)]
        failed = [requests for requests, outcome in found if outcome is judge.Outcome.FAIL]
        passed = sum(outcome is judge.Outcome.PASS for _, outcome in found)
        after = rounded(median(failed)) if len(failed) > runs / 2 else "-"
        rows.append([name, share(len(failed), runs), after, share(passed, runs)])
    return table(["the new side", "failed", "median requests to fail", "passed at the end"], rows)


def judged(random: Random, truth: Truth, alpha: float) -> tuple[int, judge.Outcome]:
    """After how many requests the judge failed the feature; else what it says at the end."""
    limits = judge.GuardLimits(**LIMITS, alpha=alpha)  # type: ignore[arg-type]
    history, outcome, requests = judge.EvidenceHistory(), judge.Outcome.HOLD, 0
    for number, dial in enumerate(DIALS):
        before = history.totals()
        for _ in range(LOOKS):
            window = _window(random, truth, number, dial)
            history, requests = history.merged(judge.EvidenceHistory((window,))), requests + REQUESTS
            step = history.totals() - before
            outcome = judge.weigh(history, limits, BOUNDS, users=True, shadow=True, step=step).outcome
            if outcome is judge.Outcome.FAIL:
                return requests, outcome
    return requests, outcome


def _window(random: Random, truth: Truth, number: int, dial: int) -> judge.EvidenceWindow:
    errors: Counter[bool] = Counter()
    asked: Counter[bool] = Counter()
    latency = {side: [0] * (len(BOUNDS) + 1) for side in (True, False)}
    erring, keys = {}, judge.UserRecorder()
    for _ in range(REQUESTS):
        mark, new = random.getrandbits(64), random.randrange(10_000) < dial
        asked[new] += 1
        keys.see(mark, number, dial, new)
        seconds = random.expovariate(log(20.0) / (truth.p95 if new else 0.25))
        latency[new][bisect_left(BOUNDS, seconds)] += 1
        if random.random() < (truth.errors if new else 0.01):
            errors[new] += 1
            erring[mark] = judge.Seen(number, dial, new)
    differ = sum(random.random() < truth.mismatches for _ in range(REQUESTS))
    sides = [judge.SideCounts(asked[side], errors[side], tuple(latency[side])) for side in (False, True)]
    totals = judge.Totals(sides[0], sides[1], compared=REQUESTS, mismatches=differ)
    return judge.EvidenceWindow(
        number, totals, judge.UserSample(0, erring), judge.UserSample(), keys.samples()[number]
    )
