"""Reading and clearing the histories of all three modes.

Decisions:
- `conversation_history` needs no token. A scenario's needs a known `scenario_id` (400 otherwise).
  A conversation that was never held has an empty history. The watched one's entries are
  `{speaker, message, timestamp}`. Texts are not escaped.
- `clear_history` forgets what was said and keeps the settings: a chat goes on with the same
  partner. For scenarios `scenario_id` names one (unknown: 400); without it all are cleared.
  Clearing what is empty is a success.
"""

from flask import Blueprint, Response, jsonify

from .. import histories, texts, validation
from ..csrf import csrf_protected
from ..histories import History

routes = Blueprint("history", __name__)


@routes.post("/api/conversation_history")
def conversation_history() -> Response:
    body = validation.json_object()
    kind = validation.choice(body, "type", texts.HISTORY_MODES, texts.BAD_TYPE)
    return jsonify({"history": _history(kind, body)})


@routes.post("/api/clear_history")
@csrf_protected
def clear_history() -> Response:
    body = validation.json_object()
    mode = validation.choice(body, "mode", texts.HISTORY_MODES, texts.BAD_MODE)
    if mode == "scenario" and body.get("scenario_id") is not None:
        histories.forget_scenario(validation.scenario(body)["id"])
    else:
        histories.forget([f"{mode}_history"])
    return jsonify({"status": "success", "message": texts.CLEARED[mode]})


def _history(kind: str, body: validation.Body) -> History:
    if kind == "chat":
        return histories.chat()
    if kind == "watch":
        return histories.watch()
    return histories.scenario(validation.scenario(body)["id"])
