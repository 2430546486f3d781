"""The A/B report: numbers beside the judge's word, and every other reason that can hold a dial."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from flags import Finding, GuardLimits, Judgement, Outcome
from gateway.control.answers import FeatureReport, GoldenSides, SideNumbers
from gateway.control.board import Histogram
from gateway.control.evidence import Evidence, golden_numbers, judged, shadow_numbers, side_numbers
from gateway.core.latency import bucket, empty_counts

LIMITS = GuardLimits(max_error_rate=0.001, max_p95=0.2, max_mismatch_rate=0.001, min_samples=500)
FINE = Finding("error_rate", Outcome.PASS, "error rate 0 %", value=0.0, samples=900, needed=500)
FEW = Finding("mismatch_rate", Outcome.HOLD, "3 of 500 comparisons", samples=3, needed=500)
PASS = Judgement(Outcome.PASS, (FINE.reason,), (FINE,))
HOLD = Judgement(Outcome.HOLD, (FEW.reason,), (FINE, FEW))


def side(requests: int = 10_000, errors: int = 0, fallbacks: int = 0) -> SideNumbers:
    counts = empty_counts()
    counts[bucket(0.05)] = requests
    codes = {"2xx": requests - errors, "5xx": errors}
    return side_numbers(codes, Histogram(tuple(counts), requests * 0.05) if requests else None, fallbacks)


GOOD: dict[str, Any] = {
    "feature": "orders",
    "since": "2026-01-01T00:00:00+00:00",
    "percent": 1000,
    "latched": False,
    "shadow_percent": 10_000,
    "legacy": side(),
    "new": side(),
    "fallbacks": 0,
    "shadow": shadow_numbers({"match": 9000, "noise": 500, "accepted": 500}),
}


def report(judgement: Judgement = PASS, **changes: Any) -> FeatureReport:
    return judged(Evidence(**{**GOOD, **changes}), judgement, LIMITS, "2026-01-01T00:00:00+00:00")


def test_a_pass_is_ready_without_a_reason() -> None:
    assert (report().verdict, report().outcome, report().reasons) == ("ready", "pass", ())


def test_every_key_of_a_guard_is_there_also_where_nothing_can_be_said() -> None:
    guard = msgspec.to_builtins(report()).get("guards")[0]
    assert (guard["guard"], guard["outcome"], guard["value"], guard["low"]) == ("error_rate", "pass", 0, None)
    assert set(guard) == {
        *("guard", "outcome", "reason", "value", "low", "high", "limit", "samples", "needed"),
        *("evidence", "bar"),
    }


@pytest.mark.parametrize(
    ("judgement", "changes", "reason"),
    [
        (PASS, {"latched": True}, "rolled back"),
        (HOLD, {}, "3 of 500 comparisons"),
        (Judgement(Outcome.FAIL, ("errors gather",)), {}, "errors gather"),
        (
            HOLD,
            {"shadow": shadow_numbers({"undetermined": 9})},
            "9 comparisons are undetermined: a session that began before it was sampled stays so until",
        ),
        (
            HOLD,
            {"skipped": 12, "writes_skipped": True},
            '12 requests are not compared by their kind: unsafe methods only are with shadow.writes = "iso',
        ),
        (PASS, {"golden": GoldenSides(new=golden_numbers({"mismatch": 2}))}, "not as recorded"),
    ],
)
def test_each_reason_holds_the_dial(judgement: Judgement, changes: dict[str, Any], reason: str) -> None:
    found = report(judgement, **changes)
    assert found.verdict == "not_ready"
    assert reason in "; ".join(found.reasons)


def test_what_became_of_comparisons_is_only_told_where_they_are_missing() -> None:
    assert report(shadow=shadow_numbers({"match": 900, "undetermined": 9})).reasons == ()


def test_fallbacks_are_errors_of_the_new_side() -> None:
    assert side(9_000, errors=100, fallbacks=900).error_rate == pytest.approx(1000 / 9900)


def test_undetermined_is_never_folded_into_equal() -> None:
    shadow = shadow_numbers(
        {"match": 10, "undetermined": 7, "dropped": 5, "shadow_error": 3, "shadow_timeout": 2}
    )
    assert shadow.compared == 10
    assert (shadow.undetermined, shadow.dropped, shadow.shadow_error, shadow.shadow_timeout) == (7, 5, 3, 2)


def test_nothing_measured_is_null_and_not_zero() -> None:
    nothing = msgspec.to_builtins(report(new=side(0), shadow=shadow_numbers({})))
    assert nothing["new"]["p95"] is None
    assert nothing["new"]["error_rate"] is None
    assert nothing["shadow"]["mismatch_rate"] is None
    assert nothing["shadow"]["mismatch_upper"] == 1
