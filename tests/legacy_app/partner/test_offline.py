"""The offline partner's functions: deterministic, varied, true to their tables."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legacy_app.catalog import DATA
from legacy_app.partner import offline, phrases
from legacy_app.partner.strengths import STRENGTHS, strength_scores, top_strengths
from legacy_app.texts import CATEGORIES, DIFFICULTIES, PARTNER_TYPES, SITUATIONS, TOPICS

SCENARIOS: list[dict[str, Any]] = json.loads((DATA / "scenarios.json").read_text())
PERSONAS = [(p, s, t) for p in PARTNER_TYPES for s in SITUATIONS for t in TOPICS]

# Fixed, because a second application with a copy of these functions must say the same.
KNOWN = [
    "お疲れさま！やっとお昼だね。今度おいしいラーメンを食べに行かない？",
    "おお、「カレーが好きです」か。最高じゃないか。自炊はする？最近はカレーばかり作っているよ。",
    "「一時間後でお願いします」ですね。わかりました。部長の資料はどのくらいかかりそう？",
    "花子: 終わったら、みんなで振り返りをしましょう。部長にも聞いてみたいところです。",
]

personas = st.sampled_from(PERSONAS)
lines = st.lists(st.text(max_size=40), max_size=6)


@pytest.mark.parametrize("persona", PERSONAS)
def test_every_persona_can_start_talk_and_be_watched(persona: tuple[str, str, str]) -> None:
    assert "{" not in offline.start_chat(*persona)
    assert "{" not in offline.chat_reply(*persona, "はい")
    assert offline.watch_start(*persona).startswith("太郎: ")


@given(personas, st.text(min_size=1, max_size=60), lines)
def test_the_same_conversation_gets_the_same_reply(
    persona: tuple[str, str, str], message: str, said: list[str]
) -> None:
    reply = offline.chat_reply(*persona, message, said)
    assert reply == offline.chat_reply(*persona, message, list(said))
    assert reply == offline.chat_reply(
        *persona, message, ["x", *said][-offline.MEMORY :] if len(said) >= 3 else said
    )


@given(personas, st.text(min_size=1, max_size=60))
def test_the_words_of_the_user_come_back_unchanged(persona: tuple[str, str, str], message: str) -> None:
    short = " ".join(message.split())[: offline.QUOTE_MAX]
    assert short in offline.chat_reply(*persona, message)


def test_the_known_replies() -> None:
    opening = offline.start_chat("colleague", "lunch", "food")
    reply = offline.chat_reply("colleague", "lunch", "food", "カレーが好きです", [])
    scene = offline.scenario_reply(SCENARIOS[0], "一時間後でお願いします", [SCENARIOS[0]["opening"]])
    watched = offline.watch_next("boss", "party", "work", "太郎", ["今度の企画、いよいよ来週ですね。"])
    assert [opening, reply, scene, watched] == KNOWN


def test_a_watched_conversation_does_not_repeat_itself_at_once() -> None:
    speaker, _, message = offline.watch_start("senior", "break", "news").partition(": ")
    said = [message]
    for _ in range(30):
        speaker, _, message = offline.watch_next("senior", "break", "news", speaker, said).partition(": ")
        assert message not in said[-offline.MEMORY :]
        said.append(message)
    assert len(set(said)) >= 6


@pytest.mark.parametrize("row", [*offline.INTENTS, ("plain", ("カレー",))], ids=lambda row: str(row[0]))
def test_every_intent_has_its_lines(row: tuple[str, tuple[str, ...]]) -> None:
    intent, words = row
    assert offline.intent_of(f"……{words[0]}……") == intent
    for register in (phrases.CASUAL, phrases.POLITE):
        assert all("{quote}" in line for line in phrases.REACTIONS[intent, register])
    assert all("{quote}" in line for line in phrases.SCENE_REACTIONS[intent])


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda row: str(row["id"]))
def test_every_scenario_is_whole(scenario: dict[str, Any]) -> None:
    assert scenario["category"] in CATEGORIES
    assert scenario["difficulty"] in DIFFICULTIES
    assert scenario["requires_consent"] is (scenario["category"] == "harassment_prevention")
    assert all(
        scenario[key] for key in ("title", "description", "tags", "partner", "opening", "learning_points")
    )
    said = [offline.scenario_opening(scenario)]
    for _ in range(4):
        said.append(offline.scenario_reply(scenario, "はい", said))
    assert len({line.split("。", 1)[-1] for line in said[1:]}) >= 3


@given(lines)
def test_scores_stay_within_bounds(messages: list[str]) -> None:
    scores = strength_scores(messages)
    assert list(scores) == list(STRENGTHS)
    assert all(0 <= score <= 100 for score in scores.values())
    assert len(top_strengths(scores)) == 3


def test_feedback_names_the_best_and_advises_on_the_weakest() -> None:
    text = offline.chat_feedback("同僚", "ランチ", ["大変ですね", "お気持ちはわかります"])
    assert "同僚との会話（ランチ）" in text
    assert "共感力" in text
    assert any(advice in text for advice in offline.ADVICE.values())
