"""Watching two speakers: start, next line.

Decisions:
- `watch/start` needs all five fields, checked in the order of the table; it begins anew with an
  empty history, and its first line is the first entry.
- `watch/next` has no body to speak of: whatever is sent is not read. 400 before the start and
  after the history was cleared.
- 太郎 speaks with `model_a`, 花子 with `model_b`.
- `message` is the speaker, ": " and the text, not escaped; the history keeps the two apart.
"""

from flask import Blueprint, Response, jsonify, session

from .. import histories, texts, validation
from ..csrf import csrf_protected
from ..errors import invalid
from ..partner.asks import WatchLine
from ..partner.offline import FIRST_SPEAKER, other_speaker
from .chat import kept_persona, persona_dict, read_persona
from .common import ask_partner

routes = Blueprint("watch", __name__)


@routes.post("/api/watch/start")
@csrf_protected
def watch_start() -> Response:
    body = validation.json_object()
    models = {name: validation.model(body, name) for name in ("model_a", "model_b")}
    persona = read_persona(body)
    reply = ask_partner(WatchLine(persona, ()), models["model_a"])
    session["watch_settings"] = {**models, **persona_dict(persona)}
    session["watch_history"] = []
    return _said(reply.text)


@routes.post("/api/watch/next")
@csrf_protected
def watch_next() -> Response:
    persona = kept_persona("watch_settings", texts.WATCH_NOT_STARTED)
    history = tuple((entry["speaker"], entry["message"]) for entry in histories.watch())
    if not history:
        raise invalid(texts.WATCH_NOT_STARTED)
    speaks_first = other_speaker(history[-1][0]) == FIRST_SPEAKER
    model = session["watch_settings"]["model_a" if speaks_first else "model_b"]
    return _said(ask_partner(WatchLine(persona, history), model).text)


def _said(line: str) -> Response:
    speaker, _, message = line.partition(": ")
    histories.keep_watch(histories.spoken(speaker, message))
    return jsonify({"message": line})
