"""Small talk: start, say something, hear feedback."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from new_app import conversation, faults, words
from new_app.catalogue import DEFAULT_MODEL, PARTNERS, SITUATIONS
from new_app.errors import InvalidError
from new_app.partner import ChatTurn, ReviewTurn
from new_app.routes import fields, review
from new_app.routes.given import Body, GivenFaults, GivenPartner, GuardedSession
from new_app.sessions import Session

router = APIRouter()


@router.post("/api/start_chat")
async def start(session: GuardedSession, body: Body, partner: GivenPartner, active: GivenFaults) -> Response:
    scene = fields.scene(body)
    model = fields.model_or(body, DEFAULT_MODEL)
    opening = (await partner.reply(ChatTurn(model, scene))).text
    conversation.start_chat(session, scene, model, opening)
    return JSONResponse({"response": faults.escaped(active, opening)}, faults.start_status(active))


@router.post("/api/chat")
async def say(session: GuardedSession, body: Body, partner: GivenPartner, active: GivenFaults) -> Response:
    turn = next_turn(session, body)
    reply = (await partner.reply(turn)).text
    keep(session, turn, reply, active)
    return JSONResponse(faults.chat_answer(active, faults.escaped(active, reply)))


@router.post("/api/chat_feedback")
async def feedback(session: GuardedSession, body: Body, partner: GivenPartner) -> Response:
    who, where = fields.partner_type(body), fields.situation(body)
    if not session.get("chat_settings"):
        raise InvalidError(words.CHAT_NOT_STARTED)
    history = conversation.chat_history(session)
    if not history:
        raise InvalidError(words.NO_HISTORY)
    title = f"{PARTNERS[who]}との会話（{SITUATIONS[where]}）"
    turn = ReviewTurn(conversation.chat_model(session), title, conversation.said_by_user(history))
    return JSONResponse(await review.body(partner, turn))


def next_turn(session: Session, body: dict[str, Any]) -> ChatTurn:
    """What the partner is asked; the same for the plain and the streamed answer."""
    message = fields.message(body)
    model = fields.model_or(body, conversation.chat_model(session))
    settings = session.get("chat_settings")
    if not settings:
        raise InvalidError(words.CHAT_NOT_STARTED)
    said = conversation.dialogue(conversation.chat_history(session))
    return ChatTurn(model, conversation.scene_of(settings), message, said)


def keep(session: Session, turn: ChatTurn, reply: str, active: frozenset[str]) -> None:
    conversation.remember_chat(session, turn.message or "", reply, turn.model, faults.history_cap(active))
