"""Brings a session to a request and takes it back: the cookie, and when to load and to save.

A session is loaded when a route first asks for it, and saved before the head of the answer leaves, because the
cookie of a new session is part of that head. A stream goes on changing its session afterwards and commits itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from new_app.sessions.session import Session
from new_app.sessions.store import SessionStore
from new_app.shadow_mode import is_shadow

COOKIE = "wr_session"


@dataclass(slots=True)
class Stores:
    """The sessions of users, and the scratch space that shadow requests work in."""

    users: SessionStore
    scratch: SessionStore


@dataclass(slots=True)
class Loader:
    """What a route asks for its session; the second answer is the first one again."""

    stores: Stores
    shadow: bool
    session_id: str | None
    session: Session | None = field(default=None)

    async def load(self) -> Session:
        if self.session is None:
            self.session = await (self._scratch() if self.shadow else self._users())
        return self.session

    async def _users(self) -> Session:
        return await _opened(self.stores.users, self.session_id) or Session(self.stores.users, None, {})

    async def _scratch(self) -> Session:
        """The scratch session of this cookie; else a copy of the user's, under a new id of its own."""
        known = await _opened(self.stores.scratch, self.session_id)
        if known is not None:
            return known
        original = await _opened(self.stores.users, self.session_id)
        return Session(self.stores.scratch, None, original.data if original else {})


class SessionLayer:
    """Pure ASGI, so that a streamed answer is never gathered on its way."""

    def __init__(self, app: ASGIApp, stores: Stores, lifetime: int) -> None:
        self._app = app
        self._stores = stores
        self._lifetime = lifetime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        loader = Loader(self._stores, is_shadow(scope), _cookie(Headers(scope=scope)))
        scope.setdefault("state", {})["loader"] = loader

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start" and loader.session is not None:
                if await loader.session.commit():
                    MutableHeaders(scope=message).append("set-cookie", self._set_cookie(loader.session))
            await send(message)

        await self._app(scope, receive, send_with_cookie)

    def _set_cookie(self, session: Session) -> str:
        return f"{COOKIE}={session.id}; HttpOnly; Max-Age={self._lifetime}; Path=/; SameSite=Lax"


async def _opened(store: SessionStore, session_id: str | None) -> Session | None:
    data = await store.load(session_id) if session_id else None
    return None if data is None else Session(store, session_id, data)


def _cookie(headers: Headers) -> str | None:
    return cookie_parser("; ".join(headers.getlist("cookie"))).get(COOKIE)
