"""The totals of one worker: plain dictionaries, touched once per request. Knows no channel and no
exposition format."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict

from gateway.core.breaker import Phase
from gateway.core.event import BreakerMoved, FellBack, GatewayAnswered, RequestFinished
from gateway.core.latency import bucket, empty_counts
from gateway.sinks.log import log_event

_log = logging.getLogger("banyan.proxy")

_CLASSES = {0: "client_gone", **{status: f"{status // 100}xx" for status in range(100, 600)}}


class _Latency:
    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = empty_counts()
        self.sum = 0.0


class WorkerCounters:
    """Receives the events of the request path. Keys are label values in the order of the metric's labels."""

    __slots__ = ("fallbacks", "gateway_errors", "latencies", "requests")

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, str, str]] = Counter()
        self.fallbacks: Counter[tuple[str, str]] = Counter()
        self.gateway_errors: Counter[str] = Counter()
        self.latencies: defaultdict[tuple[str, str], _Latency] = defaultdict(_Latency)

    def finished(self, event: RequestFinished) -> None:
        """Count one request by feature, side, cause and class of status."""
        code = _CLASSES.get(event.status, "other")
        self.requests[event.feature, event.side, event.cause, code] += 1
        latency = self.latencies[event.feature, event.side]
        latency.counts[bucket(event.seconds)] += 1
        latency.sum += event.seconds

    def fell_back(self, event: FellBack) -> None:
        """Count one fallback by feature and reason."""
        self.fallbacks[event.feature, event.reason] += 1

    def gateway_answered(self, event: GatewayAnswered) -> None:
        """Count one answer of the gateway itself by reason."""
        self.gateway_errors[event.reason] += 1

    def breaker_moved(self, event: BreakerMoved) -> None:
        """Say so in the log: it is rare, and somebody will ask when it was."""
        fields = {"event": "breaker", "feature": event.feature, "phase": event.phase.name.lower()}
        level = logging.WARNING if event.phase is Phase.OPEN else logging.INFO
        log_event(_log, f"the breaker of {event.feature} is {event.phase.name.lower()}", fields, level)
