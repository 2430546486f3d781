"""One session in a request's hands: a dictionary that knows its id and whether it must be written back."""

from __future__ import annotations

import secrets
from typing import Any

from new_app.sessions.store import SessionData, SessionStore, encode

_NOTHING = encode({})


class Session:
    """Read once per request; `commit` writes only when something changed.

    `original` is what lies in the store under `session_id`; without an id there is nothing yet, and the first
    `commit` of a session that holds anything makes one. So a visitor who only looks gets no cookie.
    """

    def __init__(self, store: SessionStore, session_id: str | None, data: SessionData) -> None:
        self._store = store
        self._written = encode(data) if session_id else _NOTHING
        self.id = session_id
        self.data = data

    def get(self, key: str, default: Any = None) -> Any:
        return self.data.get(key, default)

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.data[key] = value

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def drop(self, *keys: str) -> None:
        for key in keys:
            self.data.pop(key, None)

    async def refresh(self) -> None:
        """See what other requests of this session wrote since it was loaded."""
        data = await self._store.load(self.id) if self.id else None
        if data is not None:
            self.data = data
            self._written = encode(data)

    async def commit(self) -> bool:
        """Write the session back if it changed; says whether it did."""
        now = encode(self.data)
        if now == self._written:
            return False
        self.id = self.id or new_session_id()
        await self._store.save(self.id, self.data)
        self._written = now
        return True


def new_session_id() -> str:
    return secrets.token_urlsafe(32)
