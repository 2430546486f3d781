"""The body of both feedback routes: the partner's words and the scores beside them."""

from __future__ import annotations

from typing import Any

from new_app.partner import Partner, ReviewTurn, strengths


async def body(partner: Partner, turn: ReviewTurn) -> dict[str, Any]:
    reply = await partner.reply(turn)
    return {
        "feedback": reply.text,
        "model_used": reply.model_used,
        "status": "success",
        "strength_analysis": strengths.analysis(turn.messages),
    }
