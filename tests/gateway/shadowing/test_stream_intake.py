"""What is read from the shared streams comes to its verdict, whatever else cannot be had from Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from redis.asyncio import Redis

from gateway.capture import CapturedExchange, WriteBegan, encode
from gateway.shadowing import OpenWrites
from gateway.shadowing.stream_intake import LONGEST_WRITE, UNENDED, UNREADABLE, Piece, StreamIntake
from gateway.streams.client import StreamClient
from gateway.streams.holdings import Holdings
from gateway.streams.names import Names, shard_of
from gateway.streams.sealing import Seal
from gateway.streams.trouble import RedisTrouble
from shadow import MirrorBook, Observation, RequestSnapshot, SessionMirror, Verdict
from tests.gateway.streams.test_way import until
from tests.support.redis import RedisServer

NAMES = Names("test")
SHARDS = 2
KEY = "user"
REQUEST = RequestSnapshot("GET", "/orders", ((b"host", b"a"),), b"", False)


def exchange() -> CapturedExchange:
    now = time.time()
    answer = Observation("legacy", 200, (), b"", elapsed=0.01)
    return CapturedExchange("id", "orders", "/orders", KEY, True, now, REQUEST, answer, began=now - 0.01)


class Process:
    """A shadow process's intake on its shards. What comes out of it is kept in ``came``."""

    def __init__(self, server: RedisServer, seal: Seal | None = None) -> None:
        self.redis: Any = Redis.from_url(server.url)
        self.mirrors = MirrorBook(100, 60)
        self.writes = OpenWrites()
        self.came: list[Piece] = []
        self.intake = StreamIntake(
            NAMES,
            SHARDS,
            self.mirrors,
            self.writes,
            self.came.append,
            lambda key, reason: self.mirrors.lose(key, reason, time.time()),
            self.mirrors.lose_all,
            lambda: 100,
            lambda: b"{}",
            seal,
        )
        self.holdings = Holdings(
            lambda: StreamClient(Redis.from_url(server.url)),
            NAMES,
            SHARDS,
            "a",
            self.intake.callbacks,
            state_ttl=60,
        )
        self.intake.works_for(self.holdings)

    async def put(self, frame: bytes, feature: str = "orders") -> None:
        """As a worker would, for the session of `KEY`."""
        fields: Any = {"o": "origin", "f": feature, "d": frame, "m": str(time.time())}
        await self.redis.xadd(NAMES.stream(shard_of(KEY, SHARDS)), fields)

    def mirror(self, key: str = KEY, at: float = 0.0, *, begins: bool = False) -> SessionMirror:
        """Of a session that is seen now for the first time, or again."""
        return self.mirrors.find(key, REQUEST, begins, at or time.time())


@asynccontextmanager
async def process(server: RedisServer, seal: Seal | None = None) -> AsyncIterator[Process]:
    """It holds all shards, until the block ends."""
    made = Process(server, seal)
    task = asyncio.get_running_loop().create_task(made.holdings.run())
    try:
        await until(lambda: len(made.holdings.held) == SHARDS)
        yield made
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await made.holdings.hand_over()
        await made.redis.aclose()


async def test_sessions_that_cannot_be_resumed_are_lost_and_their_exchanges_are_not(
    redis_server: RedisServer,
) -> None:
    """The reading goes through, the question after it does not: the shard goes on and can be handed over."""
    asked: list[Any] = []

    async def troubled(*words: Any) -> Any:
        asked.append(words)
        raise RedisTrouble("the line was cut")

    async with process(redis_server) as one:
        one.holdings._reading.ask = troubled  # type: ignore[method-assign]
        await one.put(encode(exchange()))
        await until(lambda: one.came)
        assert asked == [("MGET", NAMES.mirror(KEY))]
        mirror = one.mirror(begins=True)
        assert not mirror.known_from_start
        assert "could not be had" in mirror.lost
        one.came[0].entry.settle("orders", Verdict.UNDETERMINED)
        await until(lambda: one.holdings.settled == 1)
        assert one.holdings.under_way == 0
    assert len(one.came) == 1


@pytest.mark.parametrize("seal", [None, Seal(b"t" * 32)])
async def test_a_session_whose_state_cannot_be_read_is_lost(
    redis_server: RedisServer, seal: Seal | None
) -> None:
    """It is no state, or was sealed with another key: what it held made the session what it is."""
    async with process(redis_server, seal) as one:
        await one.redis.set(NAMES.mirror(KEY), b"nothing that a process left")
        frame = encode(exchange())
        await one.put(seal.closed(frame) if seal else frame)
        await until(lambda: one.came)
        assert not one.mirror(begins=True).known_from_start
        one.came[0].entry.settle("orders", Verdict.UNDETERMINED)


async def test_a_write_that_nobody_says_the_end_of_leaves_its_session_unknown(
    redis_server: RedisServer,
) -> None:
    """Its worker was killed. The word about it is settled, and what is known of the session is kept."""
    async with process(redis_server) as one:
        assert one.mirror(at=time.time() - 1, begins=True).known_from_start
        await one.put(encode(WriteBegan(KEY, time.time())), feature="")
        await until(lambda: len(one.writes))
        one.intake.look(time.time() + LONGEST_WRITE - 10)
        assert one.mirror().known_from_start
        one.intake.look(time.time() + LONGEST_WRITE + 1)
        assert not one.mirror().known_from_start
        assert one.mirror().lost == UNENDED
        assert not len(one.writes)
        await until(lambda: one.holdings.under_way == 0)
        await until(lambda: one.redis.exists(NAMES.mirror(KEY)))


async def test_what_cannot_be_read_leaves_every_session_unknown_that_it_may_have_been_of(
    redis_server: RedisServer,
) -> None:
    """Here at once, and everywhere once it is settled: it may have been a write. Sessions that begin
    afterwards are known.
    """
    async with process(redis_server) as one:
        mirror = one.mirror(at=time.time() - 1, begins=True)
        await one.put(b"    nothing that a worker wrote")
        await until(lambda: mirror.lost == UNREADABLE)
        await until(lambda: one.holdings.settled == 1)
        loss = float(await one.redis.hget(NAMES.meta, "loss"))
        assert abs(time.time() - loss) < 10
        await one.put(encode(exchange()))
        await until(lambda: one.came)
        assert not one.mirror("seen later").known_from_start
        assert one.mirror("begun later", loss + 1, begins=True).known_from_start
        one.came[0].entry.settle("orders", Verdict.MATCH)


async def test_a_process_that_comes_later_knows_of_a_loss_too(redis_server: RedisServer) -> None:
    async with process(redis_server) as one:
        await one.redis.hset(NAMES.meta, "loss", f"{time.time():.6f}")
        await one.put(encode(exchange()))
        await until(lambda: one.came)
        assert not one.mirror("seen later").known_from_start
        one.came[0].entry.settle("orders", Verdict.MATCH)
