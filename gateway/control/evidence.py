"""The A/B report: what users got from either side, what the shadow found, and what the judge makes of it.

Pure: numbers and a judgement in, a verdict with its reasons out. It must not know files, processes or clocks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from flags import GuardLimits, Judgement, Outcome
from gateway.control.answers import (
    FeatureReport,
    GoldenNumbers,
    GoldenSides,
    GuardView,
    ShadowNumbers,
    SideNumbers,
    percent_number,
)
from gateway.control.board import Histogram
from gateway.core.latency import quantile
from shadow import AGAINST_CONFIDENCE, wilson

__all__ = [
    "Evidence",
    "golden_numbers",
    "guard_views",
    "judged",
    "shadow_numbers",
    "side_numbers",
]

_CLEAR: Final = ("match", "noise", "accepted", "mismatch")


class Evidence(msgspec.Struct, frozen=True):
    """All that a verdict rests on. `percent` and `shadow_percent` in hundredths; `skipped`: requests that are
    not shadowed by their kind, `writes_skipped` whether unsafe methods are such.
    """

    feature: str
    since: str
    percent: int
    latched: bool
    shadow_percent: int
    legacy: SideNumbers
    new: SideNumbers
    fallbacks: int
    shadow: ShadowNumbers
    golden: GoldenSides = GoldenSides()
    skipped: int = 0
    writes_skipped: bool = False


def side_numbers(codes: Mapping[str, int], latency: Histogram | None, fallbacks: int = 0) -> SideNumbers:
    """One side from its requests by code (`2xx` … `5xx`), its latency histogram, and the requests that it
    failed without anybody seeing its answer.
    """
    requests = sum(codes.values())
    errors = codes.get("5xx", 0)
    asked = requests + fallbacks
    counts = latency.counts if latency else ()
    p50, p95, p99 = (quantile(counts, q) for q in (0.5, 0.95, 0.99))
    rate = (errors + fallbacks) / asked if asked else None
    return SideNumbers(requests, errors, rate, p50, p95, p99, fallbacks)


def shadow_numbers(
    verdicts: Mapping[str, int],
    *,
    eligible: int = 0,
    not_sampled: int = 0,
    in_flight: int = 0,
    sample: float = 100.0,
    gateways: int = 1,
) -> ShadowNumbers:
    """The comparisons by verdict, with the confidence bounds of the mismatch rate and what is not known."""
    count = Counter(verdicts)
    compared = sum(count[name] for name in _CLEAR)
    bounds = wilson(count["mismatch"], compared)
    unknown = sum(count[verdict] for verdict in AGAINST_CONFIDENCE)
    ended = compared + unknown
    return ShadowNumbers(
        compared=compared,
        match=count["match"],
        noise=count["noise"],
        accepted=count["accepted"],
        mismatch=count["mismatch"],
        undetermined=count["undetermined"],
        shadow_error=count["shadow_error"],
        shadow_timeout=count["shadow_timeout"],
        dropped=count["dropped"],
        mismatch_rate=count["mismatch"] / compared if compared else None,
        mismatch_lower=bounds[0],
        mismatch_upper=bounds[1],
        eligible=eligible,
        not_sampled=not_sampled,
        in_flight=in_flight,
        unknown=unknown,
        unknown_rate=unknown / ended if ended else None,
        sample_percent=sample,
        gateways=gateways,
    )


def golden_numbers(verdicts: Mapping[str, int]) -> GoldenNumbers:
    """One side's live answers against the recordings."""
    count = Counter(verdicts)
    return GoldenNumbers(
        compared=sum(count[name] for name in _CLEAR),
        match=count["match"],
        accepted=count["accepted"],
        mismatch=count["mismatch"],
        unknown=sum(count.values()) - sum(count[name] for name in _CLEAR),
    )


def judged(evidence: Evidence, judgement: Judgement, limits: GuardLimits, step_since: str) -> FeatureReport:
    """The report: what the judge says of the guards, and every other reason against going further."""
    reasons = (
        *_held(evidence),
        *(judgement.reasons if judgement.outcome is not Outcome.PASS else ()),
        *_why_so_few(evidence, judgement),
        *_golden(evidence, limits),
    )
    return FeatureReport(
        feature=evidence.feature,
        since=evidence.since,
        percent=percent_number(evidence.percent),
        latched=evidence.latched,
        verdict="not_ready" if reasons else "ready",
        reasons=reasons,
        legacy=evidence.legacy,
        new=evidence.new,
        fallbacks=evidence.fallbacks,
        shadow=evidence.shadow,
        guard=msgspec.to_builtins(limits),
        golden=evidence.golden,
        outcome=str(judgement.outcome),
        guards=guard_views(judgement),
        step_since=step_since,
    )


def guard_views(judgement: Judgement) -> tuple[GuardView, ...]:
    """The findings with every key, also where nothing can be said."""
    return tuple(
        GuardView(
            guard=one.guard,
            outcome=str(one.outcome),
            reason=one.reason,
            value=one.value,
            low=one.low,
            high=one.high,
            limit=one.limit,
            samples=one.samples,
            needed=one.needed,
            evidence=round(one.evidence, 3),
            bar=round(one.bar, 3),
        )
        for one in judgement.findings
    )


def _held(evidence: Evidence) -> Sequence[str]:
    return ["the feature is rolled back; restore it first"] if evidence.latched else []


def _why_so_few(evidence: Evidence, judgement: Judgement) -> Sequence[str]:
    """What the missing samples mean, and what became of exchanges that were not compared, where waiting alone
    will not help.
    """
    if not judgement.missing:
        return []
    reasons = ["too few samples to judge by: no data means hold"]
    if all(one.guard != "mismatch_rate" for one in judgement.missing):
        return reasons
    if evidence.shadow.undetermined:
        reasons.append(
            f"{evidence.shadow.undetermined} comparisons are undetermined: a session that began before it "
            "was sampled stays so until it ends"
        )
    if evidence.skipped and evidence.writes_skipped:
        reasons.append(
            f"{evidence.skipped} requests are not compared by their kind: unsafe methods only are with "
            'shadow.writes = "isolated"'
        )
    return reasons


def _golden(evidence: Evidence, limits: GuardLimits) -> Sequence[str]:
    new, old = evidence.golden.new, evidence.golden.legacy
    if not new.mismatch or new.mismatch <= limits.max_mismatch_rate * new.compared:
        return []
    # Where legacy differs as well, the recordings may be what is wrong.
    beside = (
        f"; legacy differs too, {old.mismatch} of {old.compared}: are they stale?" if old.mismatch else ""
    )
    return [f"{new.mismatch} of {new.compared} answers of the new side are not as recorded{beside}"]
