"""Why, and who: what comes with every change. Knows no route."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from gateway.admin.access import Words

__all__ = ["REASON_HELP", "By", "Reason", "Why"]

REASON_HELP: Final = "Why, for whoever reads the ledger later."


class Why(BaseModel):
    """What every change comes with."""

    model_config = ConfigDict(extra="forbid")

    reason: Words = Field(min_length=1, max_length=2000, description=REASON_HELP)
    by: Words = Field(default="", max_length=200, description="Who, where the token alone does not say it.")


# For a DELETE, which carries no body that everybody passes on (RFC 9110 section 9.3.5).
Reason = Annotated[str, Query(max_length=2000, description=REASON_HELP)]
By = Annotated[str, Query(max_length=200)]
