"""The shadow's books: for every feature, at any time,

    eligible = not sampled + dropped + shadow_error + shadow_timeout + undetermined + compared + in flight

Pure. One worker's report holds all of these as of one moment, so sums over workers add up as well. What a
worker had in flight when it died was dropped: nobody will say what became of it.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import msgspec

from gateway.control.board import MetricsBoard
from gateway.control.reports import CounterRow, Report, gauge_key

__all__ = ["CAPTURED", "IN_FLIGHT", "SAMPLE", "VERDICTS", "ShadowBooks", "bury", "shadow_books"]

CAPTURED: Final = "banyan_capture_total"
VERDICTS: Final = "banyan_shadow_total"
IN_FLIGHT: Final = "banyan_shadow_in_flight"
SAMPLE: Final = "banyan_shadow_sample_percent"


class ShadowBooks(msgspec.Struct, frozen=True):
    """One feature's exchanges. `sample_percent`: how much of the configured sample is taken now, 0 to 100."""

    eligible: int
    not_sampled: int
    in_flight: int
    sample_percent: float
    verdicts: dict[str, int]

    @property
    def balance(self) -> int:
        """What the books do not account for; 0."""
        return self.eligible - self.not_sampled - self.in_flight - sum(self.verdicts.values())


def bury(report: Report) -> Report:
    """The report of a process that is heard of no more: it has no gauges, and what it had in flight was
    dropped.
    """
    lost = {
        name.partition("{")[2].rstrip("}"): int(value)
        for name, value in report.gauges.items()
        if name.startswith(IN_FLIGHT) and value > 0
    }
    counters = dict(report.counters)
    if lost:
        total = Counter({row.labels: row.value for row in counters.get(VERDICTS, ())})
        for feature, times in lost.items():
            total[feature, "dropped"] += times
        counters[VERDICTS] = [CounterRow(labels, value) for labels, value in total.items()]
    return msgspec.structs.replace(report, counters=counters, gauges={})


def shadow_books(board: MetricsBoard, feature: str) -> ShadowBooks:
    """The books of one feature, over all processes, as of one moment."""
    gauges = board.gauges()
    captured = {labels[1]: value for labels, value in board.counter(CAPTURED).items() if labels[0] == feature}
    return ShadowBooks(
        eligible=captured.get("eligible", 0),
        not_sampled=captured.get("not_sampled", 0),
        in_flight=int(sum(gauges.get(gauge_key(IN_FLIGHT, feature), ()))),
        sample_percent=min(gauges.get(SAMPLE, ()), default=100.0),
        verdicts={
            labels[1]: value for labels, value in board.counter(VERDICTS).items() if labels[0] == feature
        },
    )
