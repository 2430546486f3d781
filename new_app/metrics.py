"""What Prometheus asks for: requests, durations, live sessions and memory, under the documents' names.

Each process counts for itself. A label never carries a raw path: it is the route's pattern, or `unknown`.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from new_app.sessions.store import SessionStore, StoreUnavailableError
from new_app.shadow_mode import is_shadow

SERVICE_VERSION = "new"
UNKNOWN = "unknown"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The four instruments, in a registry of their own so that two applications fit into one test process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "app_requests", "Requests answered", ["endpoint", "method", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "app_request_duration_seconds",
            "Seconds from the first byte in to the last byte out",
            ["endpoint", "service_version"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._sessions = Gauge("app_active_sessions", "Sessions in the store", registry=self._registry)
        self._memory = Gauge("app_memory_usage_bytes", "Resident memory", registry=self._registry)

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        endpoint = _pattern(scope)
        method = scope["method"] if scope["method"] in _METHODS else UNKNOWN
        self._requests.labels(endpoint, method, str(status)).inc()
        self._seconds.labels(endpoint, SERVICE_VERSION).observe(seconds)

    async def page(self, store: SessionStore) -> bytes:
        try:
            self._sessions.set(await store.count())
        except StoreUnavailableError:
            self._sessions.set(float("nan"))  # the other numbers are wanted most when the store is gone
        self._memory.set(resident_bytes())
        return generate_latest(self._registry)


class MetricsLayer:
    """Counts every request but those of the shadow, which served no user."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = 500

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        finally:
            if not is_shadow(scope):
                self._metrics.observe(scope, status, time.perf_counter() - begun)


def _pattern(scope: Scope) -> str:
    """Written as the old application's dashboards know it: `/scenario/<scenario_id>`."""
    path: str = getattr(scope.get("route"), "path", UNKNOWN)
    return path.replace("{", "<").replace("}", ">")


def resident_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:  # no /proc: the peak is the next best thing, in kilobytes except on macOS
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return pages * resource.getpagesize()
