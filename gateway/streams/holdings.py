"""One process's shards: taken over, read in order, settled exactly once, handed over.

A shard belongs to whoever has its fencing token; every reading and settling names it, so a process that was
stopped and goes on finds out before it can count or read anything. What a process had read when it went is
given to the next one, marked: it may have been sent already.

It must not know what an entry holds, nor how it is worked on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from time import time as wall_clock
from typing import Any, Final, NamedTuple

from gateway.streams import scripts
from gateway.streams.client import StreamClient, disagreement
from gateway.streams.lease import LEASE, LOOK, change, fair_share
from gateway.streams.names import GROUP, Names
from gateway.streams.origin import BOOKS_TTL
from gateway.streams.trouble import RedisTrouble

_log = logging.getLogger("banyan.shadow")

IDLE: Final = 0.02
"""Seconds between two readings when there is nothing to read."""
SETTLE_EVERY: Final = 0.02
SETTLED_AT_ONCE: Final = 200
READ_AT_ONCE: Final = 256
REMEMBERED: Final = 10.0
"""Seconds for which what was settled is remembered: an answer that lists it may still be on its way."""
NOBODY: Final = 1.0
"""Seconds that we stay behind our own clock where no worker says how far it is."""
_PAUSE: Final = 0.25


class Leave(Enum):
    """Whether an entry may be worked on."""

    BEGIN = "begin"
    SENT_BEFORE = "sent before"
    NOT_OURS = "not ours"


@dataclass(eq=False)
class Held:
    """A shard of this process. ``cursor``: where taking over goes on, None when it is done. ``untouched``:
    entries that were read and never worked on. ``known``: those that came here, ``lately`` the settled ones
    among them; ``taken_over``: nothing that another process had read is left. ``level`` and ``outs``: of its
    sample, to be written down. ``waiting``: entries in its stream.
    """

    shard: int
    token: str
    cursor: str | None = "0"
    leaving: bool = False
    untouched: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    lately: deque[tuple[float, str]] = field(default_factory=deque)
    taken_over: bool = False
    gone: bool = False
    fresh_until: float = 0.0
    waiting: int = 0
    level: str = ""
    outs: str = ""
    under_way: int = 0
    complete: float = 0.0
    reached: float = 0.0
    finished: list[tuple[Entry, str]] = field(default_factory=list)


class Entry:
    """What was read. ``again``: another process had read it, and may have worked on it. ``key``: whoever
    works on it may set the session's sticky key, whose state is then kept when it is settled.
    ``is_lost``: what it held nobody can read; that its session is not known whole is told when it is settled.
    """

    __slots__ = (
        "_held",
        "_holdings",
        "_parked",
        "again",
        "feature",
        "frame",
        "id",
        "is_lost",
        "key",
        "mark",
        "origin",
        "size",
    )

    def __init__(self, holdings: Holdings, held: Held, id_: str, fields: list[bytes], *, again: bool) -> None:
        values = dict(zip(fields[::2], fields[1::2], strict=False))
        self._holdings, self._held = holdings, held
        self.id, self.again, self.key = id_, again, ""
        self.is_lost = False
        self._parked = False
        self.origin, self.feature = values.get(b"o", b""), values.get(b"f", b"").decode()
        self.frame = values.get(b"d", b"")
        mark = values.get(b"m", b"?")
        self.mark = float(mark) if mark not in (b"?", b"") else 0.0
        self.size = len(self.frame)

    @property
    def shard(self) -> int:
        """Where it was read."""
        return self._held.shard

    @property
    def complete(self) -> float:
        """Until which time of day everything that was captured of its shard's sessions had been read
        before.
        """
        return self._held.complete

    @property
    def is_clear(self) -> bool:
        """Whether the shard is certainly ours at this moment."""
        return not self._held.gone and asyncio.get_running_loop().time() < self._held.fresh_until

    async def leave(self, *, once: bool) -> Leave:
        """Whether to work on it now. ``once``: its copy has an effect and must not be sent twice, by
        anybody.
        """
        while True:
            if not self.is_clear:
                await self._holdings.cleared(self._held)
            if self._held.gone:
                return Leave.NOT_OURS
            if not once:
                return Leave.BEGIN
            with contextlib.suppress(RedisTrouble):
                return await self._holdings.begin(self._held, self)
            await asyncio.sleep(_PAUSE)

    def park(self) -> None:
        """It stays as it is for a while, and its shard may be handed over meanwhile."""
        self._parked = True
        self._held.under_way -= 1

    def settle(self, feature: str, verdict: str) -> None:
        """It has come to a verdict, which counts once it is settled."""
        if self._parked:
            self._held.under_way += 1
        self._held.finished.append((self, verdict))


class Callbacks(NamedTuple):
    """What the holdings ask of whoever works. ``take`` gets what was read, in order, and the name of
    the last loss of data (when it was, in seconds since 1970); ``taken_over`` a shard with its level
    and the history of its sample; ``forget`` a shard that is somebody else's now; ``states`` gives, for
    sticky keys, the keys and states to keep; ``room`` how many entries may be read; ``said`` what this
    process says of itself.
    """

    take: Callable[[list[Entry], str], Awaitable[None]]
    taken_over: Callable[[Held, str, str], None]
    forget: Callable[[int], None]
    advanced: Callable[[Held], None]
    given_back: Callable[[int], list[Entry]]
    states: Callable[[Iterable[str]], list[bytes | str]]
    room: Callable[[], int]
    said: Callable[[], bytes]


class Holdings:
    """``process``: this process's name. ``state_ttl``: seconds for which a session's state is kept."""

    def __init__(
        self,
        connect: Callable[[], StreamClient],
        names: Names,
        shards: int,
        process: str,
        callbacks: Callbacks,
        *,
        state_ttl: float,
    ) -> None:
        self._names, self._shards, self.process = names, shards, process
        self._callbacks = callbacks
        self._keeping, self._reading, self._settling, self._marking = (connect() for _ in range(4))
        self._state_ttl = int(state_ttl * 1000)
        self.held: dict[int, Held] = {}
        self._cleared = asyncio.Event()
        self._leaving = False
        self.refused = self.settled = 0
        self._in_trouble: set[str] = set()

    @property
    def under_way(self) -> int:
        """Entries that were read and are not settled."""
        return sum(held.under_way for held in self.held.values())

    async def run(self) -> None:
        """Hold, read and settle until cancelled."""
        async with asyncio.TaskGroup() as group:
            for work in (self._keep, self._read, self._settle):
                group.create_task(self._go_on(work))

    def stop_reading(self) -> None:
        """Take nothing more; what was begun is finished."""
        self._leaving = True
        for held in self.held.values():
            held.leaving = True
        self._give_back()

    async def hand_over(self) -> None:
        """Settle what is finished, let go of all shards at once, say goodbye."""
        self.stop_reading()
        with contextlib.suppress(RedisTrouble):
            await self._settle_all()
            for held in list(self.held.values()):
                await self._release(held)
            await self._present(b"")
        for client in (self._keeping, self._reading, self._settling, self._marking):
            await client.close()

    async def cleared(self, held: Held) -> None:
        """Return when the shard is certainly ours again, or certainly not."""
        while not held.gone and asyncio.get_running_loop().time() >= held.fresh_until:
            self._cleared.clear()
            await self._cleared.wait()

    async def begin(self, held: Held, entry: Entry) -> Leave:
        """Mark that the entry's copy is about to be sent. Raises `RedisTrouble`: then nobody knows whether it
        is marked, and it must not be sent."""
        keys = [self._names.fences, self._names.begun(held.shard)]
        answer = await self._marking.run(scripts.BEGIN, keys, [held.shard, held.token, entry.id])
        if answer == -1:
            self._abandon(held)
            return Leave.NOT_OURS
        return Leave.BEGIN if answer else Leave.SENT_BEFORE

    async def ask(self, *words: Any) -> Any:
        """One command beside the reading. Raises `RedisTrouble`."""
        return await self._reading.ask(*words)

    async def _go_on(self, work: Callable[[], Awaitable[float]]) -> None:
        """Do ``work`` again and again; it says how long to wait until the next time."""
        while True:
            pause = _PAUSE
            try:
                pause = await work()
                self._goes_well(work.__name__)
            except RedisTrouble as error:
                self._goes_wrong(work.__name__, error)
            except Exception:  # noqa: BLE001 - one mistake must not end the process's share of the work
                _log.exception("working on shards failed; it goes on")
            await asyncio.sleep(pause)

    def _goes_wrong(self, work: str, error: RedisTrouble) -> None:
        if not self._in_trouble:
            _log.error("the shared Redis cannot be used, the shadow waits for it: %s", error)
        self._in_trouble.add(work)

    def _goes_well(self, work: str) -> None:
        """Of what had failed: work that had nothing to ask Redis for says nothing of it."""
        if work in self._in_trouble:
            self._in_trouble.discard(work)
            if not self._in_trouble:
                _log.info("the shared Redis answers again")

    # --- shards ---------------------------------------------------------------------------------

    async def _keep(self) -> float:
        """Say that we are there, renew what is held, come to our share."""
        processes = await self._present(self._callbacks.said())
        await self._renew()
        if not self._leaving:
            await self._come_to(fair_share(self.process, processes, self._shards))
        return LOOK

    async def _present(self, said: bytes) -> list[str]:
        keys = [self._names.processes, self._names.said, self._names.agreed]
        words = [self.process, int(LEASE * 1000), said, self._shards]
        agreed, *found = await self._keeping.run(scripts.PRESENT, keys, words)
        if int(agreed) != self._shards:
            raise RedisTrouble(disagreement(self._shards, int(agreed)))
        return [name.decode() for name in found]

    async def _renew(self) -> None:
        held = list(self.held.values())
        if not held:
            return
        asked = asyncio.get_running_loop().time()
        words: list[Any] = [self.process, int(LEASE * 1000), self._names.base]
        for one in held:
            words += (one.shard, one.token, one.level, one.outs)
        keys = [self._names.fences, self._names.levels, self._names.outs]
        answer = await self._keeping.run(scripts.RENEW, keys, words)
        for one, waiting in zip(held, answer, strict=True):
            if waiting < 0:
                self._abandon(one)
            else:
                one.waiting, one.fresh_until = waiting, asked + LEASE
        self._cleared.set()

    async def _come_to(self, share: int) -> None:
        leaving = [shard for shard, held in self.held.items() if held.leaving]
        wanted, surplus = change(self.held, leaving, share)
        for shard in surplus:
            self.held[shard].leaving = True
        self._give_back()
        for held in [one for one in self.held.values() if one.leaving and not one.under_way]:
            await self._release(held)
            self._forget(held)
        begin = sum(map(ord, self.process)) % self._shards  # not all at the same shard
        for number in range(self._shards):
            if not wanted:
                return
            shard = (begin + number) % self._shards
            if shard not in self.held:
                wanted -= await self._acquire(shard)

    def _give_back(self) -> None:
        """What waits of shards that are handed over is the next one's work."""
        for held in self.held.values():
            if held.leaving:
                entries = self._callbacks.given_back(held.shard)
                held.under_way -= len(entries)
                held.untouched.update(entry.id for entry in entries)
                held.known.difference_update(entry.id for entry in entries)

    async def _acquire(self, shard: int) -> bool:
        names = self._names
        keys = [names.lease(shard), names.fences, names.stream(shard), names.meta, names.levels, names.outs]
        keys.append(names.untouched(shard))
        asked = asyncio.get_running_loop().time()
        words = [shard, self.process, int(LEASE * 1000), GROUP]
        token, level, outs, untouched = await self._keeping.run(scripts.ACQUIRE, keys, words)
        if not token:
            return False
        held = Held(shard, token.decode(), fresh_until=asked + LEASE)
        held.untouched = {id_.decode() for id_ in untouched}
        self._callbacks.taken_over(held, level.decode(), outs.decode())
        self.held[shard] = held
        return True

    async def _release(self, held: Held) -> None:
        keys = [self._names.lease(held.shard), self._names.fences, self._names.untouched(held.shard)]
        await self._keeping.run(scripts.RELEASE, keys, [held.shard, held.token, *sorted(held.untouched)])

    def _abandon(self, held: Held) -> None:
        """Somebody else has it: nothing of ours about it counts any more."""
        if not held.gone:
            _log.warning("shard %d was taken over by another process", held.shard)
            self._forget(held)

    def _forget(self, held: Held) -> None:
        held.gone = True
        held.finished.clear()
        self.held.pop(held.shard, None)
        self._callbacks.forget(held.shard)
        self._cleared.set()

    # --- reading --------------------------------------------------------------------------------

    async def _read(self) -> float:
        now = asyncio.get_running_loop().time()
        held = [one for one in self.held.values() if not one.leaving and now < one.fresh_until]
        room = 0 if self._leaving else min(READ_AT_ONCE, self._callbacks.room())
        if not held or room <= 0:
            return IDLE
        count = max(1, room // len(held))
        words: list[Any] = [self.process, GROUP, count, self._names.base]
        for one in held:
            words += (one.shard, one.token, ">" if one.cursor is None else one.cursor)
        names = self._names
        keys = [names.fences, names.meta, names.marks, names.mark_times, names.unsure]
        try:
            answer = await self._reading.run(scripts.READ, keys, words)
        except RedisTrouble:
            for one in held:  # what was read for us may have been lost on its way: it is asked for again
                one.cursor = "0"
            raise
        self.refused = int(answer[1])
        mark = self._mark(answer[2])
        entries: list[Entry] = []
        for one, found in zip(held, answer[3:], strict=True):
            if found == 0:
                self._abandon(one)
            elif not one.gone:
                new = one.cursor is None
                read = self._read_from(one, found)
                entries += read
                if new and len(read) < count:  # the stream ends here, as of this moment
                    one.reached = max(one.reached, mark)
        if entries:
            await self._callbacks.take(entries, answer[0].decode())
        for one in held:
            if one.reached > one.complete and not one.gone:
                one.complete = one.reached
                self._callbacks.advanced(one)
        return 0.0 if entries or any(one.cursor is not None for one in held) else IDLE

    def _read_from(self, held: Held, found: list[Any]) -> list[Entry]:
        again = held.cursor is not None
        if again:
            cursor, found = found[0].decode(), found[1]
            held.cursor = None if cursor == "0-0" else cursor
        before = again and not held.taken_over
        entries = [
            Entry(self, held, id_.decode(), fields, again=before and id_.decode() not in held.untouched)
            for id_, fields in found
            if fields and id_.decode() not in held.known
        ]
        held.known.update(entry.id for entry in entries)
        if held.cursor is None:
            held.untouched.clear()
            held.taken_over = True
        held.under_way += len(entries)
        if not again:
            held.reached = max((entry.mark for entry in entries), default=held.reached)
        return entries

    def _mark(self, said: bytes) -> float:
        """Until which time of day everything had been added; 0.0 when that is not known."""
        if said == b"?":
            return 0.0
        return float(said) if said else wall_clock() - NOBODY

    # --- settling -------------------------------------------------------------------------------

    async def _settle(self) -> float:
        await self._settle_all()
        return SETTLE_EVERY

    async def _settle_all(self) -> None:
        for held in list(self.held.values()):
            while held.finished and not held.gone:
                await self._settle_some(held, held.finished[:SETTLED_AT_ONCE])

    async def _settle_some(self, held: Held, done: list[tuple[Entry, str]]) -> None:
        names = self._names
        lost = "1" if any(entry.is_lost for entry, _ in done) else ""
        words: list[Any] = [held.shard, held.token, GROUP, names.base, BOOKS_TTL, self._state_ttl, len(done)]
        words.append(lost)
        for entry, verdict in done:
            words += (entry.id, entry.origin, entry.feature, verdict, entry.size)
        words += self._callbacks.states({entry.key for entry, _ in done if entry.key})
        keys = [names.fences, names.stream(held.shard), names.begun(held.shard), names.meta]
        if await self._settling.run(scripts.SETTLE, keys, words) < 0:
            self._abandon(held)
            return
        self.settled += sum(1 for entry, _ in done if entry.feature)
        now = asyncio.get_running_loop().time()
        held.lately.extend((now, entry.id) for entry, _ in done)
        while held.lately and held.lately[0][0] < now - REMEMBERED:
            held.known.discard(held.lately.popleft()[1])
        del held.finished[: len(done)]
        held.under_way -= len(done)
