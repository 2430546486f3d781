"""From a worker into the streams: what it captured is added in batches, and the worker is told what became of
it.

``put`` and ``tell`` of a `ShardWay` are the only calls of the request path: they append to a queue that is
bounded in bytes. Everything else happens in one task, which nobody waits for; a Redis that hangs costs
copies, no request.

Every batch is added exactly once: it has a number, and who comes back after an answer was lost asks which
number was the last. When Redis has lost what it had, all that was under way there was dropped.

A word about a session that gets lost would make a false verdict of its next request. Where one may have been,
Redis is told before anything else is added, and nobody trusts any more what was known of sessions until then.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from flags import FULL
from gateway.streams import scripts
from gateway.streams.client import StreamClient, disagreement
from gateway.streams.names import Names
from gateway.streams.origin import BOOKS_TTL, OriginBooks, Passage, read_books
from gateway.streams.sealing import Seal
from gateway.streams.trouble import RedisTrouble

_log = logging.getLogger("banyan.capture")

GATHER: Final = 0.005
"""Seconds in which what is captured goes into one batch."""
POLL: Final = 0.1
"""Seconds between two questions about what was settled."""
BATCH_BYTES: Final = 512 * 1024
BATCH_ENTRIES: Final = 400
_BACK_OFF: Final = (0.05, 0.1, 0.25)
_SAID_EVERY: Final = 30.0
_OPEN: Final = 1
_CLOSED: Final = 2
_DIFFERENT: Final = 3

OnSettled = Callable[[str, str, int], None]
GapOf = Callable[[bytes], bytes | None]


class _Item(NamedTuple):
    shard: int
    feature: str  # empty: a word about a session
    frame: bytes
    since: float


class _Doubt(NamedTuple):
    seq: int
    batch: list[_Item]


class _Lost(Exception):
    """Redis does not know this origin any more, or lets it add nothing more."""


class ShardWay:
    """What `Capture` sees of one shard. ``level``: the share of the sampled sessions it can take, in
    hundredths.
    """

    __slots__ = ("_shard", "_way", "level")

    def __init__(self, way: StreamWay, shard: int) -> None:
        self._way = way
        self._shard = shard
        self.level = FULL

    def send(self, frame: bytes, feature: str) -> bool:
        """Hand over one exchange. False: too much waits, and it is dropped."""
        return self._way.put(self._shard, feature, frame)

    def tell(self, frame: bytes) -> None:
        """Hand over a small word about a session, whatever waits."""
        self._way.put(self._shard, "", frame)


class StreamWay:
    """One worker's way. ``most``: bytes in all streams together; ``limit``: bytes that may wait here;
    ``ttl``: seconds for which a stream outlives its last entry. ``on_settled`` as in `ExchangeChannel`;
    ``gap_of`` gives the word about the session of a frame that had to be dropped, if it needs one.
    """

    def __init__(
        self,
        client: StreamClient,
        names: Names,
        shards: int,
        on_settled: OnSettled,
        gap_of: GapOf,
        *,
        most: int,
        ttl: float,
        seal: Seal | None = None,
        limit: int = 16 * 1024 * 1024,
    ) -> None:
        self._client, self._names, self._seal = client, names, seal
        self._on_settled, self._gap_of = on_settled, gap_of
        self._most, self._limit, self._ttl = most, limit, int(ttl * 1000)
        self.shards = [ShardWay(self, shard) for shard in range(shards)]
        self._queue: deque[_Item] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._origin = self._connection = ""
        self._seq = 0
        self._doubt: _Doubt | None = None
        self._untold = 0  # words that were lost, of which Redis does not know yet
        self._taken: Counter[str] = Counter()
        self._told: Counter[tuple[str, str]] = Counter()
        self._polled = self._said = 0.0
        self._carried_on = False
        self.trouble = ""

    def start(self) -> None:
        """Begin to hand on."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="stream-way")

    async def close(self, patience: float = 0.0) -> None:
        """Hand on what waits, for ``patience`` seconds at most; what still waits then was dropped. What is in
        the streams goes its way, and is accounted for by whoever carries these books on.
        """
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=patience)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for item in self._queue:
            if item.feature:
                self._on_settled(item.feature, "dropped", 1)
            self._untold += self._says_of_session(item)
        self._queue.clear()
        for item in self._doubt.batch if self._doubt else ():
            self._untold += self._says_of_session(item)
        if self._untold:
            with contextlib.suppress(RedisTrouble):
                await self._client.run(scripts.LOSE, [self._names.meta], [])
        await self._client.close()

    def passage(self) -> Passage | None:
        """What this worker has counted of what came back; None before anything was added."""
        if not self._origin:
            return None
        return Passage(self._origin, [(*key, times) for key, times in self._told.items() if times])

    def put(self, shard: int, feature: str, frame: bytes) -> bool:
        """Take one frame into the queue; False when it is full."""
        room = self._limit if feature else 2 * self._limit
        if self._bytes + len(frame) > room:
            self._untold += not feature
            return False
        self._queue.append(_Item(shard, feature, frame, time.time()))
        self._bytes += len(frame)
        if not self._wake.is_set():
            self._wake.set()
        return True

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._open()
                failures = 0
                if self.trouble:
                    _log.info("the shared Redis answers again")
                    self.trouble = ""
                await self._pump()
                return  # closing, and all is handed on
            except _Lost:
                continue
            except RedisTrouble as error:
                self._say(str(error))
                await asyncio.sleep(_BACK_OFF[min(failures, len(_BACK_OFF) - 1)])
                failures += 1
            except Exception:  # noqa: BLE001 - copies may be lost, the worker may not
                _log.exception("captured exchanges cannot be handed on; it is tried again")
                await asyncio.sleep(_BACK_OFF[-1])

    def _say(self, trouble: str) -> None:
        now = asyncio.get_running_loop().time()
        if not self.trouble or now - self._said >= _SAID_EVERY:
            self._said = now
            _log.error(
                "the shared Redis does not take captured exchanges: %s; %d bytes wait here, beyond %d "
                "they are dropped",
                trouble,
                self._bytes,
                self._limit,
            )
        self.trouble = trouble

    # --- the origin -----------------------------------------------------------------------------

    async def _open(self) -> None:
        """Make this connection the one that may add; go on where the last one stood, or begin anew."""
        self._connection = os.urandom(8).hex()
        if self._origin:
            in_redis = await self._resumed()
            if in_redis is not None:
                self._resolve(in_redis)
                self._learn(in_redis)
                return
            self._give_up()
        self._origin, self._seq = os.urandom(12).hex(), 0
        try:
            await self._hello("0")
        except RedisTrouble:
            self._origin = ""  # that Redis does not know it, the next time, is no loss
            raise

    async def _resumed(self) -> OriginBooks | None:
        """Where this origin stands; None when Redis has lost some of it, or all."""
        found = await self._hello("1")
        self._carried_on = found[0] == _CLOSED
        in_redis = read_books(found[1]) if found[0] == _OPEN else None
        if in_redis is None or not in_redis.goes_on_from(self._taken, self._told):
            return None
        return in_redis

    async def _hello(self, resume: str) -> list[Any]:
        names, untold = self._names, self._untold
        keys = [names.origin(self._origin), names.meta, names.agreed, names.unsure]
        words = [self._connection, BOOKS_TTL, resume, "1" if untold else "", len(self.shards)]
        found: list[Any] = await self._client.run(scripts.OPEN, keys, words)
        if found[0] == _DIFFERENT:
            raise RedisTrouble(disagreement(len(self.shards), int(found[1])))
        self._untold -= untold
        return found

    def _resolve(self, in_redis: OriginBooks) -> None:
        """A batch whose answer was lost: it was added, or it is added again."""
        doubt, self._doubt = self._doubt, None
        if doubt is None:
            return
        if in_redis.seq == doubt.seq:
            self._added(doubt.batch, in_redis.refused)
        else:
            self._again(doubt.batch)
        self._seq = in_redis.seq

    def _give_up(self) -> None:
        """What was under way in Redis is lost, or others account for it already: here it was dropped."""
        under_way = OriginBooks(self._taken, self._told).under_way
        for feature, times in under_way.items():
            if times > 0:
                self._on_settled(feature, "dropped", times)
        if under_way.total() and not self._carried_on:
            _log.error("Redis has lost what it had: %d exchanges were dropped", under_way.total())
        doubt, self._doubt = self._doubt, None
        for item in doubt.batch if doubt else ():  # it may be there, it may be lost: never counted twice
            self._drop(item)
        self._taken.clear()
        self._told.clear()
        self._untold += not self._carried_on

    # --- adding and asking ----------------------------------------------------------------------

    async def _pump(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if self._queue:
                await self._add()
            elif self._closing:
                await self._poll()
                return
            else:
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, self._polled + POLL - loop.time())):
                        await self._wake.wait()
                        if not self._closing:
                            await asyncio.sleep(GATHER)
            if loop.time() - self._polled >= POLL:
                await self._poll()

    async def _add(self) -> None:
        batch: list[_Item] = []
        size = 0
        while self._queue and len(batch) < BATCH_ENTRIES and size < BATCH_BYTES:
            batch.append(self._queue.popleft())
            size += len(batch[-1].frame)
        self._bytes -= size
        self._seq += 1
        self._doubt = _Doubt(self._seq, batch)
        arguments: list[bytes | str | int] = []
        for item in batch:
            frame = self._seal.closed(item.frame) if self._seal else item.frame
            arguments += (item.shard, item.feature, frame)
        names, untold = self._names, self._untold
        head = [
            self._connection,
            self._seq,
            self._origin,
            self._most,
            4 * self._ttl,
            names.base,
            self._mark(),
            "1" if untold else "",
        ]
        keys = [names.origin(self._origin), names.meta, names.marks, names.mark_times, names.unsure]
        answer: list[int] = await self._client.run(scripts.ADD, keys, head + arguments)
        if not answer[0]:
            raise _Lost
        self._untold -= untold
        self._doubt = None
        self._added(batch, tuple(answer[1:]))

    def _added(self, batch: list[_Item], refused: tuple[int, ...]) -> None:
        gone = frozenset(refused)
        for number, item in enumerate(batch):
            if not item.feature:
                continue  # of a word that was refused, Redis knows
            if number in gone:
                self._drop(item)
            else:
                self._taken[item.feature] += 1

    def _again(self, batch: list[_Item]) -> None:
        self._queue.extendleft(reversed(batch))
        self._bytes += sum(len(item.frame) for item in batch)

    def _drop(self, item: _Item) -> None:
        """An exchange that the streams have no room for, or a word that got lost."""
        if not item.feature:
            self._untold += 1
            return
        self._on_settled(item.feature, "dropped", 1)
        gap = self._gap_of(item.frame)
        if gap is not None:
            self.put(item.shard, "", gap)

    def _says_of_session(self, item: _Item) -> bool:
        """Whether its loss leaves a session other than it is thought to be."""
        return not item.feature or self._gap_of(item.frame) is not None

    async def _poll(self) -> None:
        names = self._names
        keys = [names.origin(self._origin), names.levels, names.agreed, names.marks, names.mark_times]
        mark = "" if self._closing and not self._queue else self._mark()
        words = [self._connection, BOOKS_TTL, len(self.shards), self._origin, mark]
        found = await self._client.run(scripts.POLL, keys, words)
        self._polled = asyncio.get_running_loop().time()
        if not found[0]:
            raise _Lost
        self._learn(read_books(found[1]))
        levels = dict(zip(found[2][::2], found[2][1::2], strict=False))
        for number, shard in enumerate(self.shards):
            shard.level = _level(levels.get(b"%d" % number))

    def _mark(self) -> str:
        """Until when all that was captured here has been added, once this has come to Redis. By it, whoever
        works on a session knows that nothing of it is still to come from here.
        """
        return f"{self._queue[0].since if self._queue else time.time():.6f}"

    def _learn(self, in_redis: OriginBooks) -> None:
        """Tell the worker what was settled since it was last told."""
        for (feature, verdict), times in in_redis.settled.items():
            more = times - self._told[feature, verdict]
            if more > 0:
                self._told[feature, verdict] = times
                self._on_settled(feature, verdict, more)


def _level(said: bytes | None) -> int:
    return min(FULL, max(0, int(said))) if said and said.isdigit() else FULL
