"""What a route may ask for, as FastAPI dependencies: its session, its JSON body, the partner, the faults."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Final, cast

from fastapi import Depends, Request

from new_app import words
from new_app.errors import InvalidError, RefusedError
from new_app.faults import kept_keys
from new_app.metrics import Metrics
from new_app.partner import Partner
from new_app.sessions import Session, SessionStore, csrf
from new_app.sessions.layer import Loader
from new_app.settings import Settings

BODY_LIMIT: Final = 64 * 1024
GET: Final = ["GET", "HEAD"]  # FastAPI alone would refuse HEAD where the old application answers


@dataclass(frozen=True, slots=True)
class Services:
    """What lives as long as the application; in `app.state.services`."""

    settings: Settings
    store: SessionStore
    partner: Partner
    metrics: Metrics


async def services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


async def partner(request: Request) -> Partner:
    return cast(Services, request.app.state.services).partner


async def faults(request: Request) -> frozenset[str]:
    return cast(frozenset[str], request.state.faults)


async def session(request: Request) -> Session:
    opened = await cast(Loader, request.state.loader).load()
    opened.data = kept_keys(request.state.faults, opened.data)
    return opened


async def guarded(request: Request, opened: Annotated[Session, Depends(session)]) -> Session:
    """The session of a request that proved with its token that it comes from our own page.

    A route asks for it before `Body`: who may not write learns nothing about what was wrong with the body.
    """
    csrf.check(opened, request.headers.get(csrf.HEADER))
    return opened


async def body(request: Request) -> dict[str, Any]:
    """The JSON object that was sent as JSON."""
    if not _is_json(request.headers.get("content-type", "")):
        raise InvalidError(words.BAD_BODY)
    try:
        parsed = json.loads(await _limited(request))
    except (ValueError, RecursionError):
        raise InvalidError(words.BAD_BODY) from None
    if not isinstance(parsed, dict):
        raise InvalidError(words.BAD_BODY)
    return parsed


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


async def _limited(request: Request) -> bytes:
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > BODY_LIMIT:
            raise RefusedError(413, "BODY_TOO_LARGE", words.TOO_LARGE)
    return bytes(raw)


GivenServices = Annotated[Services, Depends(services)]
GivenPartner = Annotated[Partner, Depends(partner)]
GivenFaults = Annotated[frozenset[str], Depends(faults)]
AnySession = Annotated[Session, Depends(session)]
GuardedSession = Annotated[Session, Depends(guarded)]
Body = Annotated[dict[str, Any], Depends(body)]
