"""The totals of one worker: plain dictionaries, touched once per request. Knows no channel and no
exposition format."""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping

from gateway.core.breaker import Phase
from gateway.core.event import BreakerMoved, FellBack, GatewayAnswered, RequestFinished
from gateway.core.forcing import Ignored
from gateway.core.latency import bucket, empty_counts
from gateway.sinks.evidence import EvidenceCounters
from gateway.sinks.log import log_event

_log = logging.getLogger("banyan.proxy")

_CLASSES = {0: "client_gone", **{status: f"{status // 100}xx" for status in range(100, 600)}}


class _Latency:
    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = empty_counts()
        self.sum = 0.0


class _Cell:
    """Requests that are alike to the metrics, and where their durations are counted."""

    __slots__ = ("latency", "times")

    def __init__(self, latency: _Latency) -> None:
        self.latency = latency
        self.times = 0


class WorkerCounters:
    """Receives the events of the request path. Keys are label values in the order of the metric's labels.
    ``windows``: see ``evidence``; ``clock``: seconds since 1970."""

    __slots__ = ("_cells", "evidence", "fallbacks", "forces_ignored", "gateway_errors", "latencies")

    def __init__(
        self, windows: Mapping[str, float] | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.evidence = EvidenceCounters(clock, windows)
        self._cells: dict[tuple[str, str, str, int], _Cell] = {}
        self.fallbacks: Counter[tuple[str, str]] = Counter()
        self.gateway_errors: Counter[str] = Counter()
        self.forces_ignored: Counter[str] = Counter()
        self.latencies: defaultdict[tuple[str, str], _Latency] = defaultdict(_Latency)

    def finished(self, event: RequestFinished) -> None:
        """Count one request by feature, side, cause and status."""
        alike = (event.feature, event.side, event.cause, event.status)
        cell = self._cells.get(alike)
        if cell is None:
            cell = self._cells[alike] = _Cell(self.latencies[event.feature, event.side])
        cell.times += 1
        latency, seconds = cell.latency, event.seconds
        slot = bucket(seconds)
        latency.counts[slot] += 1
        latency.sum += seconds
        self.evidence.finished(event, slot)

    @property
    def requests(self) -> Counter[tuple[str, str, str, str]]:
        """By feature, side, cause and class of status."""
        found: Counter[tuple[str, str, str, str]] = Counter()
        for (feature, side, cause, status), cell in self._cells.items():
            found[feature, side, cause, _CLASSES.get(status, "other")] += cell.times
        return found

    def fell_back(self, event: FellBack) -> None:
        """Count one fallback by feature and reason."""
        self.fallbacks[event.feature, event.reason] += 1

    def gateway_answered(self, event: GatewayAnswered) -> None:
        """Count one answer of the gateway itself by reason."""
        self.gateway_errors[event.reason] += 1

    def force_ignored(self, why: Ignored) -> None:
        """Count one tester's word that was not believed."""
        self.forces_ignored[why] += 1

    def breaker_moved(self, event: BreakerMoved) -> None:
        """Say so in the log: it is rare, and somebody will ask when it was."""
        fields = {"event": "breaker", "feature": event.feature, "phase": event.phase.name.lower()}
        level = logging.WARNING if event.phase is Phase.OPEN else logging.INFO
        log_event(_log, f"the breaker of {event.feature} is {event.phase.name.lower()}", fields, level)
