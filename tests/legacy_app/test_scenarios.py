"""Role play through the front door: the list, the scene, feedback, clearing."""

import pytest

from legacy_app.texts import HISTORY_MAX
from tests.legacy_app.servers import PRO, Person, fault, invalid

FIELDS = {"id", "title", "description", "difficulty", "tags", "category", "requires_consent"}


def test_the_scenarios_come_by_category_without_their_lines(person: Person) -> None:
    body = person.get("/api/categorized_scenarios").json()
    assert set(body) == {"regular_communication", "harassment_prevention"}
    rows = [row for rows in body.values() for row in rows]
    assert len(rows) >= 12
    assert all(set(row) == FIELDS for row in rows)
    assert {row["difficulty"] for row in rows} == {"beginner", "intermediate", "advanced"}
    assert all(row["category"] == category for category, rows in body.items() for row in rows)
    assert len({row["id"] for row in rows}) == len(rows)


@pytest.mark.parametrize("category", ["regular_communication", "harassment_prevention"])
def test_a_scenario_tells_its_category(person: Person, category: str) -> None:
    row = person.get("/api/categorized_scenarios").json()[category][0]
    assert person.get(f"/api/scenario/{row['id']}/category").json() == {
        "scenario_id": row["id"],
        "category": category,
        "requires_consent": category == "harassment_prevention",
    }


def test_an_unknown_scenario_is_not_found(person: Person) -> None:
    assert fault(person.get("/api/scenario/nothing/category")) == (404, "NOT_FOUND", None)


def test_an_empty_message_starts_the_scene_and_only_starts_it(person: Person) -> None:
    opening = person.said("/api/scenario_chat", {"scenario_id": "scenario1", "message": ""})["response"]
    assert "会議" in opening
    reply = person.said(
        "/api/scenario_chat", {"scenario_id": "scenario1", "message": "<i>お願いします", "model": PRO}
    )
    assert "&lt;i&gt;" in reply["response"]
    empty = person.ask("/api/scenario_chat", {"scenario_id": "scenario1", "message": " "})
    assert fault(empty) == invalid("message")
    history = person.history("scenario", scenario_id="scenario1")
    assert [entry["human"] for entry in history] == ["", "<i>お願いします"]
    assert history[0]["ai"] == opening


def test_a_scene_may_start_with_a_message(person: Person) -> None:
    person.said("/api/scenario_chat", {"scenario_id": "scenario2", "message": "おはようございます"})
    assert [entry["human"] for entry in person.history("scenario", scenario_id="scenario2")] == [
        "おはようございます"
    ]


def test_scenes_do_not_mix(person: Person) -> None:
    for scenario_id in ("scenario1", "scenario2"):
        person.said("/api/scenario_chat", {"scenario_id": scenario_id, "message": f"{scenario_id}です"})
    assert [entry["human"] for entry in person.history("scenario", scenario_id="scenario1")] == [
        "scenario1です"
    ]


def test_a_scene_keeps_fifty_entries(person: Person) -> None:
    for number in range(HISTORY_MAX + 1):
        person.said("/api/scenario_chat", {"scenario_id": "scenario3", "message": f"{number}番"})
    history = person.history("scenario", scenario_id="scenario3")
    assert (len(history), history[0]["human"]) == (50, "1番")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"message": "はい"}, "scenario_id"),
        ({"message": "はい", "scenario_id": "nothing"}, "scenario_id"),
        ({"message": "はい", "scenario_id": ["scenario1"]}, "scenario_id"),
        ({"message": 3, "scenario_id": "scenario1"}, "message"),
        ({"message": "あ" * 1001, "scenario_id": "scenario1"}, "message"),
        ({"message": "はい", "scenario_id": "scenario1", "model": "gpt"}, "model"),
    ],
)
def test_what_a_scene_refuses(person: Person, body: dict[str, object], field: str) -> None:
    assert fault(person.ask("/api/scenario_chat", body)) == invalid(field)


def test_feedback_of_a_scene(person: Person) -> None:
    person.said("/api/scenario_chat", {"scenario_id": "scenario1", "message": "申し訳ありません"})
    body = person.said("/api/scenario_feedback", {"scenario_id": "scenario1"})
    assert set(body) == {"feedback", "model_used", "status", "strength_analysis"}
    assert "学習ポイント" in body["feedback"]


@pytest.mark.parametrize("path", ["/api/scenario_feedback", "/api/scenario_clear"])
def test_without_history_there_is_nothing_to_say_or_clear(person: Person, path: str) -> None:
    assert fault(person.ask(path, {"scenario_id": "scenario1"})) == (404, "NOT_FOUND", None)
    assert fault(person.ask(path, {"scenario_id": "nothing"})) == invalid("scenario_id")


def test_clearing_a_scene_lets_it_start_anew(person: Person) -> None:
    start = {"scenario_id": "scenario1", "message": ""}
    person.said("/api/scenario_chat", start)
    body = person.said("/api/scenario_clear", {"scenario_id": "scenario1"})
    assert body == {"status": "success", "message": "シナリオ履歴をクリアしました"}
    assert person.history("scenario", scenario_id="scenario1") == []
    assert "current_scenario" not in person.get("/api/session/info").json()["keys"]
    person.said("/api/scenario_chat", start)
