"""Brings a session to a request and takes it back: the cookie, and when to load and to save.

A session is loaded when a route first asks for it, and saved before the head of the answer leaves,
because the cookie of a new session is part of that head. A stream goes on changing its session
afterwards and commits itself.

| request    | its session                                                                    |
|------------|--------------------------------------------------------------------------------|
| a user's   | `wr_session` in the users' space                                               |
| a shadow's | `wr_shadow_session` in the scratch space, so that shadows have conversations   |
| its first  | starts from a copy of what `wr_session` holds, which is read and never written |
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from new_app.sessions.session import Session
from new_app.sessions.store import SessionStore
from new_app.shadow_mode import is_shadow

USER_COOKIE = "wr_session"
SHADOW_COOKIE = "wr_shadow_session"


@dataclass(frozen=True, slots=True)
class Space:
    """One kind of sessions: where they lie, and how they are named to a browser."""

    store: SessionStore
    cookie: str
    lifetime: int

    async def open(self, cookies: dict[str, str]) -> Session | None:
        session_id = cookies.get(self.cookie)
        data = await self.store.load(session_id) if session_id else None
        return None if data is None else Session(self.store, session_id, data)

    def set_cookie(self, session: Session) -> str:
        return f"{self.cookie}={session.id}; HttpOnly; Max-Age={self.lifetime}; Path=/; SameSite=Lax"


@dataclass(frozen=True, slots=True)
class Spaces:
    users: Space
    scratch: Space


class Loader:
    """What a route asks for its session; the second answer is the first one again."""

    def __init__(self, spaces: Spaces, shadow: bool, cookies: dict[str, str]) -> None:
        self._users = spaces.users
        self.space = spaces.scratch if shadow else spaces.users
        self._cookies = cookies
        self.session: Session | None = None

    async def load(self) -> Session:
        if self.session is None:
            self.session = await self.space.open(self._cookies) or await self._new()
        return self.session

    async def _new(self) -> Session:
        original = None if self.space is self._users else await self._users.open(self._cookies)
        return Session(self.space.store, None, original.data if original else {})


class SessionLayer:
    """Pure ASGI, so that a streamed answer is never gathered on its way."""

    def __init__(self, app: ASGIApp, spaces: Spaces) -> None:
        self._app = app
        self._spaces = spaces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        cookies = cookie_parser("; ".join(Headers(scope=scope).getlist("cookie")))
        loader = Loader(self._spaces, is_shadow(scope), cookies)
        scope.setdefault("state", {})["loader"] = loader

        async def send_with_cookie(message: Message) -> None:
            session = loader.session
            if message["type"] == "http.response.start" and session is not None and await session.commit():
                MutableHeaders(scope=message).append("set-cookie", loader.space.set_cookie(session))
            await send(message)

        await self._app(scope, receive, send_with_cookie)
