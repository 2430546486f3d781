"""What a request body must hold; each function gives the value or raises a 400.

The first fault found is the one answered, in the order a route asks for its fields.
"""

from collections.abc import Container
from typing import Any

from flask import request

from . import texts
from .catalog import DEFAULT_MODEL, MODEL_IDS, SCENARIOS, Scenario
from .errors import invalid

Body = dict[str, Any]


def json_object() -> Body:
    """The body: a JSON object sent as JSON, else 400 without a field."""
    try:
        body = request.get_json(silent=True)
    except RecursionError:  # a body of ten thousand brackets is no reason for a 500
        body = None
    if not isinstance(body, dict):
        raise invalid(texts.BAD_BODY)
    return body


def message(body: Body, *, may_be_empty: bool = False) -> str:
    """The message without the blanks around it; absent and null count as empty."""
    value = body.get("message")
    text = "" if value is None else value
    if not isinstance(text, str) or not _is_unicode(text):
        raise invalid(texts.MESSAGE_NOT_TEXT, "message")
    text = text.strip()
    if not text and not may_be_empty:
        raise invalid(texts.MESSAGE_EMPTY, "message")
    if len(text) > texts.MESSAGE_MAX:
        raise invalid(texts.MESSAGE_TOO_LONG, "message")
    return text


def choice(body: Body, field: str, allowed: Container[str], complaint: str) -> str:
    value = body.get(field)
    if not isinstance(value, str) or value not in allowed:
        raise invalid(complaint, field)
    return value


def partner_type(body: Body) -> str:
    return choice(body, "partner_type", texts.PARTNER_TYPES, texts.BAD_PARTNER_TYPE)


def situation(body: Body) -> str:
    return choice(body, "situation", texts.SITUATIONS, texts.BAD_SITUATION)


def topic(body: Body) -> str:
    return choice(body, "topic", texts.TOPICS, texts.BAD_TOPIC)


def model(body: Body, field: str) -> str:
    """A model that must be named."""
    return choice(body, field, MODEL_IDS, texts.BAD_MODEL)


def optional_model(body: Body, current: str | None = None) -> str:
    """The model named, else the session's, else the default; null counts as not named."""
    if body.get("model") is not None:
        return model(body, "model")
    return current if current in MODEL_IDS else DEFAULT_MODEL


def scenario(body: Body) -> Scenario:
    return SCENARIOS[choice(body, "scenario_id", SCENARIOS, texts.UNKNOWN_SCENARIO)]


def _is_unicode(text: str) -> bool:
    # JSON can smuggle in half of a surrogate pair, which no store and no model can encode.
    return not any("\ud800" <= char <= "\udfff" for char in text)
