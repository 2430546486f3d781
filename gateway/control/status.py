"""The whole gateway at a glance, put together from the page, the board and the configuration; changes
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flags import FlagSnapshot, Judgement, SourceView, StatePage, revision_of
from gateway.control.ab_report import golden_sides
from gateway.control.answers import (
    FeatureStatus,
    MachineView,
    SharedShadowStatus,
    Status,
    WorkerStatus,
    percent_number,
)
from gateway.control.board import MetricsBoard
from gateway.control.evidence import guard_views
from gateway.control.judging import JudgeDesk
from gateway.control.reports import gauge_key

if TYPE_CHECKING:
    from gateway.config import Config, Feature

__all__ = ["breaker_word", "build_status", "worker_statuses"]

_BREAKER = {0: "closed", 1: "half_open", 2: "open"}
_METRIC = "banyan_breaker_state"


def build_status(
    config: Config,
    page: StatePage,
    board: MetricsBoard,
    judge: JudgeDesk,
    snapshot: FlagSnapshot,
    *,
    started_at: str,
    rollback_seconds: float | None,
    warnings: tuple[str, ...] = (),
    source: SourceView | None = None,
    shared: SourceView | None = None,
    plans: Mapping[str, str],
    frozen: str,
    shadow: SharedShadowStatus | None = None,
    machines: tuple[MachineView, ...] = (),
) -> Status:
    """Every feature with its dial and effective side, every worker with its revision and age."""
    return Status(
        revision=snapshot.revision,
        everything_latched=snapshot.everything_latched,
        features=tuple(
            _feature(feature, snapshot, board, judge.judgement(feature, snapshot), plans.get(feature.name))
            for feature in config.features
        ),
        workers=worker_statuses(page),
        rollback_seconds=rollback_seconds,
        started_at=started_at,
        traffic=config.listen.traffic_url,
        admin=f"http://{config.listen.admin}",
        warnings=warnings,
        source=source or SourceView(),
        shared=shared,
        frozen=frozen,
        shadow=shadow,
        machines=machines,
    )


def worker_statuses(page: StatePage) -> tuple[WorkerStatus, ...]:
    """Every worker whose process runs, by its row in the page; the age tells which one hangs."""
    newest = page.stamp()
    return tuple(
        WorkerStatus(
            str(row.row), row.pid, revision_of(row.stamp), round(row.age_seconds, 3), row.stamp == newest
        )
        for row in page.all_rows()
    )


def breaker_word(board: MetricsBoard, feature: str) -> str:
    """The worst breaker of any worker: closed, half_open or open."""
    return _BREAKER.get(int(max(_breakers(board, feature), default=0)), "open")


def _breakers(board: MetricsBoard, feature: str) -> list[float]:
    """One for each worker that said how its own is."""
    return board.gauges().get(gauge_key(_METRIC, feature), [])


def _feature(
    feature: Feature, snapshot: FlagSnapshot, board: MetricsBoard, judgement: Judgement, plan: str | None
) -> FeatureStatus:
    state = snapshot.feature(feature.name)
    latched = snapshot.latched(feature.name)
    rule = state.rule.words if state.rule is not None else ""
    return FeatureStatus(
        name=feature.name,
        percent=percent_number(state.percent),
        side="legacy" if latched else _side(state.percent, rule, _breakers(board, feature.name)),
        latched=state.latched,
        breaker=breaker_word(board, feature.name),
        routes=feature.match,
        fallback=str(feature.fallback),
        shadow_percent=percent_number(feature.shadow.percent),
        plan=plan,
        golden=golden_sides(board, feature.name),
        rule=rule,
        outcome=str(judgement.outcome),
        reasons=judgement.reasons,
        guards=guard_views(judgement),
    )


def _side(percent: int, rule: str, breakers: list[float]) -> str:
    """What users get: each worker keeps away from the new side while its own breaker is not closed, but for
    one request that tries it.
    """
    broken = sum(1 for state in breakers if state)
    if not percent or (broken and broken == len(breakers)):
        return "legacy"
    return "new" if percent >= 10_000 and not rule and not broken else "split"
