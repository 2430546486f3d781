"""What each machine has seen, in parts that it replaces and the others read when they have changed. It must
not know what a part says.

One hash holds the parts, one sorted set in which order they were last written: whoever has read up to a
number asks for what came after it. A Redis that has forgotten, or fallen back to an older copy, begins
another *life*: then everybody writes everything again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from redis.asyncio import Redis

from flags.providers.redis.store import Failed, ask

__all__ = ["EvidenceTable", "Heard", "Part"]

KEPT: Final = 7 * 86_400
"""Seconds for which what a machine has seen counts after it was last heard."""
_AT_ONCE: Final = 512 * 1024
_MOST: Final = 400

# ARGV: our name, the life and the number that we know, a name for a new life, milliseconds, bytes and parts
# to give at most, then part by part its name and its bytes. Gives: life, number, whether there is more, the
# machines there are, then part by part its name and its bytes.
_EXCHANGE: Final = """
local me, keep = ARGV[1], tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local life, number = redis.call('HGET', KEYS[1], 'life'), tonumber(redis.call('HGET', KEYS[1], 'number') or 0)
local since = tonumber(ARGV[3])
if not life or (life == ARGV[2] and since > number) then
  life = ARGV[4] .. time[1] .. time[2]
  redis.call('HSET', KEYS[1], 'life', life)
end
if life ~= ARGV[2] then since = 0 end
for i = 8, #ARGV, 2 do
  number = redis.call('HINCRBY', KEYS[1], 'number', 1)
  redis.call('HSET', KEYS[1], me .. '\\n' .. ARGV[i], ARGV[i + 1])
  redis.call('ZADD', KEYS[2], number, me .. '\\n' .. ARGV[i])
end
redis.call('ZADD', KEYS[3], now, me)
local gone = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now - keep)
if #gone > 0 then
  local left = {}
  for _, name in ipairs(gone) do left[name] = true end
  for _, part in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    if left[string.match(part, '^[^\\n]*')] then
      redis.call('HDEL', KEYS[1], part)
      redis.call('ZREM', KEYS[2], part)
    end
  end
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - keep)
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, keep) end
local found, bytes, more = {}, 0, 0
local news = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. since, '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[7] + 1)
local read = since
for i = 1, #news, 2 do
  if bytes > tonumber(ARGV[6]) or i > 2 * ARGV[7] then
    more = 1
    break
  end
  if string.match(news[i], '^[^\\n]*') ~= me then
    local data = redis.call('HGET', KEYS[1], news[i])
    bytes = bytes + #data
    found[#found + 1] = news[i]
    found[#found + 1] = data
  end
  read = tonumber(news[i + 1])
end
return {life, read, more, redis.call('ZRANGE', KEYS[3], 0, -1), unpack(found)}
"""


class Part(NamedTuple):
    """One part of what another machine has seen. `name`: as that machine gave it."""

    machine: str
    name: str
    data: bytes


class Heard(NamedTuple):
    """What is new. `machines`: all that count; `again`: write everything anew; `more`: ask at once."""

    parts: tuple[Part, ...]
    machines: frozenset[str]
    again: bool
    more: bool


class EvidenceTable:
    """`key`: what the names of ours begin with. `name`: of this machine. `life`: a name for a new life."""

    def __init__(self, client: Redis, key: str, name: str, life: str) -> None:
        self._client = client
        self._keys = (key, f"{key}:order", f"{key}:machines")
        self._name = name
        self._new = life
        self._life, self._read = "", 0

    async def exchange(self, parts: Mapping[str, bytes]) -> Heard | str:
        """Write these parts of ours, and read what is new of the others; or why that is not possible, without
        a full stop. Never raises but for a cancellation.
        """
        words: list[str | int | bytes] = [self._name, self._life, self._read, self._new]
        words += [KEPT * 1000, _AT_ONCE, _MOST]
        words += [word for pair in parts.items() for word in pair]
        answer = await ask(self._client.eval(_EXCHANGE, 3, *self._keys, *words))
        if isinstance(answer, Failed):
            return f"Redis {answer.reason}"
        try:
            life, read, more, machines, *found = answer
            again = life.decode() != self._life
            heard = tuple(_part(name, data) for name, data in zip(found[::2], found[1::2], strict=True))
            everybody = frozenset(one.decode("utf-8", "replace") for one in machines)
            self._life, self._read = life.decode(), int(read)
        except (TypeError, ValueError, AttributeError):
            return "Redis answered with something that is no evidence"
        return Heard(heard, everybody, again, bool(more))

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()


def _part(name: bytes, data: bytes) -> Part:
    machine, _, part = name.decode("utf-8", "replace").partition("\n")
    return Part(machine, part, data)
