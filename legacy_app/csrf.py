"""The cross-site request forgery token: one for each session, asked of every starred POST.

| X-CSRF-Token                       | answer                              |
|------------------------------------|-------------------------------------|
| absent or empty                    | 403 `CSRF_TOKEN_MISSING`            |
| not the session's, or none in it   | 403 `CSRF_TOKEN_INVALID`            |
| the session's                      | the route                           |

The token is looked at before the body is read. It lives as long as its session: the announced
`expires_in` tells a page when to ask again, and asking again gives the same token, so that two
tabs of one browser never lock each other out.
"""

import hmac
import secrets
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import jsonify, request, session
from flask.typing import ResponseReturnValue

from . import texts

P = ParamSpec("P")

HEADER = "X-CSRF-Token"
SESSION_KEY = "csrf_token"


def current_token() -> str:
    """The session's token, made at the first call."""
    token = session.get(SESSION_KEY)
    if not isinstance(token, str) or not token:
        token = session[SESSION_KEY] = secrets.token_hex(16)
    return token


def csrf_protected(
    view: Callable[P, ResponseReturnValue],
) -> Callable[P, ResponseReturnValue]:
    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        refusal = _refusal(request.headers.get(HEADER, ""), session.get(SESSION_KEY))
        if refusal is None:
            return view(*args, **kwargs)
        code, message = refusal
        return jsonify({"error": message, "code": code}), 403

    return guarded


def _refusal(sent: str, kept: object) -> tuple[str, str] | None:
    if not sent:
        return texts.CSRF_MISSING
    if not isinstance(kept, str) or not hmac.compare_digest(sent.encode(), kept.encode()):
        return texts.CSRF_INVALID
    return None
