"""The routes of what comparing found. Those that read need the viewer role, acknowledging the operator.

All of them read a disk, so none runs on the loop.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gateway.admin.access import Desk, Operator, Viewer, Words, named_actor
from gateway.admin.answering import answer, answer_exactly

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/diffs", tags=["diffs"])

Limit = Annotated[int, Query(ge=1, le=10_000)]


class _Acknowledge(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Words = Field(min_length=1, max_length=2000, description="Why, for whoever reads it later.")
    by: Words = Field(default="", max_length=200, description="Who, where the token alone does not say it.")
    until: date | None = Field(description="The last day on which it is not shown; null takes it back.")


@router.get("")
def diffs(
    desk: Desk, _: Viewer, feature: str | None = None, limit: Limit = 50, *, examples: bool = False
) -> Response:
    """Signatures of mismatches, what matters first: counts, first and last seen, trend, release."""
    return answer(desk.diffs(feature, limit, examples=examples))


@router.get("/noise")
def noise(desk: Desk, _: Viewer, feature: str | None = None) -> Response:
    """Where legacy differs from itself, with the evidence."""
    return answer(desk.noise(feature))


@router.get("/rules")
def rules(desk: Desk, _: Viewer) -> Response:
    """Where each rule excused something, and how many comparisons there were."""
    return answer(desk.findings.rule_use())


@router.get("/samples")
def samples(desk: Desk, _: Viewer, of: str | None = None, limit: Limit = 200) -> Response:
    """Samples as they were stored (bodies in base64): of a signature, of a rule (`rule:ID`), or all."""
    return answer_exactly(desk.findings.samples(of, limit))


@router.get("/{signature}")
def diff(signature: str, desk: Desk, _: Viewer) -> Response:
    """One sample of a signature."""
    return answer(desk.findings.sample(signature))


@router.put("/{signature}/acknowledged")
def acknowledge(signature: str, body: _Acknowledge, desk: Desk, who: Operator) -> Response:
    """It was seen, and is not shown again until a day."""
    actor = named_actor(who, body.by)
    return answer(desk.findings.acknowledge(signature, body.until, reason=body.reason, actor=actor))
