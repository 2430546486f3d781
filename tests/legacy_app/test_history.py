"""Reading and clearing histories, through the front door."""

import pytest

from tests.legacy_app.servers import START, WATCH, Person, fault, invalid

SCENE = {"scenario_id": "scenario1", "message": "はい"}


@pytest.fixture
def talker(person: Person) -> Person:
    """Somebody with a conversation in every mode."""
    person.said("/api/start_chat", START)
    person.said("/api/chat", {"message": "はい"})
    person.said("/api/scenario_chat", SCENE)
    person.said("/api/scenario_chat", {**SCENE, "scenario_id": "scenario2"})
    person.said("/api/watch/start", WATCH)
    return person


def lengths(person: Person) -> tuple[int, int, int, int]:
    return (
        len(person.history("chat")),
        len(person.history("scenario", scenario_id="scenario1")),
        len(person.history("scenario", scenario_id="scenario2")),
        len(person.history("watch")),
    )


@pytest.mark.parametrize(
    ("body", "left", "message"),
    [
        ({"mode": "chat"}, (0, 1, 1, 1), "チャット履歴をクリアしました"),
        ({"mode": "scenario", "scenario_id": "scenario1"}, (1, 0, 1, 1), "シナリオ履歴をクリアしました"),
        ({"mode": "scenario"}, (1, 0, 0, 1), "シナリオ履歴をクリアしました"),
        ({"mode": "watch"}, (1, 1, 1, 0), "観戦履歴をクリアしました"),
    ],
)
def test_clearing_one_mode_leaves_the_others(
    talker: Person, body: dict[str, str], left: tuple[int, ...], message: str
) -> None:
    assert talker.said("/api/clear_history", body) == {"status": "success", "message": message}
    assert lengths(talker) == left
    assert talker.ask("/api/clear_history", body).status_code == 200


def test_after_clearing_a_chat_goes_on_with_the_same_partner(talker: Person) -> None:
    talker.said("/api/clear_history", {"mode": "chat"})
    talker.said("/api/chat", {"message": "もう一度"})
    assert len(talker.history("chat")) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "mode"),
        ({"mode": "all"}, "mode"),
        ({"mode": ["chat"]}, "mode"),
        ({"mode": "scenario", "scenario_id": "nothing"}, "scenario_id"),
    ],
)
def test_what_clearing_refuses(person: Person, body: dict[str, object], field: str) -> None:
    assert fault(person.ask("/api/clear_history", body)) == invalid(field)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "type"),
        ({"type": "all"}, "type"),
        ({"type": "scenario"}, "scenario_id"),
        ({"type": "scenario", "scenario_id": "nothing"}, "scenario_id"),
    ],
)
def test_what_reading_refuses(person: Person, body: dict[str, object], field: str) -> None:
    assert fault(person.ask("/api/conversation_history", body)) == invalid(field)


def test_reading_needs_no_token_and_a_stranger_has_no_history(person: Person) -> None:
    answer = person.post("/api/conversation_history", json={"type": "chat"})
    assert (answer.status_code, answer.json()) == (200, {"history": []})
    assert "set-cookie" not in answer.headers
