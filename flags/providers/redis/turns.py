"""One machine at a time, by name: a key that is taken only where nobody has it, and that runs out by itself.
It must not know for what. Nothing rests on it: what is done in a turn is compared where it is written.
"""

from __future__ import annotations

import secrets
from typing import Final

from redis.asyncio import Redis

from flags.providers.redis.store import ask

__all__ = ["Turns"]

_KEPT: Final = 15_000
"""Milliseconds after which a machine that has died in its turn is waited for no more."""
_LEAVE: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Turns:
    """`key`: what the names begin with."""

    def __init__(self, client: Redis, key: str) -> None:
        self._client = client
        self._key = key
        self._mark = secrets.token_hex(8)

    async def take(self, name: str) -> bool:
        """Whether it is ours now; not where Redis does not say so."""
        return await ask(self._client.set(f"{self._key}:{name}", self._mark, nx=True, px=_KEPT)) is True

    async def leave(self, name: str) -> None:
        """It is nobody's any more; where Redis does not hear that, in a while."""
        await ask(self._client.eval(_LEAVE, 1, f"{self._key}:{name}", self._mark))
