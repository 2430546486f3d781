"""The board: the totals of all processes, dead ones included, added up exactly; knows no metric by name.

A process reports cumulative totals, so the board keeps the last report of each incarnation and sums over
them. A process that was replaced keeps its place in the sums. The board can be saved and loaded, so that
a control process that is itself replaced goes on from where the one before it stood.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from flags import replace_whole
from gateway.control.reports import CounterRow, HistogramRow, Report

__all__ = ["Histogram", "MetricsBoard"]

_KEPT_APART: Final = 256
_FOLDED: Final = "ended"
_FRESH: Final = 3.0

Labels = tuple[str, ...]
Key = tuple[str, str]


class Histogram(msgspec.Struct, frozen=True):
    """One summed series: counts over `LATENCY_BOUNDS` and one beyond, and the sum of the values in
    seconds.
    """

    counts: tuple[int, ...]
    sum: float


class MetricsBoard:
    """Takes reports in, answers sums. `now` is any monotonic clock in seconds; it says who is still alive.

    `bury` is given the last report of a process that is heard of no more, and says what its gauges become.
    """

    def __init__(self, now: Callable[[], float], bury: Callable[[Report], Report] | None = None) -> None:
        self._now = now
        self._bury = bury or _without_gauges
        self._reports: dict[Key, Report] = {}
        self._heard: dict[Key, float] = {}

    def add(self, report: Report) -> None:
        """Take the newest totals of one incarnation; what it reported before is replaced."""
        key = (report.source, report.incarnation)
        if key not in self._reports and len(self._reports) >= _KEPT_APART:
            self._fold()
        self._reports[key] = report
        self._heard[key] = self._now()

    def counter(self, name: str) -> dict[Labels, int]:
        """The total of each series of a counter."""
        return _counter(self._reports.values(), name)

    def counter_names(self) -> set[str]:
        """Every counter that anybody reported."""
        return {name for report in self._reports.values() for name in report.counters}

    def histogram(self, name: str) -> dict[Labels, Histogram]:
        """The summed counts of each series of a histogram."""
        rows = (row for report in self._reports.values() for row in report.histograms if row.name == name)
        return {labels: Histogram(tuple(row.counts), row.sum) for labels, row in _histograms(rows).items()}

    def histogram_names(self) -> set[str]:
        """Every histogram that anybody reported."""
        return {row.name for report in self._reports.values() for row in report.histograms}

    def gauges(self) -> dict[str, list[float]]:
        """What the processes that were heard from in the last seconds say now, by key, one value per
        process. Asked before the counters, both are as of one moment.
        """
        self._bury_the_silent()
        found: dict[str, list[float]] = {}
        for report in self._reports.values():
            for name, value in report.gauges.items():
                found.setdefault(name, []).append(value)
        return found

    def reports(self) -> list[Report]:
        """The last report of each process."""
        return list(self._reports.values())

    def ended(self, after: float) -> list[Report]:
        """The last reports of processes that have not been heard of for ``after`` seconds."""
        oldest = self._now() - after
        self._bury_the_silent()
        return [report for key, report in self._reports.items() if self._heard.get(key, oldest) <= oldest]

    def carry_on(self, before: Report, report: Report) -> None:
        """Put a report in the place of the one before, if that is still the last word of a process that has
        ended.
        """
        key = (before.source, before.incarnation)
        if self._reports.get(key) is before:
            self._reports[key] = report

    def save(self, path: Path) -> None:
        """Write all reports to `path`, whole or not at all; a disk that cannot take them changes nothing
        here.
        """
        with contextlib.suppress(OSError):
            packed = msgspec.msgpack.encode(list(self._reports.values()))
            replace_whole(path, packed, mode=0o666, durable=False)

    def load(self, path: Path) -> None:
        """Take in what an earlier control process saved. A live process overrides its part with its next
        report.
        """
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            for report in msgspec.msgpack.decode(path.read_bytes(), type=list[Report]):
                key = (report.source, report.incarnation)
                self._reports.setdefault(key, report)
                self._heard.setdefault(key, self._now() - _FRESH / 2)  # alive, it says so soon

    def _bury_the_silent(self) -> None:
        oldest = self._now() - _FRESH
        for key, report in self._reports.items():
            if report.gauges and self._heard.get(key, oldest - 1) < oldest:
                self._reports[key] = self._bury(report)

    def _fold(self) -> None:
        """Add the reports of long-silent processes into one, so that a worker dying for days costs no
        memory. One that has gauges after its burial stays apart: what it had in flight is still to come.
        """
        self._bury_the_silent()
        over = [key for key, report in self._reports.items() if not report.gauges]
        silent = sorted(over, key=lambda key: self._heard.get(key, 0.0))[: _KEPT_APART // 2]
        total = merged([self._reports.pop(key) for key in silent])
        for key in silent:
            self._heard.pop(key, None)
        self._reports[(_FOLDED, _FOLDED)] = total


def _without_gauges(report: Report) -> Report:
    return msgspec.structs.replace(report, gauges={})


def merged(reports: list[Report]) -> Report:
    """One report that says what all of `reports` say together, without their gauges."""
    names = {name for report in reports for name in report.counters}
    counters = {
        name: [CounterRow(labels, value) for labels, value in _counter(reports, name).items()]
        for name in names
    }
    by_name: dict[str, list[HistogramRow]] = {}
    for report in reports:
        for row in report.histograms:
            by_name.setdefault(row.name, []).append(row)
    histograms = [row for rows in by_name.values() for row in _histograms(rows).values()]
    return Report(_FOLDED, _FOLDED, counters, histograms)


def _counter(reports: Iterable[Report], name: str) -> dict[Labels, int]:
    total: Counter[Labels] = Counter()
    for report in reports:
        for row in report.counters.get(name, ()):
            total[row.labels] += row.value
    return dict(total)


def _histograms(rows: Iterable[HistogramRow]) -> Mapping[Labels, HistogramRow]:
    total: dict[Labels, HistogramRow] = {}
    for row in rows:
        known = total.get(row.labels)
        if known is None:
            total[row.labels] = row
        elif len(known.counts) == len(row.counts):
            counts = [a + b for a, b in zip(known.counts, row.counts, strict=True)]
            total[row.labels] = HistogramRow(row.name, row.labels, counts, known.sum + row.sum)
    return total
