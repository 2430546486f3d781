"""The board as Prometheus reads it; knows prometheus-client, and nothing of HTTP or of where the gauges
come from.

Not imported by the front door: workers use the report channel of this package and need no metrics library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest

from gateway.control import catalogue
from gateway.control.board import Histogram, MetricsBoard
from gateway.control.gauges import GaugeRow
from gateway.core.latency import LATENCY_BOUNDS

__all__ = ["CONTENT_TYPE", "exposition"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_MERGES: Final[dict[str, Callable[[list[float]], float]]] = {"sum": sum, "max": max, "min": min}
_EXPORTED: Final = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.2,
    0.3,
    0.5,
    0.75,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
)


def exposition(board: MetricsBoard, gauges: dict[str, list[GaugeRow]]) -> bytes:
    """The text of `/metrics`: what the board sums up, and `gauges` (by metric name) of the control
    process itself.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(board, gauges))
    return generate_latest(registry)


class _Collector:
    def __init__(self, board: MetricsBoard, gauges: dict[str, list[GaugeRow]]) -> None:
        self._board = board
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        reported = self._board.gauges()  # first: see there
        known = catalogue.CATALOGUE.values()
        listed = [metric.name for metric in known if metric.kind == "counter"]
        for name in [*listed, *sorted(self._board.counter_names() - set(listed))]:
            yield _counter(name, self._board.counter(name))
        listed = [metric.name for metric in known if metric.kind == "histogram"]
        for name in [*listed, *sorted(self._board.histogram_names() - set(listed))]:
            yield _histogram(name, self._board.histogram(name))
        yield from self._collect_gauges(reported)

    def _collect_gauges(self, reported: dict[str, list[float]]) -> Iterator[Metric]:
        rows: dict[str, list[GaugeRow]] = {
            metric.name: [] for metric in catalogue.CATALOGUE.values() if metric.kind == "gauge"
        }
        for key, values in reported.items():
            name, _, labels = key.partition("{")
            row = (tuple(labels.rstrip("}").split(",")) if labels else (), _merge(name, values))
            rows.setdefault(name, []).append(row)
        for name, own in self._gauges.items():
            rows.setdefault(name, []).extend(own)
        for name, series in rows.items():
            family = GaugeMetricFamily(
                name, _help(name), labels=_label_names(name, [row[0] for row in series])
            )
            for labels_, value in series:
                family.add_metric(labels_, value)
            yield family


def _counter(name: str, series: dict[tuple[str, ...], int]) -> CounterMetricFamily:
    family = CounterMetricFamily(
        name.removesuffix("_total"), _help(name), labels=_label_names(name, list(series))
    )
    for labels, value in sorted(series.items()):
        family.add_metric(labels, value)
    return family


def _histogram(name: str, series: dict[tuple[str, ...], Histogram]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, _help(name), labels=_label_names(name, list(series)))
    for labels, row in sorted(series.items()):
        family.add_metric(labels, _buckets(row.counts), row.sum)
    return family


def _buckets(counts: Sequence[int]) -> list[tuple[str, float]]:
    """Cumulative counts at the exported bounds; each is one of the fine bounds, so nothing is estimated."""
    within = [(str(bound), float(sum(counts[: LATENCY_BOUNDS.index(bound) + 1]))) for bound in _EXPORTED]
    return [*within, ("+Inf", sum(counts))]


def _help(name: str) -> str:
    metric = catalogue.CATALOGUE.get(name)
    return metric.help if metric else "Reported by a process of this gateway."


def _label_names(name: str, seen: list[tuple[str, ...]]) -> tuple[str, ...]:
    metric = catalogue.CATALOGUE.get(name)
    if metric and all(len(labels) == len(metric.labels) for labels in seen):
        return metric.labels
    # What nobody wrote into the catalogue yet is shown all the same, under labels that say so.
    return tuple(f"label_{number}" for number in range(1, max(map(len, seen), default=0) + 1))


def _merge(name: str, values: list[float]) -> float:
    metric = catalogue.CATALOGUE.get(name)
    return _MERGES[metric.merge if metric else "sum"](values)
