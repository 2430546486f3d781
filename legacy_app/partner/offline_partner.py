"""The offline partner behind the interface: one row of functions for each thing asked."""

from collections.abc import Sequence
from typing import Final, assert_never

from ..texts import PARTNER_TYPES, SITUATIONS
from . import offline
from .asks import (
    Ask,
    ChatFeedback,
    ChatStart,
    ChatTurn,
    Reply,
    SceneFeedback,
    SceneStart,
    SceneTurn,
    Turn,
    WatchLine,
)

MODEL_USED: Final = "offline"


class OfflinePartner:
    """Answers from the tables; the model asked for makes no difference."""

    def reply(self, ask: Ask, model: str) -> Reply:
        return Reply(_text(ask), MODEL_USED)


def _text(ask: Ask) -> str:
    match ask:
        case ChatStart(who):
            return offline.start_chat(who.partner_type, who.situation, who.topic)
        case ChatTurn(who, history, message):
            said = _said(history)
            return offline.chat_reply(who.partner_type, who.situation, who.topic, message, said)
        case SceneStart(scenario):
            return offline.scenario_opening(scenario)
        case SceneTurn(scenario, history, message):
            return offline.scenario_reply(scenario, message, _said(history))
        case WatchLine():
            return _watched(ask)
        case ChatFeedback(partner_type, situation, history):
            names = PARTNER_TYPES[partner_type], SITUATIONS[situation]
            return offline.chat_feedback(*names, _heard(history))
        case SceneFeedback(scenario, history):
            return offline.scenario_feedback(scenario, _heard(history))
        case _:
            assert_never(ask)


def _watched(ask: WatchLine) -> str:
    who = ask.persona
    if not ask.history:
        return offline.watch_start(who.partner_type, who.situation, who.topic)
    said = [message for _, message in ask.history]
    speaker = ask.history[-1][0]
    return offline.watch_next(who.partner_type, who.situation, who.topic, speaker, said)


def _said(history: Sequence[Turn]) -> list[str]:
    return [turn.ai for turn in history]


def _heard(history: Sequence[Turn]) -> list[str]:
    return [turn.human for turn in history if turn.human]
