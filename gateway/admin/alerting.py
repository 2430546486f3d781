"""The route that tries the alerts: it tells people, and changes nothing."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gateway.admin.access import Desk, Operator, Words, named_actor
from gateway.admin.answering import answer

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["alerts"])


class _Trial(BaseModel):
    model_config = ConfigDict(extra="forbid")

    by: Words = Field(default="", max_length=200, description="Who, where the token alone does not say it.")


@router.post("/alerts/test")
async def try_alerts(desk: Desk, who: Operator, body: _Trial | None = None) -> Response:
    """Send one alert on every channel now, once; what became of each, none when no channel is configured."""
    return answer(await desk.test_alerts(named_actor(who, body.by if body else "")))
