"""The routes that change nothing; each needs the viewer role.

Those that read the board or the page run on the loop, where the board is written; those that read a disk
do not.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from flags import Entry
from gateway.admin.access import Desk, Viewer
from gateway.admin.answering import answer, describe, shape
from gateway.control import Explanation, FeatureReport, PastDecision, Sent, Status

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["ask"])

Limit = Annotated[int, Query(ge=1, le=10_000)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    method: str = Field(min_length=1, max_length=32, examples=["GET"])
    path: str = Field(min_length=1, max_length=8192, examples=["/api/items"])
    key: str | None = Field(default=None, max_length=4096, description="The sticky key.")
    address: str = Field(default="", max_length=64, description="The client's, for rules that look at it.")
    headers: list[tuple[str, str]] = Field(
        default=[], max_length=50, description="Fields, for rules that look at properties of a request."
    )


@router.get("/status", responses=shape(Status))
async def status(desk: Desk, _: Viewer) -> Response:
    """Every feature and every worker."""
    return answer(desk.status())


@router.post("/explain", responses=shape(Explanation))
async def explain(body: _Asked, desk: Desk, _: Viewer) -> Response:
    """Which side a request gets, and why."""
    sent = Sent(body.address, tuple(body.headers))
    return answer(desk.explain(body.method, body.path, body.key, sent))


@router.get("/requests/{request}", responses=shape(PastDecision, many=True))
async def past(
    request: str, desk: Desk, _: Viewer, key: Annotated[str | None, Query(max_length=4096)] = None
) -> Response:
    """Which side a request got, and why, when it is over: by its id, if it is one of those that are kept."""
    return answer(await desk.past.of(request, key))


@router.get("/features/{name}/report", responses=shape(FeatureReport))
async def report(name: str, desk: Desk, _: Viewer) -> Response:
    """The A/B report of a feature: ready, or not ready with the reasons."""
    return answer(desk.report(name))


@router.get("/ledger", responses=shape(Entry, many=True))
def ledger(desk: Desk, _: Viewer, limit: Limit = 100) -> Response:
    """Who changed what, newest first."""
    return answer(desk.ledger(limit))


@router.get("/ledger/verify")
def ledger_verify(desk: Desk, _: Viewer, head: Annotated[str, Query(max_length=200)] = "") -> Response:
    """Whether nothing in the ledger was altered, with every place where the chain does not hold. `head`: one
    that was kept elsewhere.
    """
    problems = desk.ledger_problems(head)
    return answer({"intact": not problems, "problems": problems})


@router.get("/ledger/head")
def ledger_head(desk: Desk, _: Viewer) -> Response:
    """Number, hash and seal of the last entry, to be kept elsewhere."""
    head = desk.ledger_head()
    return answer({"head": str(head), "seq": head.seq, "hash": head.hash, "seal": head.seal})


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request, _: Viewer) -> Response:
    """This API, described."""
    document: dict[str, Any] = describe(request.app)
    return JSONResponse(document)
