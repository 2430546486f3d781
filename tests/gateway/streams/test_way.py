"""From a worker into the streams, on a real Redis: added exactly once, bounded, told what became of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from gateway.capture import CapturedExchange, Gaps, SessionGap, decode, encode
from gateway.streams import scripts
from gateway.streams.client import StreamClient
from gateway.streams.desk import StreamDesk
from gateway.streams.names import GROUP, Names
from gateway.streams.sealing import Seal, SealBroken
from gateway.streams.trouble import RedisTrouble
from gateway.streams.way import StreamWay
from shadow import Observation, RequestSnapshot
from tests.support.redis import RedisServer

NAMES = Names("test")


class Forgetful(StreamClient):
    """Loses the answers to some scripts: what was asked has been done, or not."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self.loses: dict[str, list[bool]] = {}  # by script: whether each next one is done all the same

    async def run(self, script: str, keys: list[str], arguments: list[Any]) -> Any:
        waiting = self.loses.get(script)
        if not waiting:
            return await super().run(script, keys, arguments)
        if waiting.pop(0):
            await super().run(script, keys, arguments)
        raise RedisTrouble("the answer was lost")


class Way:
    """One worker's way, and what it was told."""

    def __init__(self, server: RedisServer, **more: Any) -> None:
        self.redis: Any = Redis.from_url(server.url)  # its types know no entries of bytes
        self.client = Forgetful(Redis.from_url(server.url))
        self.told: Counter[tuple[str, str]] = Counter()
        settings = {"most": 1 << 30, "ttl": 60.0, **more}
        self.way = StreamWay(self.client, NAMES, 4, self._settled, lambda frame: b"gap " + frame, **settings)

    def _settled(self, feature: str, verdict: str, times: int) -> None:
        self.told[feature, verdict] += times

    async def entries(self) -> list[tuple[int, bytes, bytes]]:
        found = []
        for shard in range(4):
            for _, fields in await self.redis.xrange(NAMES.stream(shard)):
                found.append((shard, fields[b"f"], fields[b"d"]))
        return found

    async def settle(self, shard: int, times: int, verdict: str) -> None:
        """As a shadow process would."""
        await self.redis.hset(NAMES.fences, str(shard), "token")
        entries = (await self.redis.xrange(NAMES.stream(shard)))[:times]
        words: list[Any] = [shard, "token", GROUP, NAMES.base, 60_000, 60_000, len(entries), ""]
        for id_, fields in entries:
            words += (id_, fields[b"o"], fields[b"f"], verdict, len(fields[b"d"]))
        keys = [NAMES.fences, NAMES.stream(shard), NAMES.begun(shard), NAMES.meta]
        await self.redis.xgroup_create(NAMES.stream(shard), GROUP, "0", mkstream=True)
        settled = await self.redis.eval(scripts.SETTLE, len(keys), *keys, *words)
        assert settled == len([id_ for id_, fields in entries if fields[b"f"]])
        assert await self.redis.eval(scripts.SETTLE, len(keys), *keys, *words) == 0  # never a second time


@asynccontextmanager
async def way(server: RedisServer, **more: Any) -> AsyncIterator[Way]:
    made = Way(server, **more)
    made.way.start()
    yield made
    await made.way.close(1.0)
    await made.redis.aclose()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.02)


async def test_what_is_handed_over_lies_in_its_shard_and_verdicts_come_back(
    redis_server: RedisServer,
) -> None:
    async with way(redis_server) as one:
        for number in range(10):
            assert one.way.shards[number % 4].send(b"frame %d" % number, "orders")
        one.way.shards[0].tell(b"a word")

        async def all_there() -> bool:
            return len(await one.entries()) == 11

        await until(all_there)
        assert [frame for shard, _, frame in await one.entries() if shard == 1] == [
            b"frame 1",
            b"frame 5",
            b"frame 9",
        ]
        await one.settle(1, 3, "match")
        await one.settle(0, 4, "mismatch")
        await until(lambda: one.told.total() == 6)
        assert one.told == {("orders", "match"): 3, ("orders", "mismatch"): 3}
        passage = one.way.passage()
        assert passage is not None
        assert sorted(passage.told) == [("orders", "match", 3), ("orders", "mismatch", 3)]


@pytest.mark.parametrize("done", [True, False])
async def test_a_batch_whose_answer_is_lost_is_added_once(redis_server: RedisServer, done: bool) -> None:
    async with way(redis_server) as one:
        one.client.loses[scripts.ADD] = [done]
        for number in range(5):
            one.way.shards[0].send(b"%d" % number, "orders")

        async def all_there() -> bool:
            return len(await one.entries()) >= 5

        await until(all_there)
        one.way.shards[0].send(b"5", "orders")

        async def all_and_the_last() -> bool:
            return (await one.entries())[-1][2] == b"5"

        await until(all_and_the_last)
        await asyncio.sleep(0.3)  # what was added twice would come by now
        assert [frame for _, _, frame in await one.entries()] == [b"%d" % number for number in range(6)]
        assert not one.told


async def test_what_there_is_no_room_for_is_dropped_and_its_session_told(redis_server: RedisServer) -> None:
    async with way(redis_server, most=4000) as one:
        one.client.loses[scripts.ADD] = [True]  # also when the answer that says so is lost
        for number in range(5):
            one.way.shards[0].send(b"%d" % number * 1000, "orders")
        await until(lambda: one.told["orders", "dropped"] == 2)

        async def words_are_there() -> bool:
            return len(await one.entries()) >= 5

        await until(words_are_there)
        kept = await one.entries()
        assert [frame[:1] for _, feature, frame in kept if feature] == [b"0", b"1", b"2"]
        assert [frame[:5] for _, feature, frame in kept if not feature] == [b"gap 3", b"gap 4"]
        assert one.told == {("orders", "dropped"): 2}


async def test_of_reads_that_there_is_no_room_for_a_session_is_told_once(redis_server: RedisServer) -> None:
    """They gave it what it may show again. A word for each would take the words' own room."""
    async with way(redis_server, most=1000) as one:
        one.way._gap_of = Gaps().word_for
        request = RequestSnapshot("GET", "/form", (), b"")
        for number in range(40):
            key = "ann" if number % 2 else "bob"
            answer = Observation("legacy", 200, (), b"x" * 1000)
            read = CapturedExchange("id", "orders", "/form", key, False, 2.0, request, answer, 1.0)
            one.way.shards[0].send(encode(read), "orders")
        await until(lambda: one.told["orders", "dropped"] == 40)
        await until(lambda: not one.way._queue and not one.way._doubt)
        words = [decode(frame[4:]) for _, _, frame in await one.entries()]
        assert sorted(word.key for word in words if isinstance(word, SessionGap)) == ["ann", "bob"]
        assert len(words) == 2
        assert not await lost(one)


async def test_what_redis_has_lost_was_dropped_and_that_is_named(redis_server: RedisServer) -> None:
    async with way(redis_server) as one:
        for _ in range(5):
            one.way.shards[0].send(b"x", "orders")

        async def all_there() -> bool:
            return len(await one.entries()) == 5

        await until(all_there)
        await one.settle(0, 2, "match")
        await until(lambda: one.told["orders", "match"] == 2)
        await one.redis.flushall()
        await until(lambda: one.told["orders", "dropped"] == 3)
        one.way.shards[0].send(b"after", "orders")

        async def after_is_there() -> bool:
            return [frame for *_, frame in await one.entries()] == [b"after"]

        await until(after_is_there)
        assert await one.redis.hget(NAMES.meta, "loss")
        assert one.told == {("orders", "match"): 2, ("orders", "dropped"): 3}


async def test_redis_with_an_older_copy_counts_nothing_twice(redis_server: RedisServer) -> None:
    async with way(redis_server) as one:
        for _ in range(4):
            one.way.shards[0].send(b"x", "orders")

        async def all_there() -> bool:
            return len(await one.entries()) == 4

        await until(all_there)
        passage = one.way.passage()
        assert passage is not None
        copy = await one.redis.dump(NAMES.origin(passage.origin))
        await one.settle(0, 3, "match")
        await until(lambda: one.told["orders", "match"] == 3)
        await one.redis.restore(NAMES.origin(passage.origin), 0, copy, replace=True)
        one.client.loses[scripts.POLL] = [False]  # the line to a Redis that was restarted is cut
        await until(lambda: one.told.total() == 4)
        assert one.told == {("orders", "match"): 3, ("orders", "dropped"): 1}


async def test_others_carry_on_what_it_had_and_it_begins_anew(redis_server: RedisServer) -> None:
    """A worker that was taken for dead and goes on."""
    async with way(redis_server) as one:
        one.way.shards[0].send(b"x", "orders")

        async def there() -> bool:
            return len(await one.entries()) == 1

        await until(there)
        passage = one.way.passage()
        assert passage is not None
        await one.redis.hset(NAMES.origin(passage.origin), "closed", "1")
        await until(lambda: one.told["orders", "dropped"] == 1)
        assert not await one.redis.hget(NAMES.meta, "loss")  # nothing was lost
        again = one.way.passage()
        assert again is not None
        assert again.origin != passage.origin


async def test_without_redis_it_takes_what_it_has_room_for(redis_server: RedisServer) -> None:
    redis_server.process.stop()
    async with way(redis_server, limit=1000) as one:
        assert [one.way.shards[0].send(b"x" * 300, "orders") for _ in range(5)] == [
            True,
            True,
            True,
            False,
            False,
        ]
        one.way.shards[0].tell(b"a word all the same")
    assert one.told == {("orders", "dropped"): 3}  # what still waited at the end


async def test_another_number_of_shards_is_refused(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with way(redis_server) as one:
        await one.redis.set(NAMES.agreed, "8")
        one.client.loses[scripts.POLL] = [False]
        one.way.shards[0].send(b"x", "orders")
        await until(lambda: "shadow.shards is 4 here and 8 on the other machines" in caplog.text)


async def test_a_sealed_frame_is_opened_by_its_secret_only(redis_server: RedisServer) -> None:
    seal, secret = Seal(b"s" * 32), b"session=hunter2"
    async with way(redis_server, seal=seal) as one:
        one.way.shards[0].send(secret, "orders")

        async def there() -> bool:
            return len(await one.entries()) == 1

        await until(there)
        ((_, _, frame),) = await one.entries()
    assert secret not in frame
    assert seal.opened(frame) == secret
    with pytest.raises(SealBroken):
        Seal(b"t" * 32).opened(frame)
    with pytest.raises(SealBroken):
        seal.opened(frame[:10])


async def lost(one: Way) -> bool:
    """Whether Redis was told that words about sessions are missing."""
    return bool(await one.redis.hget(NAMES.meta, "loss"))


async def test_a_word_that_redis_has_no_room_for_is_a_loss(redis_server: RedisServer) -> None:
    async with way(redis_server, most=1000) as one:
        one.way.shards[0].tell(b"w" * 900)
        await until(lambda: not one.way._queue and not one.way._doubt)
        await asyncio.sleep(0.1)
        assert not await lost(one)
        one.way.shards[0].tell(b"w" * 900)
        await until(lambda: lost(one))
        assert len(await one.entries()) == 1


async def test_a_word_that_there_was_no_room_for_here_is_a_loss(redis_server: RedisServer) -> None:
    """Redis knows of it before anything is added that came later."""
    async with way(redis_server, limit=1000) as one:
        one.client.loses[scripts.ADD] = [False]  # it is said again, until it was heard
        for _ in range(5):
            one.way.shards[0].tell(b"w" * 900)
        await until(lambda: lost(one))
        await until(lambda: one.redis.xlen(NAMES.stream(0)))
        first = await one.redis.hget(NAMES.meta, "loss")
        one.way.shards[0].tell(b"w")

        async def came() -> bool:
            return int(await one.redis.xlen(NAMES.stream(0))) == 3

        await until(came)
        assert await one.redis.hget(NAMES.meta, "loss") == first  # and once


@pytest.mark.parametrize(("feature", "frame", "is_loss"), [
    ("", b"a word", True),
    ("orders", b"a write", True),
    ("orders", b"a read", False),
])  # fmt: skip
async def test_what_a_worker_could_not_hand_on_when_it_left_is_a_loss(
    redis_server: RedisServer, feature: str, frame: bytes, is_loss: bool
) -> None:
    async with way(redis_server) as one:
        one.way._gap_of = lambda frame: b"gap" if frame == b"a write" else None
        await until(lambda: one.way._polled)
        one.client.loses[scripts.ADD] = [False] * 100
        one.way.put(0, feature, frame)
        await one.way.close(2.0)
        assert await lost(one) is is_loss


async def test_what_was_swept_is_a_loss(redis_server: RedisServer) -> None:
    async with way(redis_server) as one:
        one.way.shards[2].send(b"x", "orders")
        await until(lambda: one.redis.xlen(NAMES.stream(2)))
        desk = StreamDesk(StreamClient(Redis.from_url(redis_server.url)), NAMES, 4, 60)
        assert await desk.sweep(time.time() - 60) == 0
        assert not await lost(one)
        before = time.time()
        assert await desk.sweep(time.time() + 5) == 1
        assert before - 1 < float(await one.redis.hget(NAMES.meta, "loss")) < time.time() + 1
        await until(lambda: one.told["orders", "dropped"] == 1)
        await desk.close()


async def test_a_first_greeting_that_fails_is_no_loss(redis_server: RedisServer) -> None:
    """There was nothing in Redis yet."""
    async with way(redis_server) as one:
        one.client.loses[scripts.OPEN] = [False, True]
        one.way.shards[0].send(b"x", "orders")
        await until(lambda: one.redis.xlen(NAMES.stream(0)))
        assert not await lost(one)
