"""The pages' addresses. A page shows the choices of its session; what was said its script asks for."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from new_app import conversation
from new_app.catalogue import CATEGORIES, DEFAULT_MODEL, SCENARIOS
from new_app.pages import page
from new_app.routes.given import GET, AnySession

router = APIRouter()


@router.api_route("/", methods=GET)
async def home(request: Request) -> Response:
    return page("home.html", request.url.path, scenario_count=len(SCENARIOS))


@router.api_route("/chat", methods=GET)
async def chat(request: Request, session: AnySession) -> Response:
    kept = session.get("chat_settings") or {}
    return page("chat.html", request.url.path, kept=kept, model=conversation.chat_model(session))


@router.api_route("/scenarios", methods=GET)
async def scenarios(request: Request) -> Response:
    groups = {
        title: [scenario for scenario in SCENARIOS.values() if scenario.category == name]
        for name, title in CATEGORIES.items()
    }
    return page("scenarios.html", request.url.path, groups=groups)


@router.api_route("/scenario/{scenario_id}", methods=GET)
async def scenario(request: Request, scenario_id: str) -> Response:
    found = SCENARIOS.get(scenario_id)
    if found is None:
        raise HTTPException(404)
    return page("scenario.html", request.url.path, scenario=found)


@router.api_route("/watch", methods=GET)
async def watch(request: Request, session: AnySession) -> Response:
    kept = session.get("watch_settings") or {}
    chosen = {name: kept.get(name, DEFAULT_MODEL) for name in ("model_a", "model_b")}
    return page("watch.html", request.url.path, kept=kept, chosen=chosen)
