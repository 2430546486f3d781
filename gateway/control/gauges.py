"""The gauges that the control process itself answers for: dials, and what each worker's row in the page
says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flags import FlagSnapshot, SourceView, StatePage, revision_of

if TYPE_CHECKING:
    from gateway.config import Config

__all__ = ["GaugeRow", "own_gauges"]

GaugeRow = tuple[tuple[str, ...], float]


def own_gauges(
    config: Config,
    page: StatePage,
    rollback_seconds: float | None,
    snapshot: FlagSnapshot | None,
    source: SourceView,
) -> dict[str, list[GaugeRow]]:
    """Rows (label values, value) by metric name; `rollback_seconds` None when there was no rollback yet,
    `snapshot` None when the page's cannot be believed.
    """
    workers = page.all_rows()
    age = source.age_seconds
    return {
        "banyan_source_age_seconds": [] if age is None else [((source.name,), age)],
        "banyan_source_alert": [((source.name,), float(source.alert))],
        "banyan_dial_percent": _dials(config, snapshot),
        "banyan_state_revision": [((str(row.row),), revision_of(row.stamp)) for row in workers],
        "banyan_state_age_seconds": [((str(row.row),), row.age_seconds) for row in workers],
        "banyan_rollback_seconds": [] if rollback_seconds is None else [((), rollback_seconds)],
    }


def _dials(config: Config, snapshot: FlagSnapshot | None) -> list[GaugeRow]:
    if snapshot is None:
        return []
    return [((feature.name,), snapshot.feature(feature.name).percent / 100) for feature in config.features]
