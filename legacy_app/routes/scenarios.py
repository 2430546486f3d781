"""Role play: the list of scenarios, the scene, feedback, beginning anew.

Decisions:
- `scenario_chat`: body, scenario_id, message, model are checked in this order. An empty message
  starts a scene that has no history (the opening is kept with an empty `human`); later it is a
  400 like in chat. A scene may also start with a message; then the opening is left out.
- `response` is HTML-escaped as in chat.
- Unknown scenario: 400 with field `scenario_id` in a body, 404 in an address.
- `scenario_clear` and `scenario_feedback` of a scenario without history are 404.
- Consent (`requires_consent`) is asked by the page; the routes tell of it and do not insist.
"""

from typing import Final

from flask import Blueprint, Response, jsonify, session

from .. import catalog, histories, texts, validation
from ..csrf import csrf_protected
from ..errors import not_found
from ..histories import History
from ..partner.asks import SceneFeedback, SceneStart, SceneTurn
from .common import ask_partner, escaped, feedback_body, turns

routes = Blueprint("scenarios", __name__)

CLEARED: Final = {"status": "success", "message": texts.CLEARED["scenario"]}


@routes.get("/api/categorized_scenarios")
def categorized_scenarios() -> Response:
    return jsonify(catalog.categorized())


@routes.get("/api/scenario/<scenario_id>/category")
def scenario_category(scenario_id: str) -> Response:
    scenario = catalog.SCENARIOS.get(scenario_id)
    if scenario is None:
        raise not_found(texts.UNKNOWN_SCENARIO)
    return jsonify(
        {
            "scenario_id": scenario_id,
            "category": scenario["category"],
            "requires_consent": scenario["requires_consent"],
        }
    )


@routes.post("/api/scenario_chat")
@csrf_protected
def scenario_chat() -> Response:
    body = validation.json_object()
    scenario = validation.scenario(body)
    history = histories.scenario(scenario["id"])
    message = validation.message(body, may_be_empty=not history)
    model = validation.optional_model(body, session.get("chat_model"))
    turn = SceneTurn(scenario, turns(history), message)
    reply = ask_partner(turn if message else SceneStart(scenario), model)
    histories.keep_scenario(scenario["id"], histories.exchange(message, reply.text))
    session["chat_model"] = model
    return jsonify({"response": escaped(reply.text)})


@routes.post("/api/scenario_clear")
@csrf_protected
def scenario_clear() -> Response:
    scenario = validation.scenario(validation.json_object())
    _history_of(scenario["id"])
    histories.forget_scenario(scenario["id"])
    return jsonify(CLEARED)


@routes.post("/api/scenario_feedback")
@csrf_protected
def scenario_feedback() -> Response:
    scenario = validation.scenario(validation.json_object())
    history = _history_of(scenario["id"])
    model = validation.optional_model({}, session.get("chat_model"))
    reply = ask_partner(SceneFeedback(scenario, turns(history)), model)
    return jsonify(feedback_body(reply, history))


def _history_of(scenario_id: str) -> History:
    history = histories.scenario(scenario_id)
    if not history:
        raise not_found(texts.CHAT_NO_HISTORY)
    return history
