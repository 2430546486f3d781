"""What may be asked without a token: is it alive, is it ready, its metrics, and the page that asks for a
token.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from gateway.admin.access import Desk

__all__ = ["router"]

router = APIRouter(tags=["open"])

_PAGES: Final = Path(__file__).parent / "dashboard"
_GUARDED: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@router.get("/healthz")
async def healthz() -> Response:
    """Alive."""
    return JSONResponse({"alive": True})


@router.get("/readyz")
async def readyz(desk: Desk) -> Response:
    """Ready once the configuration is loaded and every worker is up."""
    ready = desk.ready()
    return JSONResponse({"ready": ready}, 200 if ready else 503)


@router.get("/metrics")
async def metrics(desk: Desk) -> Response:
    """For Prometheus."""
    text, media_type = desk.metrics()
    return Response(text, media_type=media_type)


@router.get("/", include_in_schema=False)
def page() -> Response:
    """The dashboard; it asks for a token before it shows anything."""
    return _file("index.html", "text/html; charset=utf-8")


@router.get("/dashboard.js", include_in_schema=False)
def script() -> Response:
    """What makes the dashboard move."""
    return _file("dashboard.js", "text/javascript; charset=utf-8")


@router.get("/dashboard.css", include_in_schema=False)
def style() -> Response:
    """What makes it readable."""
    return _file("dashboard.css", "text/css; charset=utf-8")


def _file(name: str, media_type: str) -> Response:
    return Response((_PAGES / name).read_bytes(), media_type=media_type, headers=_GUARDED)
