"""The new side against legacy: who has the errors, who is slower. It must not know fixed limits.

Errors. Given that a user has an error, which side was the user on? The dial put the share s of all users on
the new side by a hash, whatever happens later; so if the side makes no difference, an error's user is on
the new side with probability s, exactly, for any rate of errors, however it moves, and for whatever dial
was in force at that moment. If the new side is better, the probability is below s. Each erring user is thus
a row of `odds` with base s, and a ramp is a series of bases.

Each user counts once in each start of `starts`: a user who always fails, on any side, is one coin, not a new
one each day. When a sample was thinned to level L, every level's evidence would have been a valid process of
its own; they share the stake (0.99 for level 0, 0.01/2^L for L), and the level at hand is one of the terms.

Latency. Two confidence sequences of the p95, one each side; the new side is proven slower when its lower
bound exceeds `max_p95_ratio` times legacy's upper bound. Only over one step: while the dial stands, both
sides share every hour alike. Over a ramp, legacy's requests are early and the new side's late, and whatever
else has changed meanwhile would look like a difference of the sides (E. Simpson, "The interpretation of
interaction in contingency tables", Journal of the Royal Statistical Society B 13 (1951), 238-241).

Sources: J. Przyborowski, H. Wilenski, "Homogeneity of results in testing samples from Poisson series",
Biometrika 31 (1940), 313-323 (conditioning on the events); M. Lindon, A. Malek, "Anytime-valid inference for
multinomial count data", NeurIPS 2022 (the same, at every moment, with rates that move).
"""

from __future__ import annotations

from math import log

from flags.judge.bounds import ratio_bounds, ratio_seen
from flags.judge.case import Case, capped
from flags.judge.counts import Start
from flags.judge.judgement import Finding, Outcome, first
from flags.judge.latency import quantile, quantile_bounds
from flags.judge.odds import Row, log_evidence
from flags.judge.starts import log_blended
from flags.judge.users import UserSample
from flags.judge.wording import milliseconds

__all__ = ["errors", "gathering", "p95_ratio", "rows_by_share", "thinning"]

_ALL = 10_000
_STEPS = 16
"""Steps among which the alpha of the comparison of latencies is divided: each is a proof of its own."""
_SUSPICIOUS = log(5.0)
"""Evidence of 5 to 1: comes up by chance at most once in five plans, so a pass may well wait it out."""


def rows_by_share(sample: UserSample) -> list[Row]:
    """A row for each dial that leaves a choice; where everyone is on one side, nothing can be compared."""
    counts = sample.by_share()
    return [Row(share / _ALL, *counts[share]) for share in sorted(counts) if 0 < share < _ALL]


def thinning(level: int) -> float:
    """The logarithm of the stake that a sample thinned to `level` bets with."""
    return log(0.99) if not level else log(0.01) - level * log(2.0)


def errors(case: Case) -> Finding:
    """Whether errors gather on the new side."""
    evidence = log_blended(case.starts, gathering)
    sample = case.whole.everything.erring if case.whole else UserSample()
    rows = rows_by_share(sample)
    new, users = sum(row.hits for row in rows), sum(row.hits + row.misses for row in rows)
    expected = sum(row.base * (row.hits + row.misses) for row in rows)
    low, high = ratio_bounds(rows, case.alpha("errors")) if users else (None, None)
    seen = f"{new} of {users} users with an error were on the new side, {expected:.3g} expected"
    uncounted = case.step.failed and case.step.legacy.errors and not sample.users
    outcome, reason = first(
        (evidence >= case.log_bar("errors"), Outcome.FAIL, f"errors gather on the new side: {seen}"),
        (bool(uncounted), Outcome.HOLD, "there were errors, but no user with an error was counted"),
        (evidence >= _SUSPICIOUS, Outcome.HOLD, f"errors may be gathering on the new side: {seen}"),
        (True, Outcome.PASS, seen if users else "no user with an error to compare"),
    )
    return Finding(
        "errors",
        outcome,
        reason,
        value=ratio_seen(rows),
        low=low,
        high=high if high != float("inf") else None,
        samples=users,
        evidence=capped(evidence),
        bar=1.0 / case.alpha("errors"),
    )


def p95_ratio(case: Case) -> Finding:
    """Whether the new side's p95 is more than `max_p95_ratio` times legacy's."""
    limit, least = case.limits.max_p95_ratio, case.limits.min_samples
    new = quantile(case.step.new.latency, case.bounds, 0.95)
    old = quantile(case.step.legacy.latency, case.bounds, 0.95)
    ratio = new / old if new is not None and old else None
    samples = min(sum(case.step.new.latency), sum(case.step.legacy.latency))
    said = f"p95 of the new side {milliseconds(new)}, limit {limit:g} times legacy's {milliseconds(old)}"
    outcome, reason = first(
        (samples >= least and _proven_slower(case), Outcome.FAIL, f"the new side is slower: {said}"),
        (not case.step.legacy.requests, Outcome.PASS, "no request of legacy to compare with"),
        (samples < least, Outcome.HOLD, f"{samples} of {least} samples of latency on both sides"),
        (ratio is not None and ratio > limit, Outcome.HOLD, f"{said}; not proven"),
        (True, Outcome.PASS, said),
    )
    needed = least if case.step.legacy.requests else 0
    return Finding("p95_ratio", outcome, reason, ratio, limit=limit, samples=samples, needed=needed)


def gathering(start: Start) -> float:
    """The logarithm of the evidence, since one window, that errors gather on the new side."""
    sample = start.everything.erring
    return thinning(sample.level) + log_evidence(rows_by_share(sample))


def _proven_slower(case: Case) -> bool:
    bar = case.log_bar("p95_ratio") + log(2.0 * _STEPS)
    low, _ = quantile_bounds(case.step.new.latency, case.bounds, 0.95, bar)
    _, high = quantile_bounds(case.step.legacy.latency, case.bounds, 0.95, bar)
    return low > case.limits.max_p95_ratio * high
