"""The token that proves a request comes from our own page: made once per session, sent back in a header.

It lives as long as the session; asking again gives the same one, so that two tabs never lock each other out.
"""

from __future__ import annotations

import hmac
import secrets

from new_app import words
from new_app.errors import CsrfError
from new_app.sessions.session import Session

HEADER = "X-CSRF-Token"
KEY = "csrf_token"
ANNOUNCED_SECONDS = 3600


def token_of(session: Session) -> str:
    token = session.get(KEY)
    if not isinstance(token, str) or not token:
        token = session[KEY] = secrets.token_hex(16)
    return token


def check(session: Session, sent: str | None) -> None:
    """Says nothing, or raises the 403."""
    if not sent:
        raise CsrfError("CSRF_TOKEN_MISSING", words.CSRF_MISSING)
    known = session.get(KEY)
    if not isinstance(known, str) or not known or not hmac.compare_digest(known.encode(), sent.encode()):
        raise CsrfError("CSRF_TOKEN_INVALID", words.CSRF_INVALID)
