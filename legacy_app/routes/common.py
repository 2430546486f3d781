"""What several routes need: the partner, and histories as the partner wants them."""

import html
from collections.abc import Mapping
from typing import Any

from flask import current_app

from ..histories import History, human_lines
from ..partner.asks import Ask, Partner, Reply, Turn
from ..partner.strengths import strength_scores, top_strengths


def ask_partner(ask: Ask, model: str) -> Reply:
    partner: Partner = current_app.extensions["partner"]
    return partner.reply(ask, model)


def turns(history: History) -> tuple[Turn, ...]:
    return tuple(Turn(entry["human"], entry["ai"]) for entry in history)


def escaped(text: str) -> str:
    """Every member called `response` is HTML-escaped: & < > " ' (as &#x27;)."""
    return html.escape(text, quote=True)


def feedback_body(reply: Reply, history: History) -> Mapping[str, Any]:
    scores = strength_scores(human_lines(history))
    return {
        "feedback": reply.text,
        "model_used": reply.model_used,
        "status": "success",
        "strength_analysis": {"scores": scores, "top_strengths": top_strengths(scores)},
    }
