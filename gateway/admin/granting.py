"""The routes of tokens: who has one, another one, one less. Each needs the admin role, and changes are
written down.
"""

from __future__ import annotations

from contextlib import suppress

from fastapi import APIRouter
from msgspec.structs import replace
from pydantic import Field
from starlette.responses import Response

from flags import Entry
from gateway.admin.access import Admin, Book, Desk, named_actor
from gateway.admin.answering import answer
from gateway.admin.reasons import By, Reason, Why
from gateway.admin.tokens import Listed, NoSuchToken, TokenRefused, TokensUnreadable
from gateway.control import Invalid, NotFound, Unavailable

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"])

_LONGEST = 10 * 366 * 86_400


class _New(Why):
    name: str = Field(max_length=64)
    role: str = Field(description="viewer, operator or admin")
    seconds: float | None = Field(default=None, gt=0, le=_LONGEST, description="Until it expires.")


@router.get("")
def tokens(book: Book, _: Admin) -> Response:
    """Who has a token: names, roles, times; never a token."""
    try:
        return answer([_view(row) for row in book.listed()])
    except TokensUnreadable as error:
        raise Unavailable(str(error)) from error


@router.post("")
def create(body: _New, book: Book, desk: Desk, who: Admin) -> Response:
    """Another token. It is told in this answer and never again."""
    if not body.reason.strip():
        raise Invalid("reason", "a reason, for whoever reads the ledger later")
    entry = Entry(
        named_actor(who, body.by),
        "token_create",
        None,
        None,
        body.role,
        body.reason,
        evidence={"name": body.name},
    )
    recorded: list[Entry] = []

    def record() -> None:
        desk.write_down(entry)
        recorded.append(entry)

    try:
        token = book.create(body.name, body.role, body.seconds, record)
        row = next(one for one in book.listed() if one.name == body.name)
    except TokenRefused as error:
        raise Invalid(error.field, str(error)) from error
    except TokensUnreadable as error:
        for one in recorded:  # it was written down, and did not come about
            failed = replace(one, action=f"{one.action}_failed", old=one.new, new=None, reason=str(error))
            with suppress(Unavailable):
                desk.write_down(failed)
        raise Unavailable(str(error)) from error
    return answer({**_view(row), "token": token})


@router.delete("/{name}")
def revoke(name: str, book: Book, desk: Desk, who: Admin, reason: Reason = "", by: By = "") -> Response:
    """It opens nothing any more, whether or not that can be written down."""
    if not reason.strip():
        raise Invalid("reason", "a reason, for whoever reads the ledger later")
    try:
        row = book.revoke(name)
    except NoSuchToken as error:
        raise NotFound(str(error)) from error
    except TokensUnreadable as error:
        raise Unavailable(str(error)) from error
    entry = Entry(named_actor(who, by), "token_revoke", None, row.role, None, reason, evidence={"name": name})
    try:
        desk.write_down(entry)
    except Unavailable as error:
        return answer({**_view(row), "recorded": False, "problem": str(error)})
    return answer({**_view(row), "recorded": True, "problem": ""})


def _view(row: Listed) -> dict[str, str | None]:
    return {
        "name": row.name,
        "role": row.role,
        "created": row.created or None,
        "expires": row.expires or None,
    }
