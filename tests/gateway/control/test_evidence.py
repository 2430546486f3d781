"""The A/B verdict as a table: every reason that can hold a dial has a row, and no data means hold."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.control.answers import SideNumbers
from gateway.control.board import Histogram
from gateway.control.evidence import Evidence, Limits, judge, shadow_numbers, side_numbers
from gateway.core.latency import bucket, empty_counts

LIMITS = Limits(max_error_rate=0.001, max_p95=0.2, max_mismatch_rate=0.001, min_samples=500)


def side(requests: int = 10_000, errors: int = 0, seconds: float = 0.05, fallbacks: int = 0) -> SideNumbers:
    counts = empty_counts()
    counts[bucket(seconds)] = requests
    codes = {"2xx": requests - errors, "5xx": errors}
    return side_numbers(codes, Histogram(tuple(counts), requests * seconds) if requests else None, fallbacks)


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


def verdict(**changes: Any) -> tuple[str, str]:
    report = judge(Evidence(**{**GOOD, **changes}), LIMITS)
    return report.verdict, "; ".join(report.reasons)


def test_good_numbers_are_ready_without_a_reason() -> None:
    assert verdict() == ("ready", "")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"latched": True}, "rolled back"),
        ({"new": side(0)}, "0 requests of at least 500; no data means hold"),
        ({"new": side(499)}, "499 requests of at least 500"),
        ({"shadow": shadow_numbers({})}, "0 of at least 500; no data means hold"),
        ({"shadow": shadow_numbers({"match": 499})}, "499 of at least 500"),
        ({"percent": 0, "shadow_percent": 0, "new": side(0)}, "neither a user nor the shadow"),
        ({"new": side(10_000, errors=11)}, "error rate of the new side 0.11 %, limit 0.1 %"),
        ({"new": side(10_000, errors=2), "legacy": side(10_000, errors=1)}, "legacy 0.01 %"),
        (
            {"new": side(9_000, fallbacks=1_000)},
            "side 10 % (0 errors and 1000 fallbacks to legacy of 10000 requests), limit 0.1 %",
        ),
        ({"new": side(9_000, fallbacks=1_000)}, "of 10000 requests), legacy 0 %"),
        ({"new": side(300, fallbacks=199)}, "499 requests of at least 500"),
        (
            {"shadow": shadow_numbers({"undetermined": 9})},
            "9 are undetermined: a session that began before it was sampled stays so until it ends",
        ),
        (
            {"shadow": shadow_numbers({}), "skipped": 12, "writes_skipped": True},
            '12 requests are not compared by their kind: unsafe methods only are with shadow.writes = "iso',
        ),
        ({"new": side(seconds=0.25), "legacy": side(seconds=0.25)}, "limit 200 ms"),
        ({"new": side(seconds=0.075)}, "more than 1.1 times"),
        ({"shadow": shadow_numbers({"match": 9_900, "mismatch": 100})}, "100 of 10000 differ"),
        ({"shadow": shadow_numbers({"match": 600})}, "may be as high as"),
        ({"shadow": shadow_numbers({"match": 10_000, "shadow_error": 50})}, "50 shadow errors"),
        ({"shadow": shadow_numbers({"match": 10_000, "shadow_timeout": 50})}, "50 timeouts"),
        ({"shadow": shadow_numbers({"match": 10_000, "undetermined": 50})}, "50 undetermined"),
    ],
)
def test_each_reason_holds_the_dial(changes: dict[str, Any], reason: str) -> None:
    word, reasons = verdict(**changes)
    assert word == "not_ready"
    assert reason in reasons


def test_before_the_first_user_the_shadow_alone_may_speak() -> None:
    assert verdict(percent=0, new=side(0)) == ("ready", "")


def test_two_percentiles_of_a_few_requests_are_not_compared() -> None:
    assert "times that of legacy" not in verdict(new=side(seconds=0.075), legacy=side(499))[1]
    assert "times that of legacy" not in verdict(new=side(499, seconds=0.075))[1]
    wide = msgspec.structs.replace(LIMITS, max_p95_ratio=2.0)
    assert judge(Evidence(**{**GOOD, "new": side(seconds=0.075)}), wide).verdict == "ready"


def test_undetermined_is_never_folded_into_equal() -> None:
    shadow = shadow_numbers(
        {"match": 10, "undetermined": 7, "dropped": 5, "shadow_error": 3, "shadow_timeout": 2}
    )
    assert shadow.compared == 10
    assert (shadow.undetermined, shadow.dropped, shadow.shadow_error, shadow.shadow_timeout) == (7, 5, 3, 2)


def test_nothing_measured_is_null_and_not_zero() -> None:
    nothing = msgspec.to_builtins(
        judge(Evidence(**{**GOOD, "new": side(0), "shadow": shadow_numbers({})}), LIMITS)
    )
    assert nothing["new"]["p95"] is None
    assert nothing["new"]["error_rate"] is None
    assert nothing["shadow"]["mismatch_rate"] is None
    assert nothing["shadow"]["mismatch_upper"] == 1
