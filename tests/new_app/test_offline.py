"""The offline partner as a function: always the same, never empty, never a brace too many."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from new_app.catalogue import PARTNERS, SCENARIOS, SITUATIONS, TOPICS
from new_app.partner import ChatTurn, ReviewTurn, Scene, SceneTurn, Turn, WatchTurn, strengths
from new_app.partner.offline import OfflinePartner, answer
from new_app.partner.turns import HANAKO, TARO

TEXT = st.text(max_size=80)
SCENES = st.builds(
    Scene, st.sampled_from([*PARTNERS]), st.sampled_from([*SITUATIONS]), st.sampled_from([*TOPICS])
)
DIALOGUE = st.lists(st.tuples(TEXT, TEXT), max_size=6).map(tuple)
HEARD = st.lists(st.tuples(st.sampled_from([TARO, HANAKO]), TEXT), max_size=6).map(tuple)
MODEL = st.sampled_from(["gemini/gemini-1.5-pro", "gemini/gemini-1.5-flash"])
TURNS = st.one_of(
    st.builds(ChatTurn, MODEL, SCENES, st.none() | TEXT, DIALOGUE),
    st.builds(SceneTurn, MODEL, st.sampled_from([*SCENARIOS.values()]), st.none() | TEXT, DIALOGUE),
    st.builds(WatchTurn, MODEL, SCENES, st.sampled_from([TARO, HANAKO]), HEARD),
    st.builds(ReviewTurn, MODEL, TEXT, st.lists(TEXT, max_size=5).map(tuple)),
)


@given(turn=TURNS)
def test_any_turn_is_answered_and_the_stream_says_the_same(turn: Turn) -> None:
    words = answer(turn)
    assert words.strip()
    assert words == answer(turn)

    async def streamed() -> str:
        return "".join([piece async for piece in OfflinePartner(0).stream(turn)])

    assert asyncio.run(streamed()) == words


def test_a_users_own_braces_stay_what_they_are() -> None:
    turn = ChatTurn("m", Scene("boss", "lunch", "food"), "{0} {name} {quote}")
    assert "{0} {name} {quote}" in answer(turn)


def test_nobody_says_the_same_thing_twice_in_a_row() -> None:
    dialogue: tuple[tuple[str, str], ...] = ()
    for n in range(12):
        turn = WatchTurn("m", Scene("boss", "lunch", "food"), TARO if n % 2 == 0 else HANAKO, dialogue)
        line = answer(turn)
        assert line not in [said for _, said in dialogue[-3:]]
        dialogue += ((turn.speaker, line),)


@given(messages=st.lists(TEXT, max_size=12))
def test_scores_stay_in_their_bounds(messages: list[str]) -> None:
    analysis = strengths.analysis(messages)
    assert set(analysis["scores"]) == {strength.key for strength in strengths.STRENGTHS}
    assert all(0 <= score <= 100 for score in analysis["scores"].values())
    best = [analysis["scores"][key] for key in analysis["top_strengths"]]
    assert best == sorted(analysis["scores"].values(), reverse=True)[:3]
