"""A process's shards, on a real Redis: one owner at a time, settled once, handed over with what was not
begun."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

from redis.asyncio import Redis

from gateway.streams import scripts
from gateway.streams.client import StreamClient
from gateway.streams.holdings import Callbacks, Entry, Held, Holdings, Leave
from gateway.streams.names import GROUP, Names
from gateway.streams.origin import read_books
from gateway.streams.sealing import derived
from gateway.streams.trouble import RedisTrouble
from tests.gateway.streams.test_way import until
from tests.support.redis import RedisServer

NAMES = Names("test")
SHARDS = 4


class Process:
    """One shadow process that keeps what it reads, until it is told to settle it."""

    def __init__(self, server: RedisServer, name: str) -> None:
        self.read: list[Entry] = []
        self.gone: list[int] = []
        self.waiting: list[Entry] = []
        callbacks = Callbacks(
            self._take,
            lambda held, level, outs: None,
            self.gone.append,
            self._advanced,
            self._given_back,
            self._states,
            lambda: 100,
            lambda: b"{}",
        )
        self.holdings = Holdings(
            lambda: StreamClient(Redis.from_url(server.url)), NAMES, SHARDS, name, callbacks, state_ttl=60
        )
        self.task = asyncio.get_running_loop().create_task(self.holdings.run())

    async def _take(self, entries: list[Entry], era: str) -> None:
        self.waiting += entries

    def _advanced(self, held: Held) -> None:
        due = [entry for entry in self.waiting if entry.shard == held.shard]
        self.waiting = [entry for entry in self.waiting if entry.shard != held.shard]
        self.read += due

    def _given_back(self, shard: int) -> list[Entry]:
        due = [entry for entry in self.waiting if entry.shard == shard]
        self.waiting = [entry for entry in self.waiting if entry.shard != shard]
        return due

    def _states(self, keys: Iterable[str]) -> list[bytes | str]:
        return [word for key in keys for word in (NAMES.mirror(key), b"state of " + key.encode())]

    async def stop(self) -> None:
        """As if it were stopped by a signal: it does nothing more, and lets go of nothing."""
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


@asynccontextmanager
async def processes(server: RedisServer, *names: str) -> AsyncIterator[list[Process]]:
    made = [Process(server, name) for name in names]
    yield made
    for one in made:
        await one.stop()
        await one.holdings.hand_over()


async def put(redis: Redis, shard: int, *frames: bytes, feature: str = "orders") -> None:
    """As a worker would, with a mark that says that all has come."""
    for frame in frames:
        fields = {"o": "origin", "f": feature, "d": frame, "m": "1"}
        await redis.xadd(NAMES.stream(shard), fields)  # type: ignore[arg-type] # text and bytes mixed are fine


async def settled(redis: Redis) -> dict[tuple[str, str], int]:
    found = await redis.eval("return redis.call('HGETALL', KEYS[1])", 1, NAMES.origin("origin"))
    return dict(read_books(found).settled)


async def test_shards_are_shared_evenly_and_handed_over_at_once(redis_server: RedisServer) -> None:
    async with processes(redis_server, "a") as (one,):
        await until(lambda: len(one.holdings.held) == SHARDS)
        async with processes(redis_server, "b") as (other,):
            await until(lambda: len(one.holdings.held) == len(other.holdings.held) == SHARDS // 2)
            assert not set(one.holdings.held) & set(other.holdings.held)
        await until(lambda: len(one.holdings.held) == SHARDS)


async def test_a_verdict_counts_once_and_the_state_is_kept_with_it(redis_server: RedisServer) -> None:
    redis = Redis.from_url(redis_server.url)
    async with processes(redis_server, "a") as (one,):
        await until(lambda: len(one.holdings.held) == SHARDS)
        await put(redis, 2, b"x", b"y")
        await until(lambda: len(one.read) == 2)
        for entry in one.read:
            entry.key = "user"
            entry.settle("orders", "match")

        async def counted() -> bool:
            return await settled(redis) == {("orders", "match"): 2}

        await until(counted)
        assert await redis.xlen(NAMES.stream(2)) == 0
        assert await redis.get(NAMES.mirror("user")) == b"state of user"
        assert (await redis.xpending(NAMES.stream(2), GROUP))["pending"] == 0


async def test_who_was_stopped_can_neither_settle_nor_send(redis_server: RedisServer) -> None:
    redis = Redis.from_url(redis_server.url)
    async with processes(redis_server, "a") as (one,):
        await until(lambda: len(one.holdings.held) == SHARDS)
        await put(redis, 0, b"read", b"begun")
        await until(lambda: len(one.read) == 2)
        assert await one.read[1].leave(once=True) is Leave.BEGIN
        await one.stop()
        async with processes(redis_server, "b") as (other,):
            await until(lambda: len(other.holdings.held) == SHARDS)
            await until(lambda: len(other.read) == 2)
            assert all(entry.again for entry in other.read)
            assert await other.read[0].leave(once=True) is Leave.BEGIN
            assert await other.read[1].leave(once=True) is Leave.SENT_BEFORE
            one.task = asyncio.get_running_loop().create_task(one.holdings.run())
            one.read[0].settle("orders", "mismatch")
            assert await one.read[0].leave(once=True) is Leave.NOT_OURS
            await until(lambda: 0 in one.gone)
            for entry in other.read:
                entry.settle("orders", "match")

            async def counted() -> bool:
                return await settled(redis) == {("orders", "match"): 2}

            await until(counted)


async def test_what_was_read_and_not_begun_is_handed_over_as_new(redis_server: RedisServer) -> None:
    redis = Redis.from_url(redis_server.url)
    async with processes(redis_server, "a") as (one,):
        await until(lambda: len(one.holdings.held) == SHARDS)
        await redis.set(NAMES.unsure, 1)  # nobody knows whether something earlier is still to come
        await redis.xadd(NAMES.stream(1), {"o": "origin", "f": "orders", "d": "x", "m": "?"})
        await until(lambda: len(one.waiting) == 1)
        assert not one.read
    await redis.delete(NAMES.unsure)
    async with processes(redis_server, "b") as (other,):
        await until(lambda: len(other.read) == 1)
        assert not other.read[0].again


async def test_what_nobody_works_on_is_dropped_and_counted(redis_server: RedisServer) -> None:
    redis = Redis.from_url(redis_server.url)
    await put(redis, 3, b"x" * 10, b"y" * 10)
    await put(redis, 3, b"a word", feature="")
    keys: list[str] = [NAMES.stream(3), NAMES.begun(3), NAMES.meta]
    words: list[Any] = [3, GROUP, NAMES.base, 60_000, "9999999999999", 100]
    assert await redis.eval(scripts.SWEEP, 3, *keys, *words) == 3
    assert await settled(redis) == {("orders", "dropped"): 2}
    assert await redis.xlen(NAMES.stream(3)) == 0


def test_each_purpose_has_a_key_of_its_own() -> None:
    assert derived(b"s" * 32, b"one") != derived(b"s" * 32, b"other")


async def test_what_was_read_for_us_and_lost_on_its_way_is_read_again(redis_server: RedisServer) -> None:
    """Redis has given the entries out; the line was cut before they came."""
    redis = Redis.from_url(redis_server.url)
    async with processes(redis_server, "a") as (one,):
        await until(lambda: len(one.holdings.held) == SHARDS)
        reading = one.holdings._reading
        lost: list[Any] = []
        run = reading.run

        async def losing(script: str, keys: list[str], arguments: list[Any]) -> Any:
            answer = await run(script, keys, arguments)
            if not lost and any(len(found) for found in answer[3:]):
                lost.append(answer)
                raise RedisTrouble("the line was cut")
            return answer

        reading.run = losing  # type: ignore[method-assign]
        await put(redis, 0, b"x", b"y")
        await until(lambda: len(one.read) == 2)
        assert lost
        assert not any(entry.again for entry in one.read)  # nobody has worked on them
        for entry in one.read:
            entry.settle("orders", "match")

        async def counted() -> bool:
            return await settled(redis) == {("orders", "match"): 2}

        await until(counted)
        assert len(one.read) == 2


async def test_what_was_settled_while_it_was_listed_is_not_worked_on_again(redis_server: RedisServer) -> None:
    """After trouble all that was given out is listed; what is settled before the list comes in is on it."""
    redis = Redis.from_url(redis_server.url)
    async with processes(redis_server, "a") as (one,):
        await until(lambda: len(one.holdings.held) == SHARDS)
        reading = one.holdings._reading
        run = reading.run
        await put(redis, 0, b"x")
        await until(lambda: len(one.read) == 1)

        async def late(script: str, keys: list[str], arguments: list[Any]) -> Any:
            answer = await run(script, keys, arguments)
            if not one.holdings.settled:
                one.read[0].settle("orders", "match")
                await until(lambda: one.holdings.settled == 1)
            return answer

        reading.run = late  # type: ignore[method-assign]
        for held in one.holdings.held.values():
            held.cursor = "0"
        await until(lambda: one.holdings.settled == 1)
        await until(lambda: all(held.cursor is None for held in one.holdings.held.values()))
        await asyncio.sleep(0.1)
        assert len(one.read) == 1
