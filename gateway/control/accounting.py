"""The shadow's books: for every feature, at any time,

    eligible = not sampled + dropped + shadow_error + shadow_timeout + undetermined + compared + in flight

Pure. One worker's report holds all of these as of one moment, so sums over workers add up as well. What a
worker had in flight when it died was dropped: nobody will say what became of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from gateway.control.board import MetricsBoard
from gateway.control.reports import CounterRow, Report, gauge_key
from gateway.streams.origin import OriginBooks, carried_on

__all__ = [
    "CAPTURED",
    "IN_FLIGHT",
    "SAMPLE",
    "VERDICTS",
    "ShadowBooks",
    "added_up",
    "bury",
    "in_flight_of",
    "inherited",
    "shadow_books",
]

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
    dropped, unless it is under way in the shared streams: then its books are carried on (`inherited`).
    """
    waiting = in_flight_of(report)
    if report.passage is not None and waiting:
        kept = {gauge_key(IN_FLIGHT, feature): float(times) for feature, times in waiting.items()}
        return report if report.gauges == kept else msgspec.structs.replace(report, gauges=kept)
    dropped = Counter({(feature, "dropped"): times for feature, times in waiting.items()})
    return msgspec.structs.replace(report, counters=_added(report, VERDICTS, dropped), gauges={})


def inherited(report: Report, in_redis: OriginBooks | None) -> Report:
    """The report of a worker that has ended, with what has become of its exchanges since. ``in_redis``: of
    its origin, where nothing more is added; None when it is lost.
    """
    if report.passage is None:
        return report
    carried = carried_on(report.passage, in_flight_of(report), in_redis)
    eligible = Counter({(feature, "eligible"): times for feature, times in carried.eligible.items()})
    counters = {
        **_added(report, VERDICTS, carried.verdicts),
        CAPTURED: _added(report, CAPTURED, eligible)[CAPTURED],
    }
    gauges = {gauge_key(IN_FLIGHT, feature): float(times) for feature, times in carried.in_flight.items()}
    return msgspec.structs.replace(report, counters=counters, gauges=gauges, passage=carried.passage)


def in_flight_of(report: Report) -> Counter[str]:
    """By feature: what one process has in flight."""
    return Counter(
        {
            name.partition("{")[2].rstrip("}"): int(value)
            for name, value in report.gauges.items()
            if name.startswith(IN_FLIGHT) and value > 0
        }
    )


def _added(report: Report, name: str, more: Mapping[tuple[str, str], int]) -> dict[str, list[CounterRow]]:
    """The counters of a report with more in one of them."""
    total: Counter[tuple[str, ...]] = Counter(
        {row.labels: row.value for row in report.counters.get(name, ())}
    )
    total.update(more)
    return {**report.counters, name: [CounterRow(labels, value) for labels, value in total.items()]}


def added_up(books: Iterable[ShadowBooks]) -> ShadowBooks:
    """The books of several gateways as one."""
    eligible = not_sampled = in_flight = 0
    lowest = 100.0
    verdicts: Counter[str] = Counter()
    for one in books:
        eligible += one.eligible
        not_sampled += one.not_sampled
        in_flight += one.in_flight
        lowest = min(lowest, one.sample_percent)
        verdicts.update(one.verdicts)
    return ShadowBooks(eligible, not_sampled, in_flight, lowest, dict(verdicts))


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
