"""Who shares a Redis: one entry for each machine, written and read in one question, with the age of each by
the server's own clock. It must not know what an entry says.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final, NamedTuple

from redis.asyncio import Redis

from flags.providers.redis.store import Failed, ask

__all__ = ["KEPT", "Heard", "MachineRoll"]

KEPT: Final = 60
"""Seconds after which a machine that is not heard any more is forgotten."""
_MOST: Final = 200
_LEAVING: Final = 0.5

# Writes our entry, forgets those that are too old, and gives all: name, milliseconds since it was written,
# entry.
_TELL: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 or redis.call('HLEN', KEYS[1]) < tonumber(ARGV[4]) then
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%d ', now) .. ARGV[2])
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
local all, found = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #all, 2 do
  local at, entry = string.match(all[i + 1], '^(%d+) (.*)$')
  local age = at and now - tonumber(at)
  if not age or age > ARGV[3] * 1000 then
    redis.call('HDEL', KEYS[1], all[i])
  else
    found[#found + 1] = all[i]
    found[#found + 1] = math.max(0, age)
    found[#found + 1] = entry
  end
end
return found
"""


class Heard(NamedTuple):
    """An entry, and how many seconds ago it was written."""

    age: float
    entry: bytes


class MachineRoll:
    """`name`: ours, which nobody else has. At most 200 machines are listed, the first ones."""

    def __init__(self, client: Redis, key: str, name: str) -> None:
        self._client = client
        self._key = key
        self.name = name

    async def tell(self, entry: bytes) -> dict[str, Heard] | Failed:
        """Write ours → all there are, by name. Never raises but for a cancellation."""
        question = self._client.eval(_TELL, 1, self._key, self.name, entry, KEPT, _MOST)
        answer = await ask(question)
        if isinstance(answer, Failed):
            return answer
        try:
            parts = iter(answer)
            return {
                name.decode("utf-8", "replace"): Heard(age / 1000, said)
                for name, age, said in zip(parts, parts, parts, strict=True)
            }
        except (TypeError, ValueError, AttributeError):
            return Failed("answered with something that is no list of machines")

    async def leave(self) -> None:
        """Take our entry away, if that is done in a moment, and let go of the connections."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEAVING):
                await ask(self._client.hdel(self._key, self.name))
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(_LEAVING):
                await self._client.aclose()
