"""Watching: 太郎 and 花子 talk, the user listens and asks for the next line.

The lines are not escaped, neither here nor in the old application: nobody's input is quoted in them.
"""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from new_app import conversation, faults, words
from new_app.errors import InvalidError
from new_app.partner import WatchTurn
from new_app.partner.turns import TARO
from new_app.routes import fields
from new_app.routes.given import Body, GivenFaults, GivenPartner, GuardedSession
from new_app.sessions import Session

router = APIRouter()


@router.post("/api/watch/start")
async def start(session: GuardedSession, body: Body, partner: GivenPartner, active: GivenFaults) -> Response:
    models = {name: fields.model(body, name) for name in ("model_a", "model_b")}
    turn = WatchTurn(models["model_a"], fields.scene(body))
    line = (await partner.reply(turn)).text
    conversation.start_watch(session, turn.scene, models)
    keep(session, turn, line, active)
    return JSONResponse({"message": f"{turn.speaker}: {line}"})


@router.post("/api/watch/next")
async def following(session: GuardedSession, partner: GivenPartner, active: GivenFaults) -> Response:
    turn = next_turn(session)
    line = (await partner.reply(turn)).text
    keep(session, turn, line, active)
    return JSONResponse({"message": f"{turn.speaker}: {line}"})


def next_turn(session: Session) -> WatchTurn:
    """The other speaker's turn, with the model that was chosen for that speaker."""
    settings, history = session.get("watch_settings"), conversation.watch_history(session)
    if not settings or not history:
        raise InvalidError(words.WATCH_NOT_STARTED)
    speaker = conversation.other_speaker(history[-1]["speaker"])
    model = settings["model_a" if speaker == TARO else "model_b"]
    return WatchTurn(model, conversation.scene_of(settings), speaker, conversation.lines(history))


def keep(session: Session, turn: WatchTurn, line: str, active: frozenset[str]) -> None:
    conversation.remember_watch(session, turn.speaker, line, faults.history_cap(active))
