"""What machines have seen, on a real Redis: each part once, only what is new, and all of it after a loss."""

from __future__ import annotations

import asyncio

from redis.asyncio import Redis

from flags.providers.redis.evidence import KEPT, EvidenceTable, Heard, Part
from flags.providers.redis.turns import Turns
from tests.support.redis import RedisServer

KEY = "banyan:evidence"


def table(server: RedisServer, name: str) -> EvidenceTable:
    return EvidenceTable(Redis.from_url(server.url), KEY, name, f"life-of-{name}")


async def heard(at: EvidenceTable, parts: dict[str, bytes] | None = None) -> Heard:
    answer = await at.exchange(parts or {})
    assert isinstance(answer, Heard), answer
    return answer


def test_each_hears_what_is_new_of_the_others_once(redis_server: RedisServer) -> None:
    async def both() -> None:
        one, two = table(redis_server, "one"), table(redis_server, "two")
        assert await heard(one, {"orders\nrecent": b"1"}) == Heard((), frozenset({"one"}), True, False)
        found = await heard(two, {"orders\nrecent": b"\xff\n2"})
        assert found.parts == (Part("one", "orders\nrecent", b"1"),)
        assert (await heard(two)).parts == ()
        assert (await heard(one)).parts == (Part("two", "orders\nrecent", b"\xff\n2"),)
        await heard(one, {"orders\nrecent": b"3", "orders\nearlier": b"4"})
        assert {part.data for part in (await heard(two)).parts} == {b"3", b"4"}
        assert (await heard(two)).machines == {"one", "two"}
        for each in (one, two):
            await each.close()

    asyncio.run(both())


def test_a_loss_is_noticed_and_everything_said_again(redis_server: RedisServer) -> None:
    """Emptied, or fallen back to an older copy."""

    async def lose() -> None:
        one, two = table(redis_server, "one"), table(redis_server, "two")
        await heard(one, {"orders\nrecent": b"1"})
        await heard(two)
        client = Redis.from_url(redis_server.url)
        await client.flushall()
        assert (await heard(two)).again
        assert (await heard(one, {"orders\nrecent": b"1"})).again
        assert (await heard(two)).parts == (Part("one", "orders\nrecent", b"1"),)

        await heard(one, {"orders\nrecent": b"5"})
        await heard(two)
        await client.hset(KEY, "number", 0)
        assert (await heard(two)).again
        for each in (one, two):
            await each.close()
        await client.aclose()

    asyncio.run(lose())


def test_who_is_silent_for_a_week_counts_no_more_and_much_comes_in_pieces(redis_server: RedisServer) -> None:
    async def ask() -> None:
        one, two = table(redis_server, "one"), table(redis_server, "two")
        client = Redis.from_url(redis_server.url)
        await heard(one, {f"feature-{number}\nrecent": b"x" * 100_000 for number in range(12)})
        found = await heard(two)
        parts = list(found.parts)
        while found.more:
            assert sum(len(part.data) for part in found.parts) < 1_000_000
            found = await heard(two)
            parts += found.parts
        assert len({part.name for part in parts}) == len(parts) == 12
        await client.zincrby(f"{KEY}:machines", -(KEPT + 1) * 1000, "one")
        assert (await heard(two)).machines == {"two"}
        assert set(await client.hkeys(KEY)) == {b"life", b"number"}
        for each in (one, two):
            await each.close()
        await client.aclose()

    asyncio.run(ask())


def test_without_an_answer_it_says_why(redis_server: RedisServer) -> None:
    async def ask() -> None:
        one = table(redis_server, "one")
        client = Redis.from_url(redis_server.url)
        await client.set(KEY, "nothing of ours")
        assert "Redis cannot be used" in str(await one.exchange({}))
        await one.close()
        await client.aclose()

    asyncio.run(ask())


def test_one_turn_at_a_time(redis_server: RedisServer) -> None:
    async def ask() -> None:
        client = Redis.from_url(redis_server.url)
        one, two = (Turns(client, "banyan:turn") for _ in range(2))
        assert await one.take("orders")
        assert not await two.take("orders")
        assert await two.take("reports")
        await two.leave("orders")  # not its own
        assert not await two.take("orders")
        await one.leave("orders")
        assert await two.take("orders")
        await client.aclose()

    asyncio.run(ask())
