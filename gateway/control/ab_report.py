"""Gathers what the board knows of one feature and has it judged; the only reader of those metrics by name."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from flags import FlagSnapshot
from gateway.control.accounting import shadow_books
from gateway.control.answers import FeatureReport, GoldenSides
from gateway.control.board import MetricsBoard
from gateway.control.evidence import Evidence, Limits, golden_numbers, judge, shadow_numbers, side_numbers

if TYPE_CHECKING:
    from gateway.config import Feature

__all__ = ["feature_report", "golden_sides"]


def feature_report(
    feature: Feature, snapshot: FlagSnapshot, board: MetricsBoard, *, since: str
) -> FeatureReport:
    """The A/B report of `feature` over everything that was counted since `since`."""
    guard = feature.guard
    limits = Limits(
        guard.max_error_rate,
        guard.max_p95,
        guard.max_mismatch_rate,
        guard.min_samples,
        guard.max_p95_ratio,
    )
    return judge(_evidence(feature, snapshot, board, since), limits)


def _evidence(feature: Feature, snapshot: FlagSnapshot, board: MetricsBoard, since: str) -> Evidence:
    books = shadow_books(board, feature.name)
    codes: dict[str, Counter[str]] = {"legacy": Counter(), "new": Counter()}
    for labels, count in board.counter("banyan_requests_total").items():
        name, side, _, code = labels
        if name == feature.name and side in codes:
            codes[side][code] += count
    latency = board.histogram("banyan_request_duration_seconds")
    fallbacks = sum(_by_second_label(board, "banyan_fallbacks_total", feature.name).values())
    return Evidence(
        feature=feature.name,
        since=since,
        percent=snapshot.feature(feature.name).percent,
        latched=snapshot.latched(feature.name),
        shadow_percent=feature.shadow.percent,
        legacy=side_numbers(codes["legacy"], latency.get((feature.name, "legacy"))),
        new=side_numbers(codes["new"], latency.get((feature.name, "new")), fallbacks),
        fallbacks=fallbacks,
        shadow=shadow_numbers(
            books.verdicts,
            eligible=books.eligible,
            not_sampled=books.not_sampled,
            in_flight=books.in_flight,
            sample=books.sample_percent,
        ),
        golden=golden_sides(board, feature.name),
        skipped=max(0, sum(sum(side.values()) for side in codes.values()) - books.eligible),
        writes_skipped=feature.shadow.writes == "skip",
    )


def golden_sides(board: MetricsBoard, feature: str) -> GoldenSides:
    """What live answers of either side were worth beside the recordings."""
    sides: dict[str, Counter[str]] = {"legacy": Counter(), "new": Counter()}
    for labels, count in board.counter("banyan_golden_live_total").items():
        if len(labels) == 3 and labels[0] == feature and labels[1] in sides:
            sides[labels[1]][labels[2]] += count
    return GoldenSides(golden_numbers(sides["legacy"]), golden_numbers(sides["new"]))


def _by_second_label(board: MetricsBoard, name: str, feature: str) -> dict[str, int]:
    return {labels[1]: count for labels, count in board.counter(name).items() if labels[0] == feature}
