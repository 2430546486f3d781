"""The fixed limits: error rate, p95 and mismatch rate of the new side. It must not know legacy's figures.

A limit is judged twice. That it is broken is *proven* when the evidence of `odds` against "at most the
limit" reaches its bar, at any number of samples: then it fails. That the dial may go on needs `min_samples`
and a figure within the limit; for mismatches, which are to show that nothing differs, the rate must be
*shown* to be below the limit (the same test the other way round, at `beta`). In between it holds.

Latency fails on no fewer than `min_samples` either: requests that wait for the same pause are slow together,
and ten of them are not ten proofs. (Evidence that is left out only makes a proof harder.)

Errors and mismatches of one user count once in each window here: with fewer hits among as many requests, a
proof is only harder to reach, so it stays one. The null is "at no moment more likely than the limit, whatever
came before"; for the test the other way round, "at no moment less likely": many comparisons of one user that
fail or succeed together make it bolder than beta says.

Sources: as in `odds` (the Bernoulli rate), `latency` (the quantile) and `case` (alpha and beta).
"""

from __future__ import annotations

from flags.judge.bounds import needed, rate_lower, rate_upper
from flags.judge.case import Case, capped
from flags.judge.counts import Start, Totals
from flags.judge.judgement import Finding, Outcome, first
from flags.judge.latency import quantile, quantile_bounds, slower_than
from flags.judge.odds import Row, log_evidence
from flags.judge.starts import log_blended
from flags.judge.wording import milliseconds, percentage

__all__ = ["error_rate", "mismatch_rate", "p95"]


def error_rate(case: Case) -> Finding:
    """Whether the new side fails more requests than `max_error_rate`, fallbacks included."""
    limit, least, step = case.limits.max_error_rate, case.limits.min_samples, case.step
    evidence = log_blended(case.starts, lambda start: _above(limit, start.errors_once, _asked(start)))
    rate = step.failed / step.asked if step.asked else None
    said = f"error rate of the new side {percentage(rate)}{_made_of(step)}, limit {percentage(limit)}"
    outcome, reason = first(
        (evidence >= case.log_bar("error_rate"), Outcome.FAIL, f"{said}; proven to be above"),
        (step.asked < least, Outcome.HOLD, f"{step.asked} of {least} samples on the new side"),
        (rate is not None and rate > limit, Outcome.HOLD, f"{said}; not proven"),
        (True, Outcome.PASS, said),
    )
    return Finding(
        "error_rate",
        outcome,
        reason,
        value=rate,
        low=rate_lower(case.whole.errors_once, _asked(case.whole), case.alpha("error_rate"))
        if case.whole
        else None,
        high=rate_upper(step.failed, step.asked, case.limits.beta),
        limit=limit,
        samples=step.asked,
        needed=least,
        evidence=capped(evidence),
        bar=1.0 / case.alpha("error_rate"),
    )


def p95(case: Case) -> Finding:
    """Whether more than 5 % of the new side's requests are slower than `max_p95`."""
    limit, least, counts = case.limits.max_p95, case.limits.min_samples, case.step.new.latency
    enough = [start for start in case.starts if sum(start.everything.totals.new.latency) >= least]
    evidence = log_blended(enough, lambda start: _slow(case, start))
    value, samples = quantile(counts, case.bounds, 0.95), sum(counts)
    low, high = quantile_bounds(counts, case.bounds, 0.95, case.log_bar("p95"))
    said = f"p95 of the new side {milliseconds(value)}, limit {milliseconds(limit)}"
    outcome, reason = first(
        (evidence >= case.log_bar("p95"), Outcome.FAIL, f"{said}; proven to be above"),
        (samples < least, Outcome.HOLD, f"{samples} of {least} samples of latency"),
        (value is not None and value > limit, Outcome.HOLD, f"{said}; not proven"),
        (True, Outcome.PASS, said),
    )
    return Finding(
        "p95",
        outcome,
        reason,
        value=value,
        low=low,
        high=high if high != float("inf") else None,
        limit=limit,
        samples=samples,
        needed=least,
        evidence=capped(evidence),
        bar=1.0 / case.alpha("p95"),
    )


def mismatch_rate(case: Case) -> Finding:
    """Whether the two sides' answers differ more often than `max_mismatch_rate`, and whether it is shown that
    they do not.
    """
    limit, step, beta = case.limits.max_mismatch_rate, case.step, case.limits.beta
    evidence = log_blended(case.starts, lambda start: _above(limit, start.mismatches_once, _compared(start)))
    upper = rate_upper(step.mismatches, step.compared, beta)
    enough = max(case.limits.min_samples, _to_show(case))
    seen = f"{step.mismatches} of {step.compared} comparisons differ, limit {percentage(limit)}"
    may_be = f"the rate may be {percentage(upper)}, limit {percentage(limit)}"
    lost = f"{step.lost} comparisons without an answer beside {step.compared} with one"
    too_many_lost = step.lost > case.limits.max_error_rate * (step.lost + step.compared)
    outcome, reason = first(
        (evidence >= case.log_bar("mismatch_rate"), Outcome.FAIL, f"{seen}; proven to be above"),
        (bool(step.lost) and too_many_lost, Outcome.HOLD, lost),
        (
            step.compared < enough,
            Outcome.HOLD,
            f"{step.compared} of {enough} comparisons ({step.mismatches} differ: {may_be})",
        ),
        (True, Outcome.PASS, f"{seen}; at most {percentage(upper)}"),
    )
    return Finding(
        "mismatch_rate",
        outcome,
        reason,
        value=step.mismatches / step.compared if step.compared else None,
        low=rate_lower(case.whole.mismatches_once, _compared(case.whole), case.alpha("mismatch_rate"))
        if case.whole
        else None,
        high=upper,
        limit=limit,
        samples=step.compared,
        needed=enough,
        evidence=capped(evidence),
        bar=1.0 / case.alpha("mismatch_rate"),
    )


def _made_of(step: Totals) -> str:
    if not step.fallbacks:
        return ""
    return f" ({step.new.errors} errors and {step.fallbacks} fallbacks to legacy of {step.asked} requests)"


def _above(limit: float, hits: int, units: int) -> float:
    return log_evidence([Row(limit, hits, max(0, units - hits))])


def _slow(case: Case, start: Start) -> float:
    counts = start.everything.totals.new.latency
    slow = slower_than(case.limits.max_p95, counts, case.bounds)
    return _above(0.05, slow, sum(counts))


def _to_show(case: Case) -> int:
    """How many comparisons show the rate to be below the limit. A limit of 0 cannot be shown: `min_samples`
    without a mismatch are then enough, and one mismatch is proof against it.
    """
    limit = case.limits.max_mismatch_rate
    if not 0.0 < limit < 1.0:
        return 0
    return needed(case.step.mismatches, case.step.compared, limit, case.limits.beta)


def _asked(start: Start) -> int:
    return start.everything.totals.asked


def _compared(start: Start) -> int:
    return start.everything.totals.compared
