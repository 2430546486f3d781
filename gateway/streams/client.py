"""How Redis is asked for the streams: a limit on every answer, and one kind of trouble. Knows no key."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from flags import SecretMissing
from gateway.streams.trouble import RedisTrouble

LIMIT: Final = 2.0
"""Seconds for one answer."""


class StreamClient:
    """One connection, asked one thing at a time."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._asking = asyncio.Lock()
        self._digests: dict[str, str] = {}

    async def run(self, script: str, keys: list[str], arguments: list[Any]) -> Any:
        """Have Redis run a script. Raises `RedisTrouble`."""
        digest = self._digests.get(script)
        if digest is None:
            digest = self._digests[script] = hashlib.sha1(script.encode()).hexdigest()  # noqa: S324 - a name

        async def ask() -> Any:
            try:
                return await cast(Any, self._redis.evalsha(digest, len(keys), *keys, *arguments))
            except NoScriptError:
                return await cast(Any, self._redis.eval(script, len(keys), *keys, *arguments))

        return await self._within_limit(ask)

    async def ask(self, *words: Any) -> Any:
        """One command. Raises `RedisTrouble`."""
        return await self._within_limit(lambda: cast(Any, self._redis).execute_command(*words))

    async def _within_limit(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        try:
            async with self._asking, asyncio.timeout(LIMIT):
                answer = await ask()
        except (RedisError, SecretMissing, OSError, TimeoutError, ValueError) as error:
            await self._hang_up()
            _heed_cancellation()
            raise RedisTrouble(_said(error)) from error
        _heed_cancellation()
        return answer

    async def close(self) -> None:
        """Let go of the connection."""
        await self._hang_up()

    async def _hang_up(self) -> None:
        """What comes late on a connection must never be taken for the answer to something else."""
        try:
            async with asyncio.timeout(LIMIT):
                await self._redis.connection_pool.disconnect()
        except (RedisError, OSError, TimeoutError):
            return


def _heed_cancellation() -> None:
    """The library swallows a cancellation now and then; whoever was cancelled would go on for ever."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def disagreement(here: int, there: int) -> str:
    """What is wrong when machines were told different numbers of shards."""
    return (
        f"shadow.shards is {here} here and {there} on the other machines; a session would be in two places. "
        "Make it the same everywhere"
    )


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
