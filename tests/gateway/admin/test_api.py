"""The admin API over real HTTP: what each route answers, and every error as a problem document."""

from __future__ import annotations

import re
import time
from typing import Any

import httpx
import pytest

from flags import PAGE_NAME, Entry, Ledger, StatePage
from gateway.shadow_process import STORE_NAME
from shadow import Batch, Kind, Occurrence, ResultStore, Severity
from tests.gateway.running import Running
from tests.support.ports import wait_until

V1 = "/api/v1"


def dial(gateway: Running, feature: str, percent: object, reason: object = "a test") -> httpx.Response:
    return gateway.call("PUT", f"{V1}/features/{feature}/dial", json={"percent": percent, "reason": reason})


def test_the_status_names_every_feature_and_worker(gateway: Running) -> None:
    found = gateway.call("GET", f"{V1}/status").json()
    assert [one["name"] for one in found["features"]] == ["orders", "reports"]
    assert found["features"][0].keys() >= {"percent", "side", "latched", "breaker", "plan"}
    (worker,) = found["workers"]
    assert worker["pid"] in gateway.pids()
    assert worker["revision"] == found["revision"]
    assert found["traffic"] == gateway.ready["traffic"]


def test_a_dial_answers_when_the_workers_have_it(gateway: Running) -> None:
    dial(gateway, "orders", 0)
    answer = dial(gateway, "orders", 12.34).json()
    assert {**answer, "seconds": 0, "revision": 0} == {
        "feature": "orders",
        "old": 0,
        "new": 12.34,
        "revision": 0,
        "workers": 1,
        "seconds": 0,
        "complete": True,
        "lagging": [],
        "latched": False,
        "source": "dial",
        "note": "",
        "elsewhere": None,
    }
    assert answer["seconds"] > 0
    assert gateway.call("GET", f"{V1}/status").json()["revision"] == answer["revision"]


@pytest.mark.parametrize("percent", [100.01, 101, -0.01, 0.001, 1e400, "10", None, [], True])
def test_a_dial_that_cannot_be_is_a_problem_and_changes_nothing(gateway: Running, percent: object) -> None:
    before = gateway.call("GET", f"{V1}/status").json()["revision"]
    body = '{"percent": 1e400, "reason": "r"}' if percent == 1e400 else None
    path = f"{V1}/features/orders/dial"
    answer = gateway.call("PUT", path, content=body) if body else dial(gateway, "orders", percent)
    problem(answer, 422)
    assert gateway.call("GET", f"{V1}/status").json()["revision"] == before


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The answer as a problem document (RFC 9457)."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found.keys() >= {"type", "title", "status", "detail"}
    assert found["status"] == status
    assert found["detail"]
    return found


def test_an_unknown_feature_is_named_with_those_there_are(gateway: Running) -> None:
    for answer in (
        dial(gateway, "order", 1),
        gateway.call("POST", f"{V1}/features/order/rollback", json={"reason": "r"}),
        gateway.call("GET", f"{V1}/features/order/report"),
        gateway.call("GET", f"{V1}/diffs", params={"feature": "order"}),
    ):
        assert problem(answer, 404)["known"] == ["orders", "reports"]


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "{}", '{"reason": ""}', '{"reason": "r", "colour": 1}', '{"reason": 1}']
)
def test_a_change_without_a_proper_reason_is_refused(gateway: Running, body: str) -> None:
    problem(gateway.call("POST", f"{V1}/rollback", content=body), 422)
    assert not gateway.call("GET", f"{V1}/status").json()["everything_latched"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", V1, 404),
        ("DELETE", f"{V1}/status", 405),
        ("GET", f"{V1}/diffs/none", 404),
    ],
)
def test_errors_of_routing_are_problems_too(gateway: Running, method: str, path: str, status: int) -> None:
    problem(gateway.call(method, path), status)


def test_a_signature_whose_sample_was_lost_is_told_from_one_that_never_was(gateway: Running) -> None:
    occurrence = Occurrence(
        "5a3b", "orders", "/orders", "200/200", "$.total", Kind.VALUE_CHANGED, Severity.HIGH, ""
    )
    batch = Batch()
    batch.occurrences[occurrence] = 3
    store = ResultStore(gateway.state / STORE_NAME)
    assert store.write(batch, time.time())
    store.close()
    assert [one["id"] for one in gateway.call("GET", f"{V1}/diffs").json()] == ["5a3b"]
    said = problem(gateway.call("GET", f"{V1}/diffs/5a3b"), 404)["detail"]
    assert "no sample is kept" in said
    assert "/orders, $.total" in said
    assert "seen 3 times" in said
    assert "There is no signature" in problem(gateway.call("GET", f"{V1}/diffs/5a3c"), 404)["detail"]


def test_rollback_and_restore_of_a_feature(gateway: Running) -> None:
    dial(gateway, "orders", 40)
    done = gateway.call(
        "POST", f"{V1}/features/orders/rollback", json={"reason": "errors", "by": "ann"}
    ).json()
    assert (done["feature"], done["latched"], done["workers"], done["complete"], done["recorded"]) == (
        "orders",
        True,
        1,
        True,
        True,
    )
    feature = gateway.call("GET", f"{V1}/status").json()["features"][0]
    assert (feature["latched"], feature["side"], feature["percent"]) == (True, "legacy", 40)
    (seconds,) = re.findall(
        r"^banyan_rollback_seconds (\S+)$", gateway.call("GET", "/metrics").text, re.MULTILINE
    )
    assert float(seconds) == pytest.approx(done["seconds"])
    assert float(seconds) > 0
    assert (
        gateway.call("DELETE", f"{V1}/features/orders/rollback", params={"reason": "calm"}).status_code == 200
    )
    feature = gateway.call("GET", f"{V1}/status").json()["features"][0]
    assert (feature["latched"], feature["side"], feature["percent"]) == (False, "split", 40)
    restored, rolled_back, *_ = gateway.call("GET", f"{V1}/ledger").json()
    assert (rolled_back["actor"], rolled_back["action"], rolled_back["reason"]) == (
        "ann",
        "rollback",
        "errors",
    )
    assert (restored["action"], restored["reason"]) == ("restore", "calm")
    assert gateway.call("GET", f"{V1}/ledger/verify").json() == {"intact": True, "problems": []}


@pytest.mark.parametrize(
    ("asked", "side", "cause", "feature"),
    [
        (("GET", "/api/orders/7?x=1", "ann"), "new", "percentage", "orders"),
        (("GET", "/api/reports/7", "ann"), "legacy", "percentage", "reports"),
        (("POST", "/elsewhere", "ann"), "legacy", "unmatched", None),
    ],
)
def test_explain_says_side_cause_and_position(
    gateway: Running, asked: tuple[str, str, str], side: str, cause: str, feature: str | None
) -> None:
    dial(gateway, "orders", 100)
    dial(gateway, "reports", 0)
    body = dict(zip(("method", "path", "key"), asked, strict=True))
    found = gateway.call("POST", f"{V1}/explain", json=body).json()
    assert (found["side"], found["cause"], found["feature"]) == (side, cause, feature)
    assert (found["position"] is None) == (feature is None)


def test_explain_gives_the_rollback_as_the_cause(gateway: Running) -> None:
    dial(gateway, "orders", 100)
    body = {"method": "GET", "path": "/api/orders/7", "key": "ann"}
    for path, cause in (("/features/orders", "rollback_feature"), ("", "rollback_all")):
        gateway.call("POST", f"{V1}{path}/rollback", json={"reason": "r"})
        found = gateway.call("POST", f"{V1}/explain", json=body).json()
        assert (found["side"], found["cause"]) == ("legacy", cause)


def test_a_report_without_traffic_holds(gateway: Running) -> None:
    found = gateway.call("GET", f"{V1}/features/orders/report").json()
    assert found["verdict"] == "not_ready"
    assert any("no data means hold" in reason for reason in found["reasons"])
    assert found["new"]["p95"] is None


def test_metrics_count_what_workers_did_and_name_each_worker(gateway: Running) -> None:
    gateway.connect()
    wanted = re.compile(
        r'banyan_requests_total\{cause="percentage",code="2xx",feature="orders",side="legacy"\} [1-9]'
    )
    wait_until(lambda: bool(wanted.search(gateway.call("GET", "/metrics").text)), 60, "the count")
    text = gateway.call("GET", "/metrics").text
    revision = gateway.call("GET", f"{V1}/status").json()["revision"]
    assert f'banyan_state_revision{{worker="0"}} {revision}.0' in text
    assert 'banyan_state_age_seconds{worker="0"}' in text
    assert 'banyan_dial_percent{feature="orders"}' in text


def test_openapi_describes_every_route_with_its_answer_and_its_errors(gateway: Running) -> None:
    found = gateway.call("GET", f"{V1}/openapi.json").json()
    for path, method in (
        ("/status", "get"),
        ("/features/{name}/dial", "put"),
        ("/rollback", "post"),
        ("/rollback", "delete"),
        ("/features/{name}/rollback", "post"),
        ("/features/{name}/rollback", "delete"),
        ("/features/{name}/report", "get"),
        ("/diffs", "get"),
        ("/ledger", "get"),
        ("/explain", "post"),
    ):
        responses = found["paths"][V1 + path][method]["responses"]
        assert "application/problem+json" in responses["default"]["content"]
    text = str(found)
    for name in re.findall(r"#/components/schemas/(\w+)", text):
        assert name in found["components"]["schemas"], name


def test_a_reason_that_is_no_text_keeps_nobody_from_rolling_back(gateway: Running) -> None:
    """A lone surrogate, which a byte that is not UTF-8 becomes on its way through a command."""
    answer = gateway.call(
        "POST",
        f"{V1}/features/orders/rollback",
        content=b'{"reason": "d\\udce9faut", "by": "b\\udcf6b"}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["recorded"]
    (entry,) = gateway.call("GET", f"{V1}/ledger?limit=1").json()
    assert (entry["actor"], entry["reason"]) == ("b\\udcf6b", "d\\udce9faut")
    gateway.call("DELETE", f"{V1}/features/orders/rollback", json={"reason": "over"})


def test_an_entry_that_does_not_fit_keeps_nothing_else_from_being_written_down(gateway: Running) -> None:
    Ledger(gateway.state).append(Entry("mallory", "dial_asked", "orders", 1, 2, "why", {"tok": 1}))
    assert gateway.call("GET", f"{V1}/approvals").json() == []
    page = StatePage.open(gateway.state / PAGE_NAME)
    page.latch("reports", True)
    page.close()

    def told() -> bool:
        (last,) = gateway.call("GET", f"{V1}/ledger?limit=1").json()
        return bool((last["action"], last["feature"]) == ("rollback", "reports"))

    wait_until(told, 60, "the entry of a rollback by a byte")
    gateway.call("DELETE", f"{V1}/features/reports/rollback", json={"reason": "over"})
