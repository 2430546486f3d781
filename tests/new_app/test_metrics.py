"""The metrics page, read as Prometheus reads it."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.new_app.visitor import Visitor


def samples(visitor: Visitor) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(visitor.get("/metrics").text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def labels(**named: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(named.items()))


def test_requests_are_counted_by_pattern_and_status(visitor: Visitor) -> None:
    before = samples(visitor)
    visitor.get("/api/scenario/scenario1/category")
    visitor.get("/api/scenario/scenario2/category")
    visitor.get("/api/scenario/nowhere/category")
    visitor.get("/a/path/of/an/attacker")
    visitor.http.request("PROPFIND", "/api/models")
    after = samples(visitor)
    pattern = "/api/scenario/<scenario_id>/category"

    def more(**named: str) -> float:
        key = ("app_requests_total", labels(**named))
        return after[key] - before.get(key, 0)

    assert more(endpoint=pattern, method="GET", status="200") == 2
    assert more(endpoint=pattern, method="GET", status="404") == 1
    assert more(endpoint="unknown", method="GET", status="404") == 1
    assert more(endpoint="/api/models", method="unknown", status="405") == 1
    assert not any("attacker" in str(key) for key in after)


def test_durations_sessions_and_memory(visitor: Visitor) -> None:
    visitor.get("/api/models")
    before = samples(visitor)
    count = labels(endpoint="/api/models", service_version="new")
    assert before["app_request_duration_seconds_count", count] >= 1
    assert before["app_memory_usage_bytes", ()] > 10_000_000
    visitor.start_chat()
    assert samples(visitor)["app_active_sessions", ()] == before["app_active_sessions", ()] + 1
