"""The offline partner: answers from tables of Japanese lines, so that everything runs without a network.

The same conversation always gets the same answer: which line is taken follows from a checksum of what
was said, never from the time, chance or the model. The checksum, its seeds and the tables are shared
*knowledge* with the old application (not shared code): where they differ, the two applications would
answer differently.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final

from new_app.catalogue import read_data
from new_app.partner import strengths
from new_app.partner.turns import ChatTurn, Reply, ReviewTurn, SceneTurn, Turn, WatchTurn

REMEMBERED: Final = 3
QUOTED: Final = 24
PIECE: Final = 5
NAME: Final = "offline"

_PHRASES: Final[dict[str, Any]] = read_data("phrases.json")
_CHAT: Final = _PHRASES["chat"]
_WATCH: Final = _PHRASES["watch"]


class OfflinePartner:
    """`delay` seconds between two pieces of a stream, so that one sees it flow."""

    def __init__(self, delay: float) -> None:
        self._delay = delay

    async def reply(self, turn: Turn) -> Reply:
        return Reply(answer(turn), NAME)

    async def stream(self, turn: Turn) -> AsyncIterator[str]:
        for piece in _pieces(answer(turn)):
            yield piece
            await asyncio.sleep(self._delay)


def answer(turn: Turn) -> str:
    match turn:
        case ChatTurn():
            return _chat(turn)
        case SceneTurn():
            return _scene(turn)
        case WatchTurn():
            return _watch(turn)
        case ReviewTurn():
            return _review(turn)


def _chat(turn: ChatTurn) -> str:
    who, where, topic = turn.scene.partner_type, turn.scene.situation, turn.scene.topic
    register = _CHAT["registers"][who]
    if turn.message is None:
        hello = _choose(_CHAT["greetings"][who], ["start", where, topic])
        question = _choose(_CHAT["follow_ups"][register][topic], ["start", who, where])
        return hello + str(_CHAT["scenes"][register][where]) + question
    said = [ai for _, ai in turn.dialogue][-REMEMBERED:]
    seed = ["chat", who, where, topic, turn.message, *said]
    reaction = _choose(_CHAT["reactions"][register][_intent(turn.message)], seed)
    return _quote(reaction, turn.message) + _choose(_CHAT["follow_ups"][register][topic], seed, said)


def _scene(turn: SceneTurn) -> str:
    if turn.message is None:
        return turn.scenario.opening
    said = [ai for _, ai in turn.dialogue][-REMEMBERED:]
    seed = ["scenario", turn.scenario.id, turn.message, *said]
    reaction = _choose(_PHRASES["scenario"]["reactions"][_intent(turn.message)], seed)
    return _quote(reaction, turn.message) + _choose(turn.scenario.lines, seed, said)


def _watch(turn: WatchTurn) -> str:
    who, where, topic = turn.scene.partner_type, turn.scene.situation, turn.scene.topic
    if not turn.dialogue:
        return str(_WATCH["scenes"][where]) + _choose(_WATCH["openers"][topic], ["watch", who, where])
    said = [line for _, line in turn.dialogue][-REMEMBERED:]
    seed = ["watch", who, where, topic, turn.dialogue[-1][0], *said]
    return _choose(_WATCH["replies"][topic], seed, said) + _choose(_WATCH["touches"][who], seed, said)


def _review(turn: ReviewTurn) -> str:
    scored = strengths.scores(turn.messages)
    names = "、".join(strength.name for strength in strengths.best(scored))
    parts = [
        f"■ {turn.title}\nあなたの発言は{len(turn.messages)}回でした。",
        f"■ 良かった点\n{names}がよく表れていました。",
        f"■ 次に試したいこと\n{strengths.weakest(scored).advice}",
    ]
    if turn.learning_points:
        parts.append(
            "■ このシナリオの学習ポイント\n" + "\n".join(f"- {point}" for point in turn.learning_points)
        )
    return "\n\n".join(parts)


def _intent(message: str) -> str:
    for row in _PHRASES["intents"]:
        if any(word in message for word in row["words"]):
            return str(row["name"])
    return "plain"


def _choose(lines: Sequence[str], seed: Sequence[str], recent: Sequence[str] = ()) -> str:
    """The line the seed points at, or the next one that was not heard just now."""
    first = zlib.crc32("\x1f".join(seed).encode("utf-8", "surrogatepass")) % len(lines)
    for step in range(len(lines)):
        line = lines[(first + step) % len(lines)]
        if not line or not any(line in heard for heard in recent):
            return line
    return lines[first]


def _quote(line: str, message: str) -> str:
    words = " ".join(message.split())
    return line.replace("{quote}", words if len(words) <= QUOTED else words[:QUOTED] + "…")


def _pieces(words: str) -> Iterator[str]:
    for start in range(0, len(words), PIECE):
        yield words[start : start + PIECE]
