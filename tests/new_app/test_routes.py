"""Every JSON route from outside: the good way and the bad ways."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.new_app.visitor import FLASH, LUNCH, PRO, WATCH, Visitor


def error_of(answer: httpx.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    assert set(error) <= {"code", "message", "field"}
    assert error["message"]
    return answer.status_code, error["code"], error.get("field")


INVALID = (400, "VALIDATION_ERROR")


def test_health_and_models(visitor: Visitor) -> None:
    health = visitor.get("/health").json()
    assert set(health) == {"status", "timestamp", "version", "checks"}
    assert health["status"] == "healthy"
    assert health["version"] == "2.0.0"
    assert health["checks"] == {"database": "healthy", "llm": "offline"}
    models = visitor.get("/api/models").json()
    assert {"id": FLASH, "name": "Gemini 1.5 Flash", "provider": "gemini"} in models["models"]
    assert models["categories"] == {"gemini": models["models"]}


def test_a_chat_from_start_to_feedback(visitor: Visitor) -> None:
    opening = visitor.start_chat(model=PRO)
    assert opening.status_code == 200
    assert re.search("[ぁ-ん]", opening.json()["response"])
    assert visitor.history() == []
    answer = visitor.say("  今日のお昼は何にしますか？ ")
    assert answer.status_code == 200
    assert "今日のお昼は何にしますか？" in answer.json()["response"]
    (entry,) = visitor.history()
    assert set(entry) == {"human", "ai", "timestamp"}
    assert entry["human"] == "今日のお昼は何にしますか？"
    feedback = visitor.post("/api/chat_feedback", LUNCH).json()
    assert feedback["status"] == "success"
    assert feedback["model_used"] == "offline"
    assert "同僚との会話（ランチ）" in feedback["feedback"]
    assert feedback["strength_analysis"]["scores"]["listening"] == 59
    assert feedback["strength_analysis"]["top_strengths"][0] == "listening"


def test_starting_again_empties_the_history(visitor: Visitor) -> None:
    visitor.start_chat()
    visitor.say("こんにちは")
    visitor.start_chat()
    assert visitor.history() == []


def test_the_same_conversation_gets_the_same_answers(app: str) -> None:
    def talk() -> list[str]:
        with Visitor(app) as someone:
            said = [someone.start_chat().json()["response"]]
            return said + [someone.say(f"{n}回目の話です").json()["response"] for n in range(4)]

    assert talk() == talk()


def test_the_partners_words_are_escaped_and_kept_raw(visitor: Visitor) -> None:
    visitor.start_chat()
    answer = visitor.say("<b>'\"&").json()["response"]
    assert "&lt;b&gt;&#x27;&quot;&amp;" in answer
    assert visitor.history()[0]["ai"] == html.unescape(answer)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**LUNCH, "partner_type": "cat"}, "partner_type"),
        ({**LUNCH, "situation": None}, "situation"),
        ({**LUNCH, "topic": ["food"]}, "topic"),
        ({**LUNCH, "model": "gpt"}, "model"),
        ({}, "partner_type"),
    ],
)
def test_a_chat_with_a_wrong_choice_does_not_start(
    visitor: Visitor, body: dict[str, Any], field: str
) -> None:
    assert error_of(visitor.post("/api/start_chat", body)) == (*INVALID, field)
    assert visitor.session_keys() == ["csrf_token"]


@pytest.mark.parametrize("message", ["", "   ", None, 5, ["a"], "あ" * 1001])
def test_a_bad_message_is_refused(visitor: Visitor, message: object) -> None:
    visitor.start_chat()
    assert error_of(visitor.post("/api/chat", {"message": message})) == (*INVALID, "message")
    assert visitor.history() == []


def test_half_a_character_is_refused(visitor: Visitor) -> None:
    visitor.start_chat()
    headers = {"X-CSRF-Token": visitor.token, "Content-Type": "application/json"}
    answer = visitor.http.post("/api/chat", content=rb'{"message": "\ud83d"}', headers=headers)
    assert error_of(answer) == (*INVALID, "message")


def test_the_longest_message_is_taken(visitor: Visitor) -> None:
    visitor.start_chat()
    assert visitor.say("あ" * 1000).status_code == 200


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"', b"null", b"[" * 20000, b"\xff"])
def test_a_body_that_is_no_object_is_refused(visitor: Visitor, content: bytes) -> None:
    headers = {"X-CSRF-Token": visitor.token, "Content-Type": "application/json"}
    answer = visitor.http.post("/api/chat", content=content, headers=headers)
    assert error_of(answer) == (*INVALID, None)


def test_a_body_that_is_not_sent_as_json_is_refused(visitor: Visitor) -> None:
    headers = {"X-CSRF-Token": visitor.token, "Content-Type": "text/plain"}
    assert error_of(visitor.http.post("/api/chat", content=b"{}", headers=headers)) == (*INVALID, None)


def test_a_huge_body_is_refused(visitor: Visitor) -> None:
    answer = visitor.post("/api/chat", {"message": "x" * 70_000})
    assert error_of(answer) == (413, "BODY_TOO_LARGE", None)


def test_what_needs_a_start_says_so(visitor: Visitor) -> None:
    assert error_of(visitor.say("こんにちは")) == (*INVALID, None)
    assert error_of(visitor.post("/api/chat_feedback", LUNCH)) == (*INVALID, None)
    assert error_of(visitor.post("/api/watch/next")) == (*INVALID, None)
    visitor.start_chat()
    assert error_of(visitor.post("/api/chat_feedback", LUNCH)) == (*INVALID, None)
    assert error_of(visitor.post("/api/chat_feedback", {"situation": "lunch"})) == (*INVALID, "partner_type")


def test_the_scenarios_by_category(visitor: Visitor) -> None:
    listed = visitor.get("/api/categorized_scenarios").json()
    assert list(listed) == ["regular_communication", "harassment_prevention"]
    cards = [card for cards in listed.values() for card in cards]
    fields = {"id", "title", "description", "difficulty", "tags", "category", "requires_consent"}
    assert all(set(card) == fields for card in cards)
    for card in cards:
        told = visitor.get(f"/api/scenario/{card['id']}/category").json()
        assert told == {
            "scenario_id": card["id"],
            "category": card["category"],
            "requires_consent": card["requires_consent"],
        }
    assert error_of(visitor.get("/api/scenario/nowhere/category")) == (404, "NOT_FOUND", None)


def test_a_scene_from_opening_to_clearing(visitor: Visitor) -> None:
    here = {"scenario_id": "scenario1"}
    assert error_of(visitor.post("/api/scenario_feedback", here)) == (404, "NOT_FOUND", None)
    assert error_of(visitor.post("/api/scenario_clear", here)) == (404, "NOT_FOUND", None)
    opening = visitor.post("/api/scenario_chat", {**here, "message": ""})
    assert opening.status_code == 200
    assert error_of(visitor.post("/api/scenario_chat", {**here, "message": ""})) == (*INVALID, "message")
    answer = visitor.post("/api/scenario_chat", {**here, "message": "十五時からでもいいですか？"})
    assert "十五時からでもいいですか？" in answer.json()["response"]
    history = visitor.history("scenario", **here)
    assert [entry["human"] for entry in history] == ["", "十五時からでもいいですか？"]
    assert visitor.history("scenario", scenario_id="scenario2") == []
    feedback = visitor.post("/api/scenario_feedback", here).json()
    assert "学習ポイント" in feedback["feedback"]
    assert visitor.post("/api/scenario_clear", here).json()["status"] == "success"
    assert visitor.history("scenario", **here) == []
    assert "current_scenario" not in visitor.session_keys()


@pytest.mark.parametrize(
    "path", ["/api/scenario_chat", "/api/scenario_clear", "/api/scenario_feedback", "/api/v2/scenario"]
)
def test_an_unknown_scenario_is_refused(visitor: Visitor, path: str) -> None:
    answer = visitor.post(path, {"scenario_id": "nowhere", "message": "はい"})
    assert error_of(answer) == (*INVALID, "scenario_id")


def test_watching_two_speakers(visitor: Visitor) -> None:
    lines = [visitor.post("/api/watch/start", WATCH).json()["message"]]
    lines += [visitor.post("/api/watch/next").json()["message"] for _ in range(3)]
    assert [line.split(": ")[0] for line in lines] == ["太郎", "花子", "太郎", "花子"]
    kept = visitor.history("watch")
    assert [f"{entry['speaker']}: {entry['message']}" for entry in kept] == lines
    assert error_of(visitor.post("/api/watch/start", LUNCH)) == (*INVALID, "model_a")


def test_clearing_a_history_keeps_the_settings(visitor: Visitor) -> None:
    visitor.start_chat()
    visitor.say("こんにちは")
    visitor.post("/api/watch/start", WATCH)
    assert visitor.post("/api/clear_history", {"mode": "chat"}).json()["status"] == "success"
    assert visitor.history() == []
    assert visitor.say("もう一度").status_code == 200
    assert len(visitor.history("watch")) == 1
    visitor.post("/api/clear_history", {"mode": "watch"})
    assert error_of(visitor.post("/api/watch/next")) == (*INVALID, None)
    assert error_of(visitor.post("/api/clear_history", {"mode": "everything"})) == (*INVALID, "mode")


def test_clearing_scenes_one_or_all(visitor: Visitor) -> None:
    for scenario in ("scenario1", "scenario2", "scenario3"):
        visitor.post("/api/scenario_chat", {"scenario_id": scenario, "message": ""})
    visitor.post("/api/clear_history", {"mode": "scenario", "scenario_id": "scenario2"})
    counts = visitor.get("/api/session/info").json()["counts"]
    assert counts["scenario_history"] == {"scenario1": 1, "scenario3": 1}
    visitor.post("/api/clear_history", {"mode": "scenario"})
    assert visitor.get("/api/session/info").json()["counts"]["scenario_history"] == {}


def test_the_session_shows_and_clears_itself(visitor: Visitor) -> None:
    health = visitor.get("/api/session/health").json()
    assert (health["status"], health["session_type"]) == ("healthy", "filesystem")
    visitor.start_chat()
    visitor.say("こんにちは")
    visitor.post("/api/watch/start", WATCH)
    info = visitor.get("/api/session/info").json()
    expected = [
        "chat_history",
        "chat_model",
        "chat_settings",
        "csrf_token",
        "watch_history",
        "watch_settings",
    ]
    assert info["keys"] == expected
    assert info["counts"] == {"chat_history": 1, "scenario_history": {}, "watch_history": 1}
    visitor.post("/api/session/clear", {"type": "watch"})
    assert visitor.session_keys() == expected[:4]
    assert error_of(visitor.post("/api/session/clear", {})) == (*INVALID, "type")
    assert visitor.post("/api/session/clear", {"type": "all"}).json()["status"] == "success"
    assert visitor.session_keys() == ["csrf_token"]


def test_fifty_entries_are_kept(visitor: Visitor) -> None:
    visitor.start_chat()
    for n in range(53):
        visitor.say(f"{n}番目")
    assert [entry["human"] for entry in visitor.history()] == [f"{n}番目" for n in range(3, 53)]


@pytest.mark.parametrize("body", [{}, {"type": "x"}, {"type": 1}])
def test_an_unknown_history_is_refused(visitor: Visitor, body: object) -> None:
    assert error_of(visitor.post("/api/conversation_history", body)) == (*INVALID, "type")


def test_unknown_paths_and_methods(visitor: Visitor) -> None:
    assert error_of(visitor.get("/api/nowhere")) == (404, "NOT_FOUND", None)
    assert error_of(visitor.get("/api/models/")) == (404, "NOT_FOUND", None)
    refused = visitor.get("/api/chat")
    assert error_of(refused) == (405, "METHOD_NOT_ALLOWED", None)
    assert refused.headers["allow"] == "OPTIONS, POST"
    options = visitor.http.options("/api/models")
    assert (options.status_code, options.headers["allow"]) == (200, "GET, HEAD, OPTIONS")
    head = visitor.http.head("/api/models")
    assert (head.status_code, head.content) == (200, b"")


def test_json_is_compact_utf8_in_its_own_order(visitor: Visitor) -> None:
    text = visitor.get("/api/scenario/scenario1/category").text
    assert text == '{"scenario_id":"scenario1","category":"regular_communication","requires_consent":false}'
    visitor.start_chat()
    assert "\\u" not in visitor.say("こんにちは").text


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(message=st.text(max_size=1100))
def test_any_message_is_answered_or_refused_as_told(visitor: Visitor, message: str) -> None:
    visitor.start_chat()
    answer = visitor.post("/api/chat", {"message": message})
    stripped = message.strip()
    assert answer.status_code == (200 if 0 < len(stripped) <= 1000 else 400)
    if answer.status_code == 200:
        (entry,) = visitor.history()
        assert entry["human"] == stripped
        assert entry["ai"] == html.unescape(answer.json()["response"])
        assert "<" not in answer.json()["response"]
