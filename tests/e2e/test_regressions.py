"""Every seeded regression is found from outside: by the comparison or by the report, with the right thing
named."""

import asyncio
from typing import Any

import httpx
import pytest

from deploy.demo.users import Crowd
from tests.e2e.between import PATIENCE
from tests.e2e.migration import Migration, eventually

SEEN_BY_COMPARISON = {
    "field-renamed": ("body.response", "removed"),
    "number-as-text": ("body.expires_in", "type_changed"),
    "unescaped-html": ("body.response", "value_changed"),
    "wrong-status": ("status", "status"),
    "history-cut": ("body.history", ""),
    "session-key-dropped": ("body.keys", ""),
    "errors": ("status", "status"),
}


def rows(migration: Migration) -> list[dict[str, Any]]:
    """The signatures so far."""
    data: list[dict[str, Any]] = migration.banyan("diffs", migration.feature).data
    return data


def talk(migration: Migration, turns: int = 3, *, message: str = "<b>お昼</b>に行きました") -> None:
    """One conversation that touches what the faults change."""
    with httpx.Client(base_url=migration.url, trust_env=False, timeout=PATIENCE) as client:
        client.headers["X-CSRF-Token"] = client.get("/api/csrf-token").json()["csrf_token"]
        scene = {"partner_type": "boss", "situation": "morning", "topic": "work"}
        client.post("/api/start_chat", json={**scene, "model": "gemini/gemini-1.5-flash"})
        for turn in range(turns):
            client.post(
                "/api/chat", json={"message": f"{message} {turn}", "model": "gemini/gemini-1.5-flash"}
            )
        client.post("/api/conversation_history", json={"type": "chat"})
        client.get("/api/session/info")


def test_no_regression_no_mismatch(migration: Migration) -> None:
    """Conversations in all three modes, and the one the faults are looked for with: nothing differs."""
    crowd = Crowd(migration.url, 12)
    asyncio.run(crowd.converse(crowd.users))
    talk(migration)
    with httpx.Client(base_url=migration.url, trust_env=False, timeout=PATIENCE) as client:
        for page in ("/", "/chat", "/scenarios", "/scenario/scenario1", "/watch"):
            assert client.get(page).status_code == 200

    def compared() -> dict[str, Any]:
        numbers: dict[str, Any] = migration.banyan("report", migration.feature).data["shadow"]
        return numbers

    def enough() -> bool:
        """A busy machine leaves some uncompared, and more is said then."""
        if not eventually(lambda: compared()["compared"] > 50, 10):
            talk(migration)
        return bool(compared()["compared"] > 50)

    assert eventually(enough), compared()
    assert rows(migration) == []


@pytest.mark.parametrize("fault", sorted(SEEN_BY_COMPARISON))
def test_regression_is_found_and_named(migration: Migration, fault: str) -> None:
    """The signature names the path and the kind of what changed."""
    path, kind = SEEN_BY_COMPARISON[fault]
    before = {row["id"]: row["count"] for row in rows(migration)}
    migration.switch_fault(fault)
    try:

        def found() -> list[dict[str, Any]]:
            return [
                row
                for row in rows(migration)
                if row["count"] > before.get(row["id"], 0)
                and row["path"].startswith(path)
                and kind in ("", row["kind"])
            ]

        def named() -> bool:
            """A busy machine may leave out the one that shows it, and is told the same again."""
            for _ in range(5 if fault == "errors" else 1):
                talk(migration, turns=30 if fault == "history-cut" else 10 if fault == "errors" else 3)
            return bool(eventually(found, 10))

        assert eventually(named), rows(migration)
    finally:
        migration.switch_fault("")


def test_slowness_is_seen_in_the_report(migration: Migration) -> None:
    """A side that is 300 ms slower gives the same answers; the report says so, and is not ready because
    of it."""
    migration.switch_fault("slow")
    migration.dial(100)
    try:

        def slow() -> dict[str, Any] | None:
            """As long as somebody asks: the report is of the last seconds."""
            for _ in range(3):
                talk(migration)
            data: dict[str, Any] = migration.banyan("report", migration.feature).data
            return data if any("p95" in reason for reason in data["reasons"]) else None

        report = eventually(slow)
        assert report, migration.banyan("report", migration.feature).data["reasons"]
    finally:
        migration.switch_fault("")
        migration.dial(0)
    assert report["new"]["p50"] > 0.3
    assert report["verdict"] == "not_ready"
