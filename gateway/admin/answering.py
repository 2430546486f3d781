"""How answers are written as JSON, and how OpenAPI learns their shape; knows no route."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from flags import Entry
from gateway.admin.problems import MEDIA_TYPE, PROBLEM_SCHEMA
from gateway.control import (
    DialAnswer,
    Explanation,
    FeatureReport,
    ForceAnswer,
    FreezeAnswer,
    LatchAnswer,
    PastDecision,
    PendingDial,
    PlanView,
    Status,
)

__all__ = ["answer", "answer_exactly", "describe", "shape"]

_DESCRIBED: Final = (
    Status,
    DialAnswer,
    LatchAnswer,
    ForceAnswer,
    Explanation,
    FeatureReport,
    Entry,
    PastDecision,
    PendingDial,
    PlanView,
    FreezeAnswer,
)
_PLACE: Final = "#/components/schemas/{name}"


def answer(value: Any, status: int = 200) -> Response:
    """A value of the desk as JSON."""
    return Response(msgspec.json.encode(value, enc_hook=_plain), status, media_type="application/json")


def answer_exactly(value: Any) -> Response:
    """The same with bytes in base64, so that a program gets back what was kept."""
    return Response(msgspec.json.encode(value), media_type="application/json")


def shape(kind: type, *, many: bool = False) -> dict[int | str, dict[str, Any]]:
    """What FastAPI's `responses` wants for an answer of this kind, and for every error."""
    schema: dict[str, Any] = {"$ref": _PLACE.format(name=kind.__name__)}
    if many:
        schema = {"type": "array", "items": schema}
    return {200: {"description": "Done.", "content": {"application/json": {"schema": schema}}}}


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the shapes of the answers and with errors as what they are: problem
    documents.
    """
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    _, components = msgspec.json.schema_components(_DESCRIBED, ref_template=_PLACE)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(components, Problem=PROBLEM_SCHEMA)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    failed = {
        "description": "Not done.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": _PLACE.format(name="Problem")}}},
    }
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = failed
    return document


def _plain(value: Any) -> Any:
    # Headers and bodies of recorded exchanges are bytes of any kind; in JSON they are text that
    # loses nothing.
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    raise TypeError(f"{type(value).__name__} has no place in an answer")
