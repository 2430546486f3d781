"""The token: asked of every POST that changes something, before anything else is looked at."""

from __future__ import annotations

import pytest

from tests.new_app.visitor import Visitor

GUARDED = [
    "/api/start_chat",
    "/api/chat",
    "/api/clear_history",
    "/api/chat_feedback",
    "/api/scenario_chat",
    "/api/scenario_clear",
    "/api/scenario_feedback",
    "/api/watch/start",
    "/api/watch/next",
    "/api/session/clear",
    "/api/v2/chat",
    "/api/v2/scenario",
    "/api/v2/watch",
]


def test_one_session_has_one_token(visitor: Visitor, app: str) -> None:
    first = visitor.get("/api/csrf-token").json()
    assert set(first) == {"csrf_token", "expires_in"}
    assert len(bytes.fromhex(first["csrf_token"])) == 16
    assert first["expires_in"] == 3600
    assert visitor.get("/api/csrf-token").json() == first
    with Visitor(app) as other:
        assert other.token != first["csrf_token"]


@pytest.mark.parametrize("path", GUARDED)
def test_without_the_right_token_nothing_is_done(visitor: Visitor, app: str, path: str) -> None:
    with Visitor(app) as other:
        cases = {
            "CSRF_TOKEN_MISSING": [{}, {"X-CSRF-Token": ""}],
            "CSRF_TOKEN_INVALID": [{"X-CSRF-Token": other.token}, {"X-CSRF-Token": visitor.token[:-1]}],
        }
    for code, sent in cases.items():
        for headers in sent:
            answer = visitor.http.post(path, content=b"not even JSON", headers=headers)
            assert answer.status_code == 403
            assert set(answer.json()) == {"error", "code"}
            assert answer.json()["code"] == code
    assert visitor.session_keys() == ["csrf_token"]


def test_a_token_without_its_session_is_worth_nothing(visitor: Visitor, app: str) -> None:
    with Visitor(app) as other:
        answer = other.http.post("/api/watch/next", headers={"X-CSRF-Token": visitor.token})
    assert answer.json()["code"] == "CSRF_TOKEN_INVALID"


def test_reading_the_history_needs_no_token(visitor: Visitor) -> None:
    assert visitor.http.post("/api/conversation_history", json={"type": "chat"}).json() == {"history": []}
