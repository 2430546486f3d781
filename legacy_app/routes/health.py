"""`/health` and `/api/models`, and the token every page asks for first.

Decisions:
- `checks.database` is the session store, `checks.llm` the partner's name; a store that does not
  answer makes `status` and `checks.database` "unhealthy", with 503.
- `version` is the interface's, the same for every build.
"""

from flask import Blueprint, Response, current_app, jsonify
from flask.typing import ResponseReturnValue

from .. import csrf, texts
from ..catalog import MODELS, models_by_provider
from ..histories import now
from ..sessions import SessionStore

routes = Blueprint("health", __name__)


@routes.get("/health")
def health() -> ResponseReturnValue:
    up = store_is_up()
    state = "healthy" if up else "unhealthy"
    body = {
        "status": state,
        "timestamp": now(),
        "version": texts.VERSION,
        "checks": {"database": state, "llm": current_app.extensions["settings"].partner},
    }
    return jsonify(body), 200 if up else 503


@routes.get("/api/models")
def models() -> Response:
    return jsonify({"models": MODELS, "categories": models_by_provider()})


@routes.get("/api/csrf-token")
def csrf_token() -> Response:
    return jsonify({"csrf_token": csrf.current_token(), "expires_in": texts.CSRF_EXPIRES_IN})


def store_is_up() -> bool:
    store: SessionStore = current_app.extensions["store"]
    try:
        return store.is_up()
    except Exception:  # noqa: BLE001 - the question is whether it works, not why it does not
        return False
