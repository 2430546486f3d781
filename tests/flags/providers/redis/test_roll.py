"""The roll of machines on a real Redis: who is listed, how old, and what is no entry of ours."""

from __future__ import annotations

import asyncio

from redis.asyncio import Redis

from flags.providers.redis.roll import MachineRoll
from flags.providers.redis.store import Failed
from tests.support.redis import RedisServer

KEY = "banyan:machines"


def roll(server: RedisServer, name: str) -> MachineRoll:
    return MachineRoll(Redis.from_url(server.url), KEY, name)


def test_each_sees_all_until_one_leaves(redis_server: RedisServer) -> None:
    async def both() -> None:
        one, two = roll(redis_server, "one"), roll(redis_server, "two")
        assert await one.tell(b"1") == {"one": (0, b"1")}
        found = await two.tell(b"a b\n\xff")
        assert not isinstance(found, Failed)
        assert {name: heard.entry for name, heard in found.items()} == {"one": b"1", "two": b"a b\n\xff"}
        assert 0 <= found["one"].age < 30
        await one.leave()
        assert set(await two.tell(b"2")) == {"two"}
        await two.leave()

    asyncio.run(both())


def test_what_is_too_old_or_nobodys_is_forgotten_and_a_full_list_stays_as_it_is(
    redis_server: RedisServer,
) -> None:
    async def ask() -> None:
        client = Redis.from_url(redis_server.url)
        seconds, _ = await client.time()
        old, young = (seconds - 100) * 1000, (seconds - 10) * 1000
        await client.hset(KEY, mapping={"old": f"{old} x", "rubbish": "x", "young": f"{young} y"})
        one = roll(redis_server, "one")
        found = await one.tell(b"1")
        assert not isinstance(found, Failed)
        assert set(found) == {"one", "young"} == set(map(_text, await client.hkeys(KEY)))
        assert 9 < found["young"].age < 40
        assert 0 < await client.ttl(KEY) <= 60

        await client.hset(KEY, mapping={f"m{number}": f"{young} z" for number in range(300)})
        late = roll(redis_server, "late")
        assert "late" not in await late.tell(b"1")
        assert "one" in await one.tell(b"2")
        await client.delete(KEY)
        await client.rpush(KEY, "a list")
        refused = await one.tell(b"3")
        assert isinstance(refused, Failed)
        assert "WRONGTYPE" in refused.reason
        for each in (one, late):
            await each.leave()
        await client.aclose()

    asyncio.run(ask())


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name
