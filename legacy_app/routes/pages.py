"""The pages people see; each is complete HTML, and its script talks to the routes beside this file.

Decisions:
- A page shows the choices of the session it is opened in; what was said is fetched by its script,
  so that a reload and a first visit take the same way.
- Pages carry no token and no time: the same session gives the same page.
"""

from typing import Any

from flask import Blueprint, abort, render_template, session

from .. import catalog, texts
from ..partner.strengths import STRENGTHS

routes = Blueprint("pages", __name__)


@routes.app_context_processor
def words() -> dict[str, Any]:
    return {
        "partner_types": texts.PARTNER_TYPES,
        "situations": texts.SITUATIONS,
        "topics": texts.TOPICS,
        "difficulties": texts.DIFFICULTIES,
        "categories": texts.CATEGORIES,
        "models": catalog.MODELS,
        "strength_names": {key: name for key, (name, _) in STRENGTHS.items()},
        "message_max": texts.MESSAGE_MAX,
    }


@routes.get("/")
def home() -> str:
    return render_template("home.html", scenario_count=len(catalog.SCENARIOS))


@routes.get("/chat")
def chat_page() -> str:
    kept = session.get("chat_settings") or {}
    model = session.get("chat_model") or catalog.DEFAULT_MODEL
    return render_template("chat.html", kept=kept, model=model)


@routes.get("/scenarios")
def scenarios_page() -> str:
    return render_template("scenarios.html", scenarios=catalog.categorized())


@routes.get("/scenario/<scenario_id>")
def scenario_page(scenario_id: str) -> str:
    scenario = catalog.SCENARIOS.get(scenario_id)
    if scenario is None:
        abort(404)
    return render_template("scenario.html", scenario=scenario)


@routes.get("/watch")
def watch_page() -> str:
    kept = session.get("watch_settings") or {}
    models = {name: kept.get(name, catalog.DEFAULT_MODEL) for name in ("model_a", "model_b")}
    return render_template("watch.html", kept=kept, kept_models=models)
