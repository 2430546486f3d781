"""Role play: the list of scenarios, a scene line by line, and feedback on it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from new_app import conversation, faults, words
from new_app.catalogue import CATEGORIES, SCENARIOS
from new_app.errors import NotFoundError
from new_app.partner import ReviewTurn, SceneTurn
from new_app.routes import fields, review
from new_app.routes.given import GET, Body, GivenFaults, GivenPartner, GuardedSession
from new_app.sessions import Session

router = APIRouter()


@router.api_route("/api/categorized_scenarios", methods=GET)
async def categorized() -> Response:
    cards = [scenario.card() for scenario in SCENARIOS.values()]
    return JSONResponse({name: [card for card in cards if card["category"] == name] for name in CATEGORIES})


@router.api_route("/api/scenario/{scenario_id}/category", methods=GET)
async def category(scenario_id: str) -> Response:
    scenario = SCENARIOS.get(scenario_id)
    if scenario is None:
        raise NotFoundError(words.NO_SCENARIO)
    told = {"category": scenario.category, "requires_consent": scenario.requires_consent}
    return JSONResponse({"scenario_id": scenario.id, **told})


@router.post("/api/scenario_chat")
async def say(session: GuardedSession, body: Body, partner: GivenPartner, active: GivenFaults) -> Response:
    turn = next_turn(session, body)
    reply = (await partner.reply(turn)).text
    keep(session, turn, reply, active)
    return JSONResponse({"response": faults.escaped(active, reply)})


@router.post("/api/scenario_clear")
async def clear(session: GuardedSession, body: Body) -> Response:
    scenario = fields.scenario(body)
    _history(session, scenario.id)
    conversation.forget_scene(session, scenario.id)
    return JSONResponse({"status": "success", "message": words.CLEARED["scenario"]})


@router.post("/api/scenario_feedback")
async def feedback(session: GuardedSession, body: Body, partner: GivenPartner) -> Response:
    scenario = fields.scenario(body)
    said = conversation.said_by_user(_history(session, scenario.id))
    turn = ReviewTurn(conversation.chat_model(session), scenario.title, said, scenario.learning_points)
    return JSONResponse(await review.body(partner, turn))


def next_turn(session: Session, body: dict[str, Any]) -> SceneTurn:
    """An empty message opens a scene in which nothing was said yet."""
    scenario = fields.scenario(body)
    history = conversation.scene_history(session, scenario.id)
    message = fields.message(body, may_be_empty=not history)
    model = fields.model_or(body, conversation.chat_model(session))
    return SceneTurn(model, scenario, message or None, conversation.dialogue(history))


def keep(session: Session, turn: SceneTurn, reply: str, active: frozenset[str]) -> None:
    cap = faults.history_cap(active)
    conversation.remember_scene(session, turn.scenario.id, turn.message or "", reply, turn.model, cap)


def _history(session: Session, scenario_id: str) -> list[conversation.Entry]:
    history = conversation.scene_history(session, scenario_id)
    if not history:
        raise NotFoundError(words.NO_HISTORY)
    return history
