"""`/metrics`: counts and times of requests, sessions and memory, under the documents' own names.

| name                                                       | type      |
|------------------------------------------------------------|-----------|
| `app_requests_total{endpoint,method,status}`               | counter   |
| `app_request_duration_seconds{endpoint,service_version}`   | histogram |
| `app_active_sessions`                                      | gauge     |
| `app_memory_usage_bytes`                                   | gauge     |

`endpoint` is the route's pattern ("/scenario/<scenario_id>"), "unknown" when no route matched.
With `PROMETHEUS_MULTIPROC_DIR` set, as `python -m legacy_app` does, all workers are counted
together whichever of them answers; without it each worker tells its own story.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry

SERVICE_VERSION: Final = "legacy"
UNKNOWN: Final = "unknown"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
PAGE_SIZE: Final = os.sysconf("SC_PAGE_SIZE")

REQUESTS: Final = Counter("app_requests", "Requests answered", ["endpoint", "method", "status"])
DURATION: Final = Histogram(
    "app_request_duration_seconds", "Time to an answer", ["endpoint", "service_version"]
)
MEMORY: Final = Gauge("app_memory_usage_bytes", "Resident memory of all workers", multiprocess_mode="livesum")


class ActiveSessions(Collector):
    """Asks the store at every scrape; a store that does not answer gives no value."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("app_active_sessions", "Sessions in the store")
        try:
            family.add_metric([], self._count())
        except Exception:  # noqa: BLE001 - whatever the store's trouble, the other numbers matter
            return
        yield family


def install(app: Flask, count_sessions: Callable[[], int]) -> None:
    sessions = ActiveSessions(count_sessions)
    app.before_request(_start)
    app.after_request(_finish)
    app.add_url_rule("/metrics", "metrics", lambda: _scrape(sessions))
    MEMORY.set(_resident_bytes())


def _start() -> None:
    g.started_at = time.perf_counter()


def _finish(response: Response) -> Response:
    endpoint = request.url_rule.rule if request.url_rule else UNKNOWN
    method = request.method if request.method in METHODS else UNKNOWN
    REQUESTS.labels(endpoint, method, response.status_code).inc()
    if "started_at" in g:
        DURATION.labels(endpoint, SERVICE_VERSION).observe(time.perf_counter() - g.started_at)
    MEMORY.set(_resident_bytes())
    return response


def _scrape(sessions: ActiveSessions) -> Response:
    registry = CollectorRegistry()
    registry.register(sessions)
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        text = generate_latest(registry)
    else:
        text = generate_latest(registry) + generate_latest(REGISTRY)
    return Response(text, content_type=CONTENT_TYPE_LATEST)


def _resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_SIZE
    except OSError:  # not Linux
        return 0
