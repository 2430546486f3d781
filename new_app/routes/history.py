"""What is kept: reading and clearing conversations, and the session as its user may see it.

Clearing a history keeps its settings, so that a chat goes on with the same partner; clearing the session
takes them too, but never the token: the page that asked goes on working.
"""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from new_app import conversation, words
from new_app.routes import about, fields
from new_app.routes.given import GET, AnySession, Body, GivenServices, GuardedSession
from new_app.sessions import Session, csrf

router = APIRouter()


@router.post("/api/conversation_history")
async def read(session: AnySession, body: Body) -> Response:
    kind = fields.choice(body, "type", conversation.KEYS, words.BAD_TYPE)
    if kind == "scenario":
        return JSONResponse({"history": conversation.scene_history(session, fields.scenario(body).id)})
    return JSONResponse({"history": session.get(f"{kind}_history", [])})


@router.post("/api/clear_history")
async def clear(session: GuardedSession, body: Body) -> Response:
    mode = fields.choice(body, "mode", conversation.KEYS, words.BAD_MODE)
    if mode == "scenario" and body.get("scenario_id") is not None:
        conversation.forget_scene(session, fields.scenario(body).id)
    else:
        session.drop(f"{mode}_history")
    return JSONResponse({"status": "success", "message": words.CLEARED[mode]})


@router.api_route("/api/session/health", methods=GET)
async def health(services: GivenServices) -> Response:
    state, status = await about.store_state(services)
    told = {"session_type": services.settings.store, "timestamp": conversation.now()}
    return JSONResponse({"status": state, **told}, status)


@router.api_route("/api/session/info", methods=GET)
async def info(session: AnySession, services: GivenServices) -> Response:
    kind = services.settings.store
    return JSONResponse(
        {"session_type": kind, "keys": _keys(session), "counts": conversation.lengths(session)}
    )


@router.post("/api/session/clear")
async def clear_session(session: GuardedSession, body: Body) -> Response:
    kind = fields.choice(body, "type", words.CLEARED, words.BAD_TYPE)
    everything = [key for key in _keys(session) if key != csrf.KEY]
    session.drop(*(everything if kind == "all" else conversation.KEYS[kind]))
    return JSONResponse({"status": "success", "message": words.CLEARED[kind]})


def _keys(session: Session) -> list[str]:
    return sorted(key for key in session.data if not key.startswith("_"))
