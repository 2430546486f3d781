"""Small talk through the front door: start, message, feedback."""

import json
from typing import Any

import pytest

from legacy_app.texts import HISTORY_MAX, MESSAGE_MAX, PARTNER_TYPES, SITUATIONS, TOPICS
from tests.legacy_app.servers import FLASH, PRO, START, Legacy, Person, fault, invalid


def test_a_conversation_is_answered_and_remembered(person: Person) -> None:
    opening = person.said("/api/start_chat", {**START, "model": PRO})
    assert opening["response"].startswith(("お疲れ", "やあ", "お、"))
    first = person.said("/api/chat", {"message": "カレーが好きです"})["response"]
    second = person.said("/api/chat", {"message": "そちらはどうですか？"})["response"]
    history = person.history("chat")
    assert [(entry["human"], entry["ai"]) for entry in history] == [
        ("カレーが好きです", first),
        ("そちらはどうですか？", second),
    ]
    assert set(history[0]) == {"human", "ai", "timestamp"}


def test_the_same_conversation_gets_the_same_replies(legacy: Legacy) -> None:
    def talk() -> list[str]:
        with legacy.person() as someone:
            lines = [someone.said("/api/start_chat", START)["response"]]
            lines += [
                someone.said("/api/chat", {"message": text})["response"]
                for text in ("はい", "はい", "なぜ？")
            ]
            return lines

    first = talk()
    assert first == talk()
    assert len(set(first)) == 4


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("partner_type", key) for key in PARTNER_TYPES],
        *[("situation", key) for key in SITUATIONS],
        *[("topic", key) for key in TOPICS],
        ("model", FLASH),
        ("model", None),
    ],
)
def test_every_choice_of_the_table_starts_a_chat(person: Person, field: str, value: str | None) -> None:
    assert person.said("/api/start_chat", {**START, field: value})["response"]


@pytest.mark.parametrize("field", ["partner_type", "situation", "topic", "model"])
@pytest.mark.parametrize("value", ["", "nobody", 5, ["colleague"]])
def test_start_refuses_other_values(person: Person, field: str, value: Any) -> None:
    assert fault(person.ask("/api/start_chat", {**START, field: value})) == invalid(field)


@pytest.mark.parametrize("field", ["partner_type", "situation", "topic"])
def test_start_needs_its_fields(person: Person, field: str) -> None:
    body = {key: value for key, value in START.items() if key != field}
    assert fault(person.ask("/api/start_chat", body)) == invalid(field)


def test_starting_again_empties_the_history(person: Person) -> None:
    person.said("/api/start_chat", START)
    person.said("/api/chat", {"message": "こんにちは"})
    person.said("/api/start_chat", START)
    assert person.history("chat") == []


def test_before_the_start_a_message_is_refused(person: Person) -> None:
    assert fault(person.ask("/api/chat", {"message": "こんにちは"})) == invalid()


@pytest.mark.parametrize("message", ["", "  \n ", None, 7, {"a": 1}, "あ" * (MESSAGE_MAX + 1), "\ud83d"])
def test_a_message_must_be_text_of_a_length(person: Person, message: Any) -> None:
    person.said("/api/start_chat", START)
    raw = json.dumps({"message": message})
    answer = person.post(
        "/api/chat",
        content=raw,
        headers={"X-CSRF-Token": person.token(), "Content-Type": "application/json"},
    )
    assert fault(answer) == invalid("message")
    assert person.history("chat") == []


def test_the_longest_message_passes_and_blanks_around_it_do_not_count(person: Person) -> None:
    person.said("/api/start_chat", START)
    person.said("/api/chat", {"message": f"  {'あ' * MESSAGE_MAX}\n"})
    assert person.history("chat")[0]["human"] == "あ" * MESSAGE_MAX


def test_the_answer_is_escaped_and_the_history_is_not(person: Person) -> None:
    person.said("/api/start_chat", START)
    response = person.said("/api/chat", {"message": '<b>"it\'s"&</b>'})["response"]
    assert "&lt;b&gt;&quot;it&#x27;s&quot;&amp;&lt;/b&gt;" in response
    assert "<" not in response
    entry = person.history("chat")[0]
    assert entry["human"] == '<b>"it\'s"&</b>'
    assert '<b>"it\'s"&</b>' in entry["ai"]


def test_at_most_fifty_entries_are_kept_the_oldest_go(person: Person) -> None:
    person.said("/api/start_chat", START)
    for number in range(HISTORY_MAX + 2):
        person.said("/api/chat", {"message": f"{number}番"})
    kept = [entry["human"] for entry in person.history("chat")]
    assert kept == [f"{number}番" for number in range(2, 52)]


def test_the_model_named_last_holds(person: Person) -> None:
    person.said("/api/start_chat", START)
    person.said("/api/chat", {"message": "はい", "model": PRO})
    assert "chat_model" in person.get("/api/session/info").json()["keys"]
    assert fault(person.ask("/api/chat", {"message": "はい", "model": "gpt"})) == invalid("model")


def test_feedback_tells_the_strengths(person: Person) -> None:
    person.said("/api/start_chat", START)
    person.said("/api/chat", {"message": "大変ですね。教えてください。"})
    body = person.said("/api/chat_feedback", {"partner_type": "boss", "situation": "party"})
    assert body["status"] == "success"
    assert body["model_used"] == "offline"
    assert "上司との会話（懇親会）" in body["feedback"]
    scores = body["strength_analysis"]["scores"]
    assert set(scores) == {
        "empathy", "clarity", "listening", "adaptability", "positivity", "professionalism"
    }  # fmt: skip
    assert all(type(score) is int and 0 <= score <= 100 for score in scores.values())
    best = body["strength_analysis"]["top_strengths"]
    assert len(best) == 3
    assert best[0] == max(scores, key=scores.__getitem__)


def test_feedback_is_refused_before_there_is_anything_to_say(person: Person) -> None:
    wanted = {"partner_type": "boss", "situation": "party"}
    assert fault(person.ask("/api/chat_feedback", wanted)) == invalid()
    person.said("/api/start_chat", START)
    assert fault(person.ask("/api/chat_feedback", wanted)) == invalid()
    assert fault(person.ask("/api/chat_feedback", {"situation": "party"})) == invalid("partner_type")
    assert fault(person.ask("/api/chat_feedback", {"partner_type": "boss"})) == invalid("situation")
