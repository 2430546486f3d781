"""The second version of the three modes: the same conversation in the same session, the words as they come.

A stream takes its time, so the session is read again before the new words are kept: what another request
of the same session wrote meanwhile stays.
"""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Response

from new_app import faults
from new_app.routes import chat, scenario, watch
from new_app.routes.given import Body, GivenFaults, GivenPartner, GuardedSession
from new_app.routes.sse import Telling

router = APIRouter(prefix="/api/v2")


@router.post("/chat")
async def stream_chat(
    session: GuardedSession, body: Body, partner: GivenPartner, active: GivenFaults
) -> Response:
    turn = chat.next_turn(session, body)

    async def keep(reply: str) -> None:
        await session.refresh()
        chat.keep(session, turn, reply, active)
        await session.commit()

    return await Telling(partner.stream(turn), keep, partial(faults.escaped, active)).answer()


@router.post("/scenario")
async def stream_scene(
    session: GuardedSession, body: Body, partner: GivenPartner, active: GivenFaults
) -> Response:
    turn = scenario.next_turn(session, body)

    async def keep(reply: str) -> None:
        await session.refresh()
        scenario.keep(session, turn, reply, active)
        await session.commit()

    return await Telling(partner.stream(turn), keep, partial(faults.escaped, active)).answer()


@router.post("/watch")
async def stream_watch(session: GuardedSession, partner: GivenPartner, active: GivenFaults) -> Response:
    turn = watch.next_turn(session)

    async def keep(line: str) -> None:
        await session.refresh()
        watch.keep(session, turn, line, active)
        await session.commit()

    return await Telling(partner.stream(turn), keep, str, lead=f"{turn.speaker}: ").answer()
