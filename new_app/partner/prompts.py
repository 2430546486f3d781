"""What the real model is told: one Japanese instruction and the dialogue so far, from a turn; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from new_app.catalogue import PARTNERS, SITUATIONS, TOPICS
from new_app.partner.turns import ChatTurn, ReviewTurn, Scene, SceneTurn, Turn, WatchTurn

_STYLE = "日本語の話し言葉で、二、三文で答えてください。地の文や記号の飾りは付けないでください。"
_BEGIN = "（会話を始めてください）"


@dataclass(frozen=True, slots=True)
class Prompt:
    """`said` alternates (role, words) with the model's own two role names, and ends with the user."""

    instruction: str
    said: tuple[tuple[str, str], ...]


def prompt(turn: Turn) -> Prompt:
    match turn:
        case ChatTurn():
            return Prompt(
                f"あなたは職場の{_who(turn.scene)}です。場面は{_where(turn.scene)}、話題は{_what(turn.scene)}です。{_STYLE}",
                (*_dialogue(turn.dialogue), ("user", turn.message or _BEGIN)),
            )
        case SceneTurn(scenario=scenario):
            return Prompt(
                f"あなたは{scenario.partner}を演じます。状況：{scenario.description}"
                f"最初のせりふ：{scenario.opening}{_STYLE}",
                (*_dialogue(turn.dialogue), ("user", turn.message or _BEGIN)),
            )
        case WatchTurn():
            heard = "\n".join(f"{speaker}: {line}" for speaker, line in turn.dialogue)
            return Prompt(
                f"あなたは{turn.speaker}です。{_where(turn.scene)}に、{_who(turn.scene)}と{_what(turn.scene)}の話をしています。"
                f"自分の次のせりふだけを答えてください。{_STYLE}",
                (("user", heard or _BEGIN),),
            )
        case ReviewTurn():
            points = "、".join(turn.learning_points)
            return Prompt(
                f"{turn.title}の練習を見た指導者として、良かった点と次に試したいことを日本語で伝えてください。"
                + (f"学習ポイント：{points}" if points else ""),
                (("user", "\n".join(turn.messages)),),
            )


def _dialogue(rows: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    for human, ai in rows:
        yield "user", human or _BEGIN
        yield "model", ai


def _who(scene: Scene) -> str:
    return PARTNERS[scene.partner_type]


def _where(scene: Scene) -> str:
    return SITUATIONS[scene.situation]


def _what(scene: Scene) -> str:
    return TOPICS[scene.topic]
