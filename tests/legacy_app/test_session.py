"""What the session's user sees of it, through the front door."""

import re

import pytest

from tests.legacy_app.servers import START, WATCH, Legacy, Person, fault, invalid

ALL = {
    "csrf_token", "chat_settings", "chat_history", "chat_model", "scenario_history",
    "current_scenario", "watch_settings", "watch_history",
}  # fmt: skip


@pytest.fixture
def talker(person: Person) -> Person:
    person.said("/api/start_chat", START)
    person.said("/api/chat", {"message": "はい"})
    person.said("/api/scenario_chat", {"scenario_id": "scenario1", "message": "はい"})
    person.said("/api/watch/start", WATCH)
    return person


def keys(person: Person) -> set[str]:
    return set(person.get("/api/session/info").json()["keys"])


def test_health_names_the_store(person: Person) -> None:
    body = person.get("/api/session/health").json()
    assert body.pop("timestamp")
    assert body == {"status": "healthy", "session_type": "filesystem"}


def test_info_names_keys_and_counts_but_no_values(talker: Person) -> None:
    answer = talker.get("/api/session/info")
    assert answer.json() == {
        "session_type": "filesystem",
        "keys": sorted(ALL),
        "counts": {"chat_history": 1, "scenario_history": {"scenario1": 1}, "watch_history": 1},
    }
    assert talker.token() not in answer.text


def test_a_stranger_has_no_keys(person: Person) -> None:
    assert person.get("/api/session/info").json()["keys"] == []


@pytest.mark.parametrize(
    ("kind", "gone"),
    [
        ("chat", {"chat_history", "chat_settings"}),
        ("scenario", {"scenario_history", "current_scenario"}),
        ("watch", {"watch_history", "watch_settings"}),
        ("all", ALL - {"csrf_token"}),
    ],
)
def test_clearing(talker: Person, kind: str, gone: set[str]) -> None:
    body = talker.said("/api/session/clear", {"type": kind})
    assert body["status"] == "success"
    assert body["message"]
    assert keys(talker) == ALL - gone
    assert talker.ask("/api/session/clear", {"type": kind}).status_code == 200


@pytest.mark.parametrize("body", [{}, {"type": "everything"}, {"type": 1}])
def test_clearing_must_say_what(person: Person, body: dict[str, object]) -> None:
    assert fault(person.ask("/api/session/clear", body)) == invalid("type")


def test_the_cookie_is_signed_and_http_only(legacy: Legacy, person: Person) -> None:
    cookie = person.get("/api/csrf-token").headers["set-cookie"]
    assert re.match(r"session=[\w-]+\.[\w-]+; ", cookie)
    assert "HttpOnly" in cookie
    person.said("/api/start_chat", START)
    session_id, signature = person.cookies["session"].rsplit(".", 1)
    with legacy.person(session=f"{session_id}.{signature[::-1]}") as forger:
        assert keys(forger) == set()


def test_reading_writes_no_session(talker: Person) -> None:
    for path in ("/api/session/info", "/chat", "/api/csrf-token", "/api/models"):
        assert "set-cookie" not in talker.get(path).headers
