"""Every error of the admin API as `application/problem+json` (RFC 9457); must not know any route."""

from __future__ import annotations

import http
import json
from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from gateway.control import ControlError, Invalid, NoSuchFeature, NoSuchPlan, NotFound, Refused

__all__ = ["MEDIA_TYPE", "PROBLEM_SCHEMA", "install", "problem"]

MEDIA_TYPE: Final = "application/problem+json"
PROBLEM_SCHEMA: Final = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}


def problem(
    status: int,
    detail: str,
    *,
    extra: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One problem document. `extra` are further members, such as `known` for an unknown feature."""
    body = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return Response(
        json.dumps({**body, **(extra or {})}, ensure_ascii=False),
        status,
        headers=dict(headers or {}),
        media_type=MEDIA_TYPE,
    )


def install(app: FastAPI) -> None:
    """Have every error that leaves `app` be a problem document, the ones nobody thought of too."""
    app.add_exception_handler(ControlError, _control)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unknown)


def _control(_: Request, error: Exception) -> Response:
    if isinstance(error, NoSuchFeature):
        return problem(404, str(error), extra={"feature": error.feature, "known": list(error.known)})
    if isinstance(error, NoSuchPlan):
        return problem(404, str(error), extra={"plan": error.name, "known": list(error.known)})
    if isinstance(error, NotFound):
        return problem(404, str(error))
    if isinstance(error, Invalid):
        return problem(422, str(error), extra={"field": error.field})
    return problem(409 if isinstance(error, Refused) else 503, str(error))


def _validation(_: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    rows = [{"where": ".".join(map(str, row["loc"])), "expected": row["msg"]} for row in found]
    detail = "; ".join(f"{row['where']}: {row['expected']}" for row in rows)
    return problem(422, detail or "the request is not valid", extra={"errors": rows})


def _http(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return _unknown(_, error)
    return problem(error.status_code, str(error.detail), headers=error.headers)


def _unknown(_: Request, __: Exception) -> Response:
    # What went wrong is in the log, with its traceback; the outside learns only that something did.
    return problem(500, "An error of the gateway itself; its log says more.")
