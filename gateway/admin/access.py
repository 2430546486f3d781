"""Who asks, and whether they may: the bearer token of a request and the role a route needs; knows no
route by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, cast

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway.admin.tokens import Principal, Role, TokenBook
from gateway.control import ControlService

__all__ = ["Desk", "Operator", "Viewer", "named_actor"]

_BEARER = HTTPBearer(auto_error=False, description="A token of the viewer, operator or admin role.")


def _desk(request: Request) -> ControlService:
    return cast(ControlService, request.app.state.desk)


def _needs(role: Role) -> Callable[..., Principal]:
    def check(
        request: Request, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
    ) -> Principal:
        book = cast(TokenBook, request.app.state.tokens)
        principal = book.find(shown.credentials) if shown else None
        if principal is None:
            challenge = {"WWW-Authenticate": "Bearer"}
            raise HTTPException(401, "A bearer token is needed, and this is none that is known.", challenge)
        if principal.role < role:
            raise HTTPException(403, f"This needs the role {role.name.lower()}.")
        return principal

    return check


def named_actor(principal: Principal, by: str) -> str:
    """Who the ledger names: the person, and the token that vouches for them where it is not the shared
    admin one.
    """
    if not by.strip():
        return principal.name
    return by.strip() if principal.role is Role.ADMIN else f"{by.strip()} with the token of {principal.name}"


Desk = Annotated[ControlService, Depends(_desk)]
Viewer = Annotated[Principal, Depends(_needs(Role.VIEWER))]
Operator = Annotated[Principal, Depends(_needs(Role.OPERATOR))]
