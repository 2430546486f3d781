"""The gauges that the control process itself answers for: dials, guards, plans, and what each worker's row in
the page says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from flags import FlagSnapshot, Judgement, Outcome, Phase, SourceView, StatePage, revision_of
from gateway.control.answers import PlanView

if TYPE_CHECKING:
    from gateway.config import Config

__all__ = ["GaugeRow", "judging_gauges", "own_gauges"]

GaugeRow = tuple[tuple[str, ...], float]

_OUTCOMES: Final = {Outcome.PASS: 0.0, Outcome.HOLD: 1.0, Outcome.FAIL: 2.0}
_PHASES: Final = ("not_started", *(phase.value for phase in Phase))


def own_gauges(
    config: Config,
    page: StatePage,
    rollback_seconds: float | None,
    snapshot: FlagSnapshot | None,
    sources: tuple[SourceView, ...],
) -> dict[str, list[GaugeRow]]:
    """Rows (label values, value) by metric name; `rollback_seconds` None when there was no rollback yet,
    `snapshot` None when the page's cannot be believed.
    """
    workers = page.all_rows()
    return {
        "banyan_source_age_seconds": [
            ((source.name,), source.age_seconds) for source in sources if source.age_seconds is not None
        ],
        "banyan_source_alert": [((source.name,), float(source.alert)) for source in sources],
        "banyan_dial_percent": _dials(config, snapshot),
        "banyan_state_revision": [((str(row.row),), revision_of(row.stamp)) for row in workers],
        "banyan_state_age_seconds": [((str(row.row),), row.age_seconds) for row in workers],
        "banyan_rollback_seconds": [] if rollback_seconds is None else [((), rollback_seconds)],
    }


def judging_gauges(
    judgements: Mapping[str, Judgement], plans: Iterable[PlanView], frozen: str
) -> dict[str, list[GaugeRow]]:
    """The same of what the judge says of each feature, and of plans."""
    findings = [(name, one) for name, judgement in judgements.items() for one in judgement.findings]
    views = tuple(plans)
    return {
        "banyan_guard_outcome": [((name, one.guard), _OUTCOMES[one.outcome]) for name, one in findings],
        "banyan_guard_samples": [((name, one.guard), float(one.samples)) for name, one in findings],
        "banyan_plan_phase": [
            ((view.name, phase), float(view.phase == phase)) for view in views for phase in _PHASES
        ],
        "banyan_plan_step": [((view.name,), _step(view)) for view in views],
        "banyan_raises_frozen": [((), float(bool(frozen)))],
    }


def _step(view: PlanView) -> float:
    """A plan that is not started stands at no step, wherever the dial is."""
    return float(sum(step.percent <= view.percent for step in view.steps) if view.since else 0)


def _dials(config: Config, snapshot: FlagSnapshot | None) -> list[GaugeRow]:
    if snapshot is None:
        return []
    return [((feature.name,), snapshot.feature(feature.name).percent / 100) for feature in config.features]
