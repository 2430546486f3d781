"""The A/B report: what users got from either side, what the shadow found, and whether the feature's guard
allows more.

Pure: numbers in, a verdict with its reasons out. It must not know files, processes or clocks. No data
means hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from gateway.control.answers import (
    FeatureReport,
    GoldenNumbers,
    GoldenSides,
    ShadowNumbers,
    SideNumbers,
    percent_number,
)
from gateway.control.board import Histogram
from gateway.core.latency import quantile
from shadow import AGAINST_CONFIDENCE, wilson

__all__ = ["Evidence", "Limits", "golden_numbers", "judge", "shadow_numbers", "side_numbers"]

_CLEAR: Final = ("match", "noise", "accepted", "mismatch")


class Limits(msgspec.Struct, frozen=True):
    """A feature's guard: rates from 0 to 1, `max_p95` in seconds, `min_samples` requests or comparisons."""

    max_error_rate: float
    max_p95: float
    max_mismatch_rate: float
    min_samples: int
    max_p95_ratio: float = 1.1


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


def judge(evidence: Evidence, limits: Limits) -> FeatureReport:
    """Whether the dial may go further, with every reason against it."""
    reasons = (
        *_held(evidence),
        *_too_little(evidence, limits),
        *_users(evidence, limits),
        *_shadow(evidence, limits),
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
    )


def _held(evidence: Evidence) -> Sequence[str]:
    return ["the feature is rolled back; restore it first"] if evidence.latched else []


def _too_little(evidence: Evidence, limits: Limits) -> Sequence[str]:
    """Users are evidence once the dial is up, comparisons wherever the shadow runs; where neither is,
    nothing is.
    """
    reasons = []
    if evidence.percent and _asked(evidence.new) < limits.min_samples:
        reasons.append(
            f"too little traffic on the new side: {_asked(evidence.new)} requests of at least "
            f"{limits.min_samples}; no data means hold"
        )
    if evidence.shadow_percent and evidence.shadow.compared < limits.min_samples:
        reasons.append(
            f"too few comparisons: {evidence.shadow.compared} of at least {limits.min_samples}; "
            f"no data means hold{_why_so_few(evidence)}"
        )
    if not evidence.percent and not evidence.shadow_percent:
        reasons.append("neither a user nor the shadow has reached the new side; no data means hold")
    return reasons


def _asked(side: SideNumbers) -> int:
    return side.requests + side.fallbacks


def _why_so_few(evidence: Evidence) -> str:
    """What became of the exchanges that were not compared, where waiting alone will not help."""
    why = ""
    if evidence.shadow.undetermined:
        why += (
            f"; {evidence.shadow.undetermined} are undetermined: a session that began before it was sampled "
            "stays so until it ends"
        )
    if evidence.skipped and evidence.writes_skipped:
        why += (
            f"; {evidence.skipped} requests are not compared by their kind: unsafe methods only are with "
            'shadow.writes = "isolated"'
        )
    return why


def _users(evidence: Evidence, limits: Limits) -> Sequence[str]:
    old, new = evidence.legacy, evidence.new
    reasons = []
    if new.error_rate is not None and new.error_rate > limits.max_error_rate:
        reasons.append(f"{_failing(new)}, limit {_share(limits.max_error_rate)}")
    if new.error_rate and old.error_rate is not None and new.error_rate > old.error_rate:
        reasons.append(f"{_failing(new)}, legacy {_share(old.error_rate)}")
    if new.p95 is not None and new.p95 > limits.max_p95:
        reasons.append(f"p95 of the new side {_ms(new.p95)}, limit {_ms(limits.max_p95)}")
    enough = min(new.requests, old.requests) >= limits.min_samples  # two percentiles of a few say nothing
    if enough and new.p95 is not None and old.p95 is not None and new.p95 > limits.max_p95_ratio * old.p95:
        reasons.append(
            f"p95 of the new side {_ms(new.p95)}, more than {limits.max_p95_ratio:g} times that of legacy, "
            f"{_ms(old.p95)}"
        )
    return reasons


def _failing(new: SideNumbers) -> str:
    said = f"error rate of the new side {_share(new.error_rate or 0)}"
    if not new.fallbacks:
        return said
    return f"{said} ({new.errors} errors and {new.fallbacks} fallbacks to legacy of {_asked(new)} requests)"


def _shadow(evidence: Evidence, limits: Limits) -> Sequence[str]:
    shadow = evidence.shadow
    reasons = []
    if shadow.compared and shadow.mismatch_upper > limits.max_mismatch_rate:
        reasons.append(
            f"mismatch rate may be as high as {_share(shadow.mismatch_upper)} ({shadow.mismatch} of "
            f"{shadow.compared} differ), limit {_share(limits.max_mismatch_rate)}"
        )
    lost = shadow.shadow_error + shadow.shadow_timeout + shadow.undetermined
    if lost and lost > limits.max_error_rate * (lost + shadow.compared):
        reasons.append(
            f"{lost} comparisons without an answer ({shadow.shadow_error} shadow errors, "
            f"{shadow.shadow_timeout} timeouts, {shadow.undetermined} undetermined)"
        )
    return reasons


def _golden(evidence: Evidence, limits: Limits) -> Sequence[str]:
    new, old = evidence.golden.new, evidence.golden.legacy
    if not new.mismatch or new.mismatch <= limits.max_mismatch_rate * new.compared:
        return []
    # Where legacy differs as well, the recordings may be what is wrong.
    beside = (
        f"; legacy differs too, {old.mismatch} of {old.compared}: are they stale?" if old.mismatch else ""
    )
    return [f"{new.mismatch} of {new.compared} answers of the new side are not as recorded{beside}"]


def _share(rate: float) -> str:
    return f"{rate * 100:.4g} %"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.4g} ms"
