"""How answers look on the wire: printing, errors outside the routes, health, models."""

import json
from datetime import datetime

import httpx
import pytest

from tests.legacy_app.servers import Legacy, Person, fault, invalid


def test_json_is_indented_sorted_ascii_with_a_newline(person: Person) -> None:
    answer = person.get("/api/categorized_scenarios")
    assert answer.headers["content-type"] == "application/json"
    printed = json.dumps(answer.json(), indent=2, sort_keys=True, ensure_ascii=True) + "\n"
    assert answer.text == printed


def test_health(person: Person) -> None:
    answer = person.get("/health")
    body = answer.json()
    assert datetime.fromisoformat(body.pop("timestamp")).tzinfo
    assert body == {
        "status": "healthy",
        "version": "2.0.0",
        "checks": {"database": "healthy", "llm": "offline"},
    }
    assert answer.headers["server"] == "gunicorn"
    assert "date" in answer.headers
    assert "set-cookie" not in answer.headers


def test_models(person: Person) -> None:
    body = person.get("/api/models").json()
    assert "gemini/gemini-1.5-flash" in [model["id"] for model in body["models"]]
    assert all(set(model) == {"id", "name", "provider"} for model in body["models"])
    assert body["categories"] == {"gemini": body["models"]}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b'"text"', "application/json"),
        (b"[" * 20_000, "application/json"),
        (b"\xff", "application/json"),
        (b"{}", "text/plain"),
    ],
)
def test_a_body_must_be_a_json_object(person: Person, content: bytes, kind: str) -> None:
    headers = {"X-CSRF-Token": person.token(), "Content-Type": kind}
    assert fault(person.post("/api/chat", content=content, headers=headers)) == invalid()


def test_a_large_body_is_refused_and_the_connection_survives(person: Person) -> None:
    answer = person.ask("/api/chat", {"message": "x" * 70_000})
    assert fault(answer) == (413, "BODY_TOO_LARGE", None)
    assert person.get("/health").status_code == 200


def test_unknown_addresses(person: Person) -> None:
    assert fault(person.get("/api/nothing")) == (404, "NOT_FOUND", None)
    page = person.get("/nothing")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "ページが見つかりません" in page.text


def test_a_wrong_method_names_the_right_ones(person: Person) -> None:
    answer = person.get("/api/chat")
    assert fault(answer) == (405, "METHOD_NOT_ALLOWED", None)
    assert set(answer.headers["allow"].split(", ")) == {"POST", "OPTIONS"}


def test_head_is_get_without_a_body(person: Person) -> None:
    head = person.head("/api/models")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == person.get("/api/models").headers["content-length"]


def test_metrics_count_what_all_workers_did(legacy: Legacy) -> None:
    before = count(legacy, "/api/models")
    for _ in range(10):  # new connections, so that either worker gets some
        httpx.get(f"{legacy.url}/api/models", trust_env=False, timeout=60)
    assert count(legacy, "/api/models") == before + 10
    text = scrape(legacy)
    assert 'app_request_duration_seconds_count{endpoint="/api/models",service_version="legacy"}' in text
    assert sample(text, "app_memory_usage_bytes") > 10_000_000


def test_metrics_count_sessions_and_keep_labels_few(legacy: Legacy) -> None:
    before = sample(scrape(legacy), "app_active_sessions")
    with legacy.person() as someone:
        someone.token()
        someone.get("/api/scenario/scenario1/category")
        someone.get("/no/such/page")
        someone.request("BREW", "/health")
    text = scrape(legacy)
    assert sample(text, "app_active_sessions") == before + 1
    assert 'endpoint="/api/scenario/<scenario_id>/category"' in text
    assert 'endpoint="unknown",method="GET",status="404"' in text
    assert "BREW" not in text


def scrape(legacy: Legacy) -> str:
    return httpx.get(f"{legacy.url}/metrics", trust_env=False, timeout=60).text


def sample(text: str, name: str) -> float:
    line = next(line for line in text.splitlines() if line.startswith(name))
    return float(line.rsplit(" ", 1)[1])


def count(legacy: Legacy, endpoint: str) -> float:
    name = f'app_requests_total{{endpoint="{endpoint}",method="GET",status="200"}}'
    text = scrape(legacy)
    return sample(text, name) if name in text else 0
