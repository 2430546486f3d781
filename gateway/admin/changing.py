"""The routes that change something: dial, rollback, restore, a tester's leave. Each needs the operator role
and a reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.responses import Response

from gateway.admin.access import Desk, Operator, Viewer, Words, named_actor
from gateway.admin.answering import answer, shape
from gateway.admin.reasons import REASON_HELP, By, Reason, Why
from gateway.control import DialAnswer, ForceAnswer, LatchAnswer, PendingDial

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["change"])


def _beginning(longest: int) -> Callable[[str], str]:
    return lambda text: text[:longest]


class _Rollback(BaseModel):
    """Nobody is left on the new side because somebody says too much."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[Words, AfterValidator(_beginning(2000))] = Field(
        min_length=1, description=f"{REASON_HELP} Of a longer one the first 2000 characters are kept."
    )
    by: Annotated[Words, AfterValidator(_beginning(200))] = Field(
        default="", description="Who, where the token alone does not say it; likewise the first 200."
    )


class _Dial(Why):
    percent: float = Field(strict=True, description="0 to 100 in steps of 0.01.")


class _Force(Why):
    side: str = Field(description="new or legacy")
    seconds: float = Field(description="How long the value counts.")
    feature: str | None = Field(default=None, max_length=64)


@router.put("/features/{name}/dial", responses=shape(DialAnswer))
async def dial(name: str, body: _Dial, desk: Desk, who: Operator) -> Response:
    """Move a dial; answers when every live worker has it. 202: it waits for a second person."""
    actor = named_actor(who, body.by)
    done = await desk.dial(name, body.percent, reason=body.reason, actor=actor, token=who.name)
    return answer(done, 202 if isinstance(done, PendingDial) else 200)


@router.get("/approvals", responses=shape(PendingDial, many=True))
async def approvals(desk: Desk, _: Viewer) -> Response:
    """The dials that wait for a second person."""
    return answer(await desk.approvals.look())


@router.post("/approvals/{number}", responses=shape(DialAnswer))
async def approve(number: int, body: Why, desk: Desk, who: Operator) -> Response:
    """A second person, by another token, agrees: the dial is moved."""
    actor = named_actor(who, body.by)
    done = await desk.approvals.agree(number, reason=body.reason, actor=actor, token=who.name)
    return answer(done)


@router.delete("/approvals/{number}", responses=shape(PendingDial))
async def decline(number: int, desk: Desk, who: Operator, reason: Reason = "", by: By = "") -> Response:
    """It is not done. Whoever has asked may do that too."""
    return answer(await desk.approvals.decline(number, reason=reason, actor=named_actor(who, by)))


@router.post("/rollback", responses=shape(LatchAnswer))
async def rollback_everything(body: _Rollback, desk: Desk, who: Operator) -> Response:
    """Take everything back to legacy; answers when every live worker has it."""
    return answer(await desk.rollback(None, reason=body.reason, actor=named_actor(who, body.by)))


@router.post("/features/{name}/rollback", responses=shape(LatchAnswer))
async def rollback_feature(name: str, body: _Rollback, desk: Desk, who: Operator) -> Response:
    """Take one feature back to legacy; answers when every live worker has it."""
    return answer(await desk.rollback(name, reason=body.reason, actor=named_actor(who, body.by)))


# A DELETE carries no body that everybody passes on (RFC 9110 section 9.3.5), so its reason may stand in
# the query.
@router.delete("/rollback", responses=shape(LatchAnswer))
async def restore_everything(
    desk: Desk, who: Operator, body: Why | None = None, reason: Reason = "", by: By = ""
) -> Response:
    """Clear the latch of everything; dials stay where they were put, and so do the latches of single
    features.
    """
    reason, by = (body.reason, body.by) if body else (reason, by)
    return answer(await desk.restore(None, reason=reason, actor=named_actor(who, by)))


@router.delete("/features/{name}/rollback", responses=shape(LatchAnswer))
async def restore_feature(
    name: str, desk: Desk, who: Operator, body: Why | None = None, reason: Reason = "", by: By = ""
) -> Response:
    """Clear the latch of one feature; its dial stays where it was put."""
    reason, by = (body.reason, body.by) if body else (reason, by)
    return answer(await desk.restore(name, reason=reason, actor=named_actor(who, by)))


@router.post("/force", responses=shape(ForceAnswer))
def force(body: _Force, desk: Desk, who: Operator) -> Response:
    """A value for the header Banyan-Force: whoever sends it gets this side, unless it is taken back."""
    actor = named_actor(who, body.by)
    return answer(desk.testers.let(body.side, body.seconds, body.feature, reason=body.reason, actor=actor))
