"""Sessions in Redis: one string of JSON per session, under our own prefix, expired by the server."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from new_app.sessions.store import SessionData, StoreUnavailableError, decode, encode, is_session_id

T = TypeVar("T")


class RedisStore:
    """The only module that knows Redis; its errors leave as `StoreUnavailableError`."""

    def __init__(self, client: Redis, prefix: str, lifetime: int) -> None:
        self._client = client
        self._prefix = prefix
        self._lifetime = lifetime

    async def load(self, session_id: str) -> SessionData | None:
        if not is_session_id(session_id):
            return None
        raw = await _asked(self._client.get(self._prefix + session_id))
        return decode(raw) if isinstance(raw, bytes) else None

    async def save(self, session_id: str, data: SessionData) -> None:
        if not is_session_id(session_id):
            raise ValueError("not a session id")
        await _asked(self._client.set(self._prefix + session_id, encode(data), ex=self._lifetime))

    async def delete(self, session_id: str) -> None:
        if is_session_id(session_id):
            await _asked(self._client.delete(self._prefix + session_id))

    async def check(self) -> None:
        await _asked(self._client.exists(self._prefix))

    async def count(self) -> int:
        return await _asked(self._counted())

    async def _counted(self) -> int:
        found = 0
        async for _ in self._client.scan_iter(match=self._prefix + "*", count=500):
            found += 1
        return found


def connect(url: str) -> Redis:
    """A client that gives up soon: a user waits behind it."""
    return Redis.from_url(url, socket_connect_timeout=1.0, socket_timeout=2.0)


async def _asked(question: Awaitable[T]) -> T:
    try:
        return await question
    except (RedisError, OSError) as error:
        raise StoreUnavailableError(str(error)) from error
