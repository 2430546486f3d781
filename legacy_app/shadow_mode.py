"""Copied traffic: a request with `Banyan-Shadow: 1` works on a scratch copy of the session.

A proxy sends such requests to compare this application with its successor. The user's answer
comes from the successor, so nothing done here may reach a real session: a message said once
would stand in two histories, and a late copy would overwrite what the user did since.

| with the header              | how                                                               |
|------------------------------|-------------------------------------------------------------------|
| where the session lies       | a store of its own: another folder, or the key prefix `shadow:`   |
| which session it is          | the cookie `shadow_session`, so a conversation of copies has turns|
| the first copy of a user     | starts from what `session` holds; that is read and never written  |
| the answer                   | says `Banyan-Shadow: honoured`                                    |

Two stores rather than a flag inside one: forgetting the flag anywhere would write to a user's
session, while here the real store is out of reach once the request is open.
"""

import copy
from types import SimpleNamespace
from typing import Any, Final

from cachelib.base import BaseCache
from flask import Flask, Request, Response, request
from flask.sessions import SessionInterface, SessionMixin
from flask_session.base import ServerSideSession, ServerSideSessionInterface
from flask_session.cachelib import CacheLibSessionInterface
from flask_session.redis import RedisSessionInterface
from redis import Redis

HEADER: Final = "Banyan-Shadow"
ASKED: Final = "1"
HONOURED: Final = "honoured"
COOKIE: Final = "shadow_session"
PREFIX: Final = "shadow:"


# Flask-Session has no annotations, hence the remarks on the four classes.
class ScratchSession(ServerSideSession):  # type: ignore[misc]
    """A session that is saved to the scratch store, known by its type."""


class ScratchCookie(ServerSideSessionInterface):  # type: ignore[misc]
    """A session interface whose cookie is `shadow_session` instead of the application's."""

    session_class = ScratchSession

    def get_cookie_name(self, app: Flask) -> str:
        return COOKIE

    def open_session(self, app: Flask, request: Request) -> Any:
        # Flask-Session reads the cookie under the configured name, and nothing else of a request.
        name = app.config["SESSION_COOKIE_NAME"]
        renamed = SimpleNamespace(cookies={name: request.cookies.get(COOKIE)})
        return super().open_session(app, renamed)


class ScratchFiles(ScratchCookie, CacheLibSessionInterface):  # type: ignore[misc]
    """Over a folder."""


class ScratchRedis(ScratchCookie, RedisSessionInterface):  # type: ignore[misc]
    """Over Redis."""


def scratch_files(app: Flask, store: BaseCache) -> ScratchCookie:
    return ScratchFiles(app, client=store, key_prefix=PREFIX, use_signer=True)


def scratch_redis(app: Flask, store: Redis, prefix: str) -> ScratchCookie:
    return ScratchRedis(app, client=store, key_prefix=PREFIX + prefix, use_signer=True)


class ShadowAwareSessions(SessionInterface):
    """Real sessions for users, scratch sessions for copies."""

    def __init__(self, real: SessionInterface, scratch: ScratchCookie) -> None:
        self._real = real
        self._scratch = scratch

    def open_session(self, app: Flask, request: Request) -> SessionMixin | None:
        if not is_shadow(request):
            return self._real.open_session(app, request)
        session = self._scratch.open_session(app, request)
        real = None if session else self._real.open_session(app, request)
        if real:
            session.update(copy.deepcopy(dict(real)))
        return session  # type: ignore[no-any-return]

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        store = self._scratch if isinstance(session, ScratchSession) else self._real
        store.save_session(app, session, response)


def is_shadow(request: Request) -> bool:
    return request.headers.get(HEADER) == ASKED


def install(app: Flask, scratch: ScratchCookie) -> None:
    """To be called when the application's own session interface is in place."""
    app.session_interface = ShadowAwareSessions(app.session_interface, scratch)
    app.after_request(_say_so)


def _say_so(response: Response) -> Response:
    if is_shadow(request):
        response.headers[HEADER] = HONOURED
    return response
