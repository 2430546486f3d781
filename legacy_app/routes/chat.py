"""Small talk with one partner: start, message, feedback.

Decisions:
- `start_chat` may be called again at any time; it begins anew with an empty history. The opening
  line is kept in `chat_settings`, not in the history.
- Fields are checked in the order of the table; for `chat`: body, message, model, started.
- A message is kept and answered without the blanks around it.
- `response` is HTML-escaped; the history keeps the texts as they were said.
- `model` is kept as `chat_model` and holds for the following messages that name none.
- `chat_feedback`: bad fields, then not started, then no message yet, all 400. The partner and the
  situation of the feedback are those of the request. `model_used` is the model, or "offline".
"""

from typing import Any

from flask import Blueprint, Response, jsonify, session

from .. import histories, texts, validation
from ..csrf import csrf_protected
from ..errors import invalid
from ..partner.asks import ChatFeedback, ChatStart, ChatTurn, Persona
from .common import ask_partner, escaped, feedback_body, turns

routes = Blueprint("chat", __name__)


@routes.post("/api/start_chat")
@csrf_protected
def start_chat() -> Response:
    body = validation.json_object()
    persona = read_persona(body)
    model = validation.optional_model(body)
    reply = ask_partner(ChatStart(persona), model)
    session["chat_settings"] = {**persona_dict(persona), "model": model, "opening": reply.text}
    session["chat_model"] = model
    session["chat_history"] = []
    return jsonify({"response": escaped(reply.text)})


@routes.post("/api/chat")
@csrf_protected
def chat() -> Response:
    body = validation.json_object()
    message = validation.message(body)
    model = validation.optional_model(body, session.get("chat_model"))
    persona = kept_persona("chat_settings", texts.CHAT_NOT_STARTED)
    reply = ask_partner(ChatTurn(persona, turns(histories.chat()), message), model)
    histories.keep_chat(histories.exchange(message, reply.text))
    session["chat_model"] = model
    return jsonify({"response": escaped(reply.text)})


@routes.post("/api/chat_feedback")
@csrf_protected
def chat_feedback() -> Response:
    body = validation.json_object()
    partner_type, situation = validation.partner_type(body), validation.situation(body)
    kept_persona("chat_settings", texts.CHAT_NOT_STARTED)
    history = histories.chat()
    if not history:
        raise invalid(texts.CHAT_NO_HISTORY)
    model = validation.optional_model({}, session.get("chat_model"))
    reply = ask_partner(ChatFeedback(partner_type, situation, turns(history)), model)
    return jsonify(feedback_body(reply, history))


def read_persona(body: validation.Body) -> Persona:
    return Persona(validation.partner_type(body), validation.situation(body), validation.topic(body))


def persona_dict(persona: Persona) -> dict[str, str]:
    return {
        "partner_type": persona.partner_type,
        "situation": persona.situation,
        "topic": persona.topic,
    }


def kept_persona(key: str, complaint: str) -> Persona:
    """The persona of a conversation that was started, else 400."""
    kept: dict[str, Any] | None = session.get(key)
    if not kept:
        raise invalid(complaint)
    return Persona(kept["partner_type"], kept["situation"], kept["topic"])
