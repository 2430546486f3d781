"""Gathers what the board knows of one feature and has it judged; the only reader of those metrics by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flags import FlagSnapshot
from gateway.control.accounting import ShadowBooks, added_up, shadow_books
from gateway.control.answers import FeatureReport, GoldenSides
from gateway.control.board import MetricsBoard
from gateway.control.evidence import Evidence, golden_numbers, judged, shadow_numbers, side_numbers
from gateway.control.evidence_book import Step
from gateway.control.judging import JudgeDesk, limits_of
from gateway.control.samples import moment

if TYPE_CHECKING:
    from gateway.config import Feature

__all__ = ["feature_report", "golden_sides"]


def feature_report(
    feature: Feature,
    snapshot: FlagSnapshot,
    board: MetricsBoard,
    judge: JudgeDesk,
    step: Step,
    *,
    since: str,
    others: Sequence[ShadowBooks] = (),
) -> FeatureReport:
    """The A/B report of `feature`: numbers over everything that was counted since `since`, judged by what was
    seen since the dial last moved. `others`: the shadow's books of other gateways.
    """
    return judged(
        _evidence(feature, snapshot, board, since, others),
        judge.judgement(feature, snapshot),
        limits_of(feature.guard),
        moment(step.since) if step.since else since,
    )


def _evidence(
    feature: Feature, snapshot: FlagSnapshot, board: MetricsBoard, since: str, others: Sequence[ShadowBooks]
) -> Evidence:
    own = shadow_books(board, feature.name)
    books = added_up([own, *others])
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
            gateways=1 + len(others),
        ),
        golden=golden_sides(board, feature.name),
        skipped=max(0, sum(sum(side.values()) for side in codes.values()) - own.eligible),
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
