"""The session as its user may see it: the store, the keys, clearing.

Decisions:
- `session/health`: `{status, session_type, timestamp}`, 503 when the store does not answer.
- `session/info`: `{session_type, keys, counts}`; the keys sorted, names only (a token's value
  stays where it is), those of Flask-Session itself left out.
- `session/clear`: `type` must be given. One kind goes with its settings; "all" takes everything
  but the token, so that the page that asked goes on working.
"""

from flask import Blueprint, Response, current_app, jsonify
from flask import session as current_session
from flask.typing import ResponseReturnValue

from .. import csrf, histories, texts, validation
from .health import store_is_up

routes = Blueprint("session", __name__)


@routes.get("/api/session/health")
def session_health() -> ResponseReturnValue:
    up = store_is_up()
    body = {
        "status": "healthy" if up else "unhealthy",
        "session_type": _store_kind(),
        "timestamp": histories.now(),
    }
    return jsonify(body), 200 if up else 503


@routes.get("/api/session/info")
def session_info() -> Response:
    return jsonify({"session_type": _store_kind(), "keys": _keys(), "counts": histories.lengths()})


@routes.post("/api/session/clear")
@csrf.csrf_protected
def session_clear() -> Response:
    body = validation.json_object()
    kind = validation.choice(body, "type", texts.CLEAR_TYPES, texts.BAD_TYPE)
    everything = [key for key in _keys() if key != csrf.SESSION_KEY]
    histories.forget(everything if kind == "all" else histories.KEYS[kind])
    return jsonify({"status": "success", "message": texts.CLEARED[kind]})


def _store_kind() -> str:
    return str(current_app.extensions["store"].kind)


def _keys() -> list[str]:
    return sorted(key for key in current_session if not key.startswith("_"))
