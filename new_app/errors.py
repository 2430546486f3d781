"""Every way a request can fail, and the one place where a failure becomes an answer.

    RefusedError          a status, a code and a sentence for the user, raised anywhere below a route
     ├─ InvalidError      400, may name the field
     ├─ NotFoundError     404
     └─ CsrfError         403, in a flat form of its own
    PartnerBusy/-Failed   429 and 503
    HTTPException         the router's own 404 and 405
    anything else         a defect: logged, 500, not a word about the cause

Below `/api/` a person reads JSON, elsewhere a page.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from new_app import words
from new_app.pages import error_page
from new_app.partner import PartnerBusy, PartnerFailed

log = logging.getLogger("new_app")

RETRY_AFTER = 30
_INTERNAL = ("INTERNAL_ERROR", words.INTERNAL)
_FROM_ROUTER: Mapping[int, tuple[str, str]] = {
    404: ("NOT_FOUND", words.NO_PAGE),
    405: ("METHOD_NOT_ALLOWED", words.NO_METHOD),
}


class RefusedError(Exception):
    """The user's request cannot be served, and here is why."""

    def __init__(self, status: int, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = envelope(code, message, field)


class InvalidError(RefusedError):
    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(400, "VALIDATION_ERROR", message, field)


class NotFoundError(RefusedError):
    def __init__(self, message: str) -> None:
        super().__init__(404, "NOT_FOUND", message)


class CsrfError(RefusedError):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(403, code, message)
        self.body = {"error": message, "code": code}


def envelope(code: str, message: str, field: str | None = None) -> dict[str, Any]:
    error = {"code": code, "message": message}
    return {"error": {**error, "field": field} if field else error}


def busy_body() -> dict[str, Any]:
    return {**envelope("MODEL_BUSY", words.BUSY), "retry_after": RETRY_AFTER}


def failed_body() -> dict[str, Any]:
    return envelope("MODEL_UNAVAILABLE", words.UNAVAILABLE)


def install(app: FastAPI) -> None:
    """Instead of the framework's own `{"detail": …}`, which the users of this interface have never seen."""

    @app.exception_handler(RefusedError)
    async def refused(_request: Request, error: RefusedError) -> Response:
        return JSONResponse(error.body, error.status)

    @app.exception_handler(PartnerBusy)
    async def busy(_request: Request, _error: PartnerBusy) -> Response:
        return JSONResponse(busy_body(), 429, {"Retry-After": str(RETRY_AFTER)})

    @app.exception_handler(PartnerFailed)
    async def failed(_request: Request, error: PartnerFailed) -> Response:
        log.warning("the partner gave no answer: %s", error)
        return JSONResponse(failed_body(), 503)

    @app.exception_handler(HTTPException)
    async def from_router(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 405 and "Allow" in headers:
            headers["Allow"] = ", ".join(sorted({*headers["Allow"].split(", "), "OPTIONS"}))
            if request.method == "OPTIONS":
                return Response(headers=headers, media_type="text/html")
        phrase = HTTPStatus(error.status_code).phrase
        told = _FROM_ROUTER.get(error.status_code, (f"HTTP_{error.status_code}", phrase))
        return _told(request.url.path, error.status_code, told, headers)


class LastResort:
    """Answers what nobody foresaw, while an answer is still possible; inside the marking layers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def send_noting(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except Exception:
            if scope["type"] != "http" or begun:
                raise
            log.exception("%s %s failed", scope["method"], scope["path"])
            await _told(scope["path"], 500, _INTERNAL, {})(scope, receive, send_noting)


def _told(path: str, status: int, told: tuple[str, str], headers: Mapping[str, str]) -> Response:
    if path.startswith("/api/"):
        return JSONResponse(envelope(*told), status, headers)
    return error_page(path, status, told[1], headers)
