"""What the application says about itself: health, models, the token, metrics."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from new_app import conversation, faults
from new_app.catalogue import MODELS
from new_app.routes.given import GET, AnySession, GivenFaults, GivenServices, Services
from new_app.sessions import StoreUnavailableError, csrf

router = APIRouter()

INTERFACE_VERSION = "2.0.0"  # the same for every build; the build says its own in a header


@router.api_route("/health", methods=GET)
async def health(services: GivenServices) -> Response:
    state, status = await store_state(services)
    body = {
        "status": state,
        "timestamp": conversation.now(),
        "version": INTERFACE_VERSION,
        "checks": {"database": state, "llm": services.settings.partner},
    }
    return JSONResponse(body, status)


@router.api_route("/api/models", methods=GET)
async def models() -> Response:
    providers = dict.fromkeys(model["provider"] for model in MODELS)
    grouped = {name: [model for model in MODELS if model["provider"] == name] for name in providers}
    return JSONResponse({"models": MODELS, "categories": grouped})


@router.api_route("/api/csrf-token", methods=GET)
async def csrf_token(session: AnySession, active: GivenFaults) -> Response:
    token = csrf.token_of(session)
    return JSONResponse(
        {"csrf_token": token, "expires_in": faults.expires_in(active, csrf.ANNOUNCED_SECONDS)}
    )


@router.api_route("/metrics", methods=GET)
async def metrics(services: GivenServices) -> Response:
    page = await services.metrics.page(services.store)
    return Response(page, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def store_state(services: Services) -> tuple[str, int]:
    try:
        await services.store.check()
    except StoreUnavailableError:
        return "unhealthy", 503
    return "healthy", 200
