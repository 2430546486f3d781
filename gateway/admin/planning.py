"""The routes of plans: how they stand, what a person does with one, and the freeze of all raises."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from starlette.responses import Response

from gateway.admin.access import Desk, Operator, Viewer, named_actor
from gateway.admin.answering import answer, shape
from gateway.admin.reasons import By, Reason, Why
from gateway.control import FeatureReport, FreezeAnswer, PlanView

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["plan"])


Action = Literal["start", "pause", "resume", "approve", "skip", "stop"]


@router.get("/plans", responses=shape(PlanView, many=True))
async def plans(desk: Desk, _: Viewer) -> Response:
    """Every plan: where it stands, and what holds it."""
    return answer(desk.plans.views.all())


@router.get("/plans/{name}", responses=shape(PlanView))
async def plan(name: str, desk: Desk, _: Viewer) -> Response:
    """The plan of a feature or of a journey."""
    return answer(desk.plans.views.one(name))


@router.post("/plans/{name}/{action}", responses=shape(PlanView))
async def act(name: str, action: Action, body: Why, desk: Desk, who: Operator) -> Response:
    """Start a plan, pause it, resume it, approve of its next step, skip what holds it, stop it."""
    actor = named_actor(who, body.by)
    return answer(await desk.plans.act(name, action, reason=body.reason, actor=actor, token=who.name))


@router.post("/features/{name}/evidence", responses=shape(FeatureReport))
async def renew(name: str, body: Why, desk: Desk, who: Operator) -> Response:
    """Begin the evidence of a feature anew: what was seen so far counts no more."""
    return answer(await desk.renew(name, reason=body.reason, actor=named_actor(who, body.by)))


@router.post("/freeze", responses=shape(FreezeAnswer))
async def freeze(body: Why, desk: Desk, who: Operator) -> Response:
    """Freeze all raises: no dial goes up, by hand or by a plan."""
    await desk.plans.freeze(body.reason, actor=named_actor(who, body.by))
    return answer(FreezeAnswer(desk.plans.views.frozen()))


# As for a restore: the reason may stand in the query, since a DELETE carries no body that everybody passes
# on (RFC 9110 section 9.3.5).
@router.delete("/freeze", responses=shape(FreezeAnswer))
async def thaw(
    desk: Desk, who: Operator, body: Why | None = None, reason: Reason = "", by: By = ""
) -> Response:
    """Let dials be raised again."""
    reason, by = (body.reason, body.by) if body else (reason, by)
    await desk.plans.thaw(reason, actor=named_actor(who, by))
    return answer(FreezeAnswer(desk.plans.views.frozen()))
