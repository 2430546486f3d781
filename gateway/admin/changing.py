"""The routes that change something: dial, rollback, restore. Each needs the operator role and a reason."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gateway.admin.access import Desk, Operator, named_actor
from gateway.admin.answering import answer, shape
from gateway.control import DialAnswer, LatchAnswer

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["change"])

_REASON_HELP = "Why, for whoever reads the ledger later."


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=2000, description=_REASON_HELP)
    by: str = Field(default="", max_length=200, description="Who, where the token alone does not say it.")


class _Dial(_Change):
    percent: float = Field(strict=True, description="0 to 100 in steps of 0.01.")


Reason = Annotated[str, Query(max_length=2000, description=_REASON_HELP)]
By = Annotated[str, Query(max_length=200)]


@router.put("/features/{name}/dial", responses=shape(DialAnswer))
async def dial(name: str, body: _Dial, desk: Desk, who: Operator) -> Response:
    """Move a dial; answers when every live worker has it."""
    actor = named_actor(who, body.by)
    return answer(await desk.dial(name, body.percent, reason=body.reason, actor=actor))


@router.post("/rollback", responses=shape(LatchAnswer))
async def rollback_everything(body: _Change, desk: Desk, who: Operator) -> Response:
    """Take everything back to legacy; answers when every live worker has it."""
    return answer(await desk.rollback(None, reason=body.reason, actor=named_actor(who, body.by)))


@router.post("/features/{name}/rollback", responses=shape(LatchAnswer))
async def rollback_feature(name: str, body: _Change, desk: Desk, who: Operator) -> Response:
    """Take one feature back to legacy; answers when every live worker has it."""
    return answer(await desk.rollback(name, reason=body.reason, actor=named_actor(who, body.by)))


# A DELETE carries no body that everybody passes on (RFC 9110 section 9.3.5), so its reason may stand in
# the query.
@router.delete("/rollback", responses=shape(LatchAnswer))
async def restore_everything(
    desk: Desk, who: Operator, body: _Change | None = None, reason: Reason = "", by: By = ""
) -> Response:
    """Clear the latch of everything; dials stay where they were put, and so do the latches of single
    features.
    """
    reason, by = (body.reason, body.by) if body else (reason, by)
    return answer(await desk.restore(None, reason=reason, actor=named_actor(who, by)))


@router.delete("/features/{name}/rollback", responses=shape(LatchAnswer))
async def restore_feature(
    name: str, desk: Desk, who: Operator, body: _Change | None = None, reason: Reason = "", by: By = ""
) -> Response:
    """Clear the latch of one feature; its dial stays where it was put."""
    reason, by = (body.reason, body.by) if body else (reason, by)
    return answer(await desk.restore(name, reason=reason, actor=named_actor(who, by)))
