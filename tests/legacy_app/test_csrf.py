"""The token: who must send it, and what happens without."""

import re

import httpx
import pytest

from tests.legacy_app.servers import Legacy, Person

STARRED = [
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
]


def refusal(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"error", "code"}
    assert isinstance(body["error"], str)
    return answer.status_code, body["code"]


def test_the_token_is_random_and_stays_with_its_session(legacy: Legacy) -> None:
    with legacy.person() as one, legacy.person() as other:
        body = one.get("/api/csrf-token").json()
        assert re.fullmatch(r"[0-9a-f]{32}", body["csrf_token"])
        assert body["expires_in"] == 3600
        assert one.get("/api/csrf-token").json() == body
        assert other.get("/api/csrf-token").json()["csrf_token"] != body["csrf_token"]


@pytest.mark.parametrize("path", STARRED)
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({}, "CSRF_TOKEN_MISSING"),
        ({"X-CSRF-Token": ""}, "CSRF_TOKEN_MISSING"),
        ({"X-CSRF-Token": "0" * 32}, "CSRF_TOKEN_INVALID"),
        ({"X-CSRF-Token": b"\xff\xfe"}, "CSRF_TOKEN_INVALID"),
    ],
)
def test_starred_routes_ask_for_it(person: Person, path: str, sent: dict[str, str], code: str) -> None:
    person.token()
    assert refusal(person.post(path, json={}, headers=sent)) == (403, code)


@pytest.mark.parametrize("path", STARRED)
def test_another_sessions_token_is_invalid(legacy: Legacy, person: Person, path: str) -> None:
    with legacy.person() as stranger:
        headers = {"X-CSRF-Token": stranger.token()}
        assert refusal(person.post(path, json={}, headers=headers)) == (403, "CSRF_TOKEN_INVALID")


def test_the_token_is_looked_at_before_the_body(person: Person) -> None:
    answer = person.post("/api/chat", content=b"{", headers={"Content-Type": "application/json"})
    assert refusal(answer) == (403, "CSRF_TOKEN_MISSING")
