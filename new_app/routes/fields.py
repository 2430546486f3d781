"""Reads one field of a request body, or refuses it in the old application's words; pure.

A route asks in the order in which its fields are checked: the first fault found is the one answered.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from new_app import words
from new_app.catalogue import MODEL_IDS, PARTNERS, SCENARIOS, SITUATIONS, TOPICS, Scenario
from new_app.errors import InvalidError
from new_app.partner import Scene


def message(body: Mapping[str, Any], *, may_be_empty: bool = False) -> str:
    """The message without the blanks around it; absent and null count as empty."""
    text = "" if body.get("message") is None else body["message"]
    if not isinstance(text, str) or _broken(text):
        raise InvalidError(words.MESSAGE_NOT_TEXT, "message")
    text = text.strip()
    if not text and not may_be_empty:
        raise InvalidError(words.MESSAGE_EMPTY, "message")
    if len(text) > words.MESSAGE_LIMIT:
        raise InvalidError(words.MESSAGE_TOO_LONG, "message")
    return text


def scene(body: Mapping[str, Any]) -> Scene:
    return Scene(partner_type(body), situation(body), choice(body, "topic", TOPICS, words.BAD_TOPIC))


def partner_type(body: Mapping[str, Any]) -> str:
    return choice(body, "partner_type", PARTNERS, words.BAD_PARTNER)


def situation(body: Mapping[str, Any]) -> str:
    return choice(body, "situation", SITUATIONS, words.BAD_SITUATION)


def model(body: Mapping[str, Any], field: str) -> str:
    return choice(body, field, MODEL_IDS, words.BAD_MODEL)


def model_or(body: Mapping[str, Any], otherwise: str) -> str:
    """The model that is named; null counts as not named."""
    return otherwise if body.get("model") is None else model(body, "model")


def scenario(body: Mapping[str, Any]) -> Scenario:
    return SCENARIOS[choice(body, "scenario_id", SCENARIOS, words.NO_SCENARIO)]


def choice(body: Mapping[str, Any], field: str, allowed: Container[str], refusal: str) -> str:
    value = body.get(field)
    if not isinstance(value, str) or value not in allowed:
        raise InvalidError(refusal, field)
    return value


def _broken(text: str) -> bool:
    """JSON can carry half of a surrogate pair, which no store and no model can take."""
    return any("\ud800" <= character <= "\udfff" for character in text)
