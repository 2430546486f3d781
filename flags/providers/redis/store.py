"""One key in Redis, read and replaced: compare-and-set by what was found there, a message after each change.
The only module that knows the client's errors; it must not know what the bytes mean.

Never on the path of a request. Every answer has a limit, nothing is tried twice here.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from flags.secret import SecretMissing

__all__ = ["Failed", "Found", "RedisStore", "Unchanged", "ask"]

LIMIT: Final = 1.0
"""Seconds for one question as a whole, whatever the client makes of its own limits."""
_LONGEST: Final = 200
_SCRIPT_6: Final = re.compile(r"^Error running script \(call to \w+\): |@user_script: ?\d+: -?")
_SCRIPT_7: Final = re.compile(r" script: \w+, on @user_script:\d+\.?$")
_RENEWED: Final = 60.0
_PAUSE: Final = 0.5

# Nothing when the key is absent, an empty text when it is as the asker knows it, else what it holds.
_READ: Final = """
local now = redis.call('GET', KEYS[1])
if not now then return false end
if redis.sha1hex(now) == ARGV[1] then return '' end
return now
"""
_SWAP: Final = """
local now = redis.call('GET', KEYS[1])
if (now and redis.sha1hex(now) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('PUBLISH', KEYS[1], ARGV[3])
return 1
"""


class Found(NamedTuple):
    """What the key holds; None: there is none."""

    data: bytes | None


class Unchanged(NamedTuple):
    """The key holds what the asker knows."""


class Failed(NamedTuple):
    """`reason`: without a full stop, for "Redis " before it. `unsure`: it may have been done all the same."""

    reason: str
    unsure: bool = False


def digest(data: bytes | None) -> str:
    """How the server names a value; "" for none."""
    return "" if data is None else hashlib.sha1(data).hexdigest()  # noqa: S324 - what the server can compute


class RedisStore:
    """`client` has limits of its own on connecting and on each answer. `key` is also the name of the
    channel."""

    def __init__(self, client: Redis, key: str) -> None:
        self._client = client
        self.key = key

    async def read(self, known: bytes | None) -> Found | Unchanged | Failed:
        """Never raises but for a cancellation. `known`: what the asker has."""
        answer = await ask(self._client.eval(_READ, 1, self.key, digest(known)))
        if isinstance(answer, Failed):
            return answer
        if answer is None:
            return Unchanged() if known is None else Found(None)
        if not isinstance(answer, bytes):
            return Failed("answered with something that is no value")
        return Found(answer) if answer else Unchanged()

    async def swap(self, known: bytes | None, data: bytes) -> bool | Failed:
        """Replace what the key holds if that still is `known` → whether it was. Never raises."""
        answer = await ask(self._client.eval(_SWAP, 1, self.key, digest(known), data, b"changed"))
        if isinstance(answer, Failed):
            return answer
        return bool(answer == 1)

    async def listen(self, changed: Callable[[], None]) -> None:
        """Call `changed` whenever somebody says that the key has, until cancelled. Messages get lost: this
        is no more than a nudge, and `changed` is also called when listening begins (again).
        """
        while True:
            with suppress(RedisError, OSError, SecretMissing, TimeoutError, ValueError):
                # Subscribed anew now and then: of a connection that went dead without a word nobody tells us.
                async with asyncio.timeout(_RENEWED), self._client.pubsub() as channel:
                    await channel.subscribe(self.key)
                    async for _ in channel.listen():
                        changed()
            await asyncio.sleep(_PAUSE)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()


async def ask(question: Awaitable[Any] | Any) -> Any:
    """What the server answers, or `Failed`: within a limit, and never an error but for a cancellation."""
    try:
        async with asyncio.timeout(LIMIT):
            return await cast("Awaitable[Any]", question)
    except TimeoutError:
        return Failed(f"does not answer within {LIMIT:g} s", unsure=True)
    except SecretMissing as error:
        return Failed(f"cannot be asked: {error}")
    except (RedisError, OSError, ValueError) as error:
        # ValueError: bytes that are no answer of a Redis end in the client's own conversions.
        return Failed(_said(error), unsure=not isinstance(error, ResponseError))


def _said(error: Exception) -> str:
    """What the server said, without what it says about our script."""
    text = _SCRIPT_6.sub("", " ".join(str(error).split()))
    text = _SCRIPT_7.sub("", text)[:_LONGEST].rstrip(". ") or type(error).__name__
    return f"cannot be used: {text}"
