"""Who asks, and whether they may: the bearer token of a request and the role a route needs; knows no
route by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, cast

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BeforeValidator

from flags import NO_PERSON, readable
from gateway.admin.attempts import Attempts
from gateway.admin.tokens import Principal, Role, TokenBook
from gateway.control import ControlService

__all__ = ["Admin", "Book", "Desk", "Operator", "Viewer", "Words", "named_actor"]

_BEARER = HTTPBearer(auto_error=False, description="A token of the viewer, operator or admin role.")


def _desk(request: Request) -> ControlService:
    return cast(ControlService, request.app.state.desk)


def _book(request: Request) -> TokenBook:
    return cast(TokenBook, request.app.state.tokens)


def _needs(role: Role) -> Callable[..., Principal]:
    def check(
        request: Request, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
    ) -> Principal:
        principal = _book(request).find(shown.credentials) if shown else None
        if principal is None:
            if shown is not None:
                _count(request, shown.credentials)
            challenge = {"WWW-Authenticate": "Bearer"}
            raise HTTPException(401, "A bearer token is needed, and this is none that is known.", challenge)
        if principal.role < role:
            raise HTTPException(403, f"This needs the role {role.name.lower()}.")
        return principal

    return check


def _count(request: Request, token: str) -> None:
    address = request.client.host if request.client else ""
    wait = cast(Attempts, request.app.state.attempts).failed(address, token)
    if wait > 0:
        later = {"Retry-After": str(math.ceil(wait))}
        raise HTTPException(429, "Too many tokens that nobody has were shown from there.", later)


def _readable(value: object) -> object:
    return readable(value) if isinstance(value, str) else value


Words = Annotated[str, BeforeValidator(_readable)]
"""What a person says: an escape in JSON that stands for no character keeps nobody from rolling back."""


def named_actor(principal: Principal, by: str) -> str:
    """Who the ledger names: the person, and the token that vouches for them where it is not the machine's
    own, or they give the name of somebody who is no person.
    """
    by = by.strip()
    if not by or by == principal.name:
        return principal.name
    return by if principal.shared and by not in NO_PERSON else f"{by} with the token of {principal.name}"


Desk = Annotated[ControlService, Depends(_desk)]
Book = Annotated[TokenBook, Depends(_book)]
Viewer = Annotated[Principal, Depends(_needs(Role.VIEWER))]
Operator = Annotated[Principal, Depends(_needs(Role.OPERATOR))]
Admin = Annotated[Principal, Depends(_needs(Role.ADMIN))]
