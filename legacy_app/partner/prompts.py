"""What a language model is told: one instruction and one list of turns for each thing asked; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from ..texts import PARTNER_TYPES, SITUATIONS, TOPICS
from . import offline
from .asks import (
    Ask,
    ChatFeedback,
    ChatStart,
    ChatTurn,
    Persona,
    SceneFeedback,
    SceneStart,
    SceneTurn,
    Turn,
    WatchLine,
)

BEGIN = "（会話を始めてください）"
STYLE = "返答は日本語で、地の文を入れず、三文以内で話し言葉だけを書いてください。"
COACH = "あなたは職場の会話の講師です。良かった点と次に試したいことを、やさしく具体的に伝えてください。"


@dataclass(frozen=True, slots=True)
class Prompt:
    """`turns` alternate and end with the user: ("user" or "model", text)."""

    system: str
    turns: tuple[tuple[str, str], ...]


def prompt_for(ask: Ask) -> Prompt:
    match ask:
        case ChatStart(who):
            return Prompt(_persona(who), (("user", BEGIN),))
        case ChatTurn(who, history, message):
            return Prompt(_persona(who), _turns(history, message))
        case SceneStart(scenario):
            return Prompt(_scene(scenario["partner"], scenario["description"]), (("user", BEGIN),))
        case SceneTurn(scenario, history, message):
            system = _scene(scenario["partner"], scenario["description"])
            return Prompt(system, _turns(history, message))
        case WatchLine():
            return _watched(ask)
        case ChatFeedback(partner_type, situation, history):
            title = f"{PARTNER_TYPES[partner_type]}との会話（{SITUATIONS[situation]}）"
            return Prompt(COACH, (("user", f"{title}\n{_script(history)}"),))
        case SceneFeedback(scenario, history):
            return Prompt(COACH, (("user", f"{scenario['title']}\n{_script(history)}"),))
        case _:
            assert_never(ask)


def _persona(who: Persona) -> str:
    return (
        f"あなたは職場の{PARTNER_TYPES[who.partner_type]}です。場面は{SITUATIONS[who.situation]}、"
        f"話題は{TOPICS[who.topic]}です。{STYLE}"
    )


def _scene(partner: str, description: str) -> str:
    return f"あなたは「{partner}」を演じます。状況：{description}{STYLE}"


def _watched(ask: WatchLine) -> Prompt:
    last = ask.history[-1][0] if ask.history else offline.SECOND_SPEAKER
    speaker = offline.other_speaker(last)
    script = "\n".join(f"{name}: {message}" for name, message in ask.history)
    system = f"{_persona(ask.persona)}あなたの名前は{speaker}です。名前は書かないでください。"
    return Prompt(system, (("user", script or BEGIN),))


def _turns(history: Sequence[Turn], message: str) -> tuple[tuple[str, str], ...]:
    turns: list[tuple[str, str]] = []
    for turn in history:
        turns += [("user", turn.human or BEGIN), ("model", turn.ai)]
    return (*turns, ("user", message))


def _script(history: Sequence[Turn]) -> str:
    lines = [f"学習者: {turn.human}\n相手: {turn.ai}" for turn in history]
    return "\n".join(lines)
