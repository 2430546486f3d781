"""Renders the pages a person sees; knows the templates and the words in them, no route and no session.

A page carries its own style and script: whichever side of a migration serves `/static`, it looks and
works alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader
from starlette.responses import HTMLResponse

from new_app import catalogue, words
from new_app.partner.strengths import STRENGTHS

_FOLDER: Final = Path(__file__).parent / "templates"
_TEMPLATES: Final = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, auto_reload=False)
_TEMPLATES.globals.update(
    partner_types=catalogue.PARTNERS,
    situations=catalogue.SITUATIONS,
    topics=catalogue.TOPICS,
    models=catalogue.MODELS,
    difficulties=catalogue.DIFFICULTIES,
    message_limit=words.MESSAGE_LIMIT,
    strengths={strength.key: strength.name for strength in STRENGTHS},
    modes={"/chat": "雑談", "/scenarios": "シナリオ", "/watch": "会話観戦"},
)


def page(name: str, path: str, **values: Any) -> HTMLResponse:
    return HTMLResponse(_TEMPLATES.get_template(name).render(path=path, **values))


def error_page(path: str, status: int, message: str, headers: Mapping[str, str]) -> HTMLResponse:
    text = _TEMPLATES.get_template("error.html").render(path=path, status=status, message=message)
    return HTMLResponse(text, status, headers)
