"""Exchanges from the shared streams, as the work of one shadow process: opened, in order, with what is known
of their sessions. Knows no worker.

What another process may have worked on already is worked on again only where that has no effect on anybody,
and its session's state is unknown from then on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from math import inf
from typing import NamedTuple

import msgspec

from gateway.capture import Captured, CapturedExchange, WriteBegan, decode, sample_position
from gateway.shadowing.sampling import SessionSample
from gateway.shadowing.writes import OpenWrites
from gateway.streams.holdings import Callbacks, Entry, Held, Holdings, Leave
from gateway.streams.names import Names, shard_of
from gateway.streams.sealing import Seal, SealBroken
from gateway.streams.trouble import RedisTrouble
from shadow import SAFE_METHODS, MirrorBook, Verdict

_log = logging.getLogger("banyan.shadow")

AGAIN = "a shadow process ended at work on the session, and a request of it may have been asked twice"
LATE = "a request of the session came too late to be put in its place"
LOST = "requests of sessions were lost in Redis"
UNREADABLE = "a request in Redis could not be read, and nobody knows of which session it was"
UNENDED = "how a write of the session ended was never told"
UNREAD = "what other processes knew of the session could not be had from Redis"
MARGIN = 0.05
"""Seconds by which a worker may be late to hand on an answer that its client has already."""
MOST_WAITING = 10_000
"""Exchanges that wait for their order, beyond which they go on without."""
SHARD_LIMIT = 1000
"""Entries of one shard, beyond half of which its sample of sessions is lowered."""
LONGEST_WRITE = 120.0
"""Seconds after which nobody will say any more how a write has ended."""
ADOPTION = 5.0
"""Seconds after a change of level in which some worker may not know it yet."""


class Piece(NamedTuple):
    """One exchange on its way to its session's lane."""

    captured: CapturedExchange
    size: int
    entry: Entry


class StreamIntake:
    """``deliver`` gets each exchange, ``lost`` a sticky key whose sessions lack a request, ``lost_all`` until
    when any session may lack one. ``room``: how many more exchanges may be read.
    """

    def __init__(
        self,
        names: Names,
        shards: int,
        mirrors: MirrorBook,
        writes: OpenWrites,
        deliver: Callable[[Piece], None],
        lost: Callable[[str, str], None],
        lost_all: Callable[[str, float], None],
        room: Callable[[], int],
        said: Callable[[], bytes],
        seal: Seal | None,
    ) -> None:
        self._names, self._shards, self._mirrors, self._seal = names, shards, mirrors, seal
        self._deliver, self._room = deliver, room
        self._lost, self._lost_all = lost, lost_all
        self._writes = writes
        self._open: dict[tuple[str, float], tuple[Entry, float]] = {}  # and when it came here
        self._era: str | None = None
        self._samples: dict[int, SessionSample] = {}
        self._waiting: dict[int, list[Piece]] = {}  # by shard, as they came
        self._holdings: Holdings | None = None
        self.callbacks = Callbacks(
            self._take,
            self._taken_over,
            self._forget,
            self._advanced,
            self._given_back,
            self._states,
            self._left,
            said,
        )

    def works_for(self, holdings: Holdings) -> None:
        """Whose shards these are."""
        self._holdings = holdings

    @property
    def level(self) -> int:
        """The lowest level of any shard here, in hundredths."""
        return min((sample.level for sample in self._samples.values()), default=10_000)

    def out_until(self, captured: CapturedExchange, now: float) -> float:
        """Until when a session was out of the sample of its shard; 0.0 when it never was."""
        sample = self._samples.get(shard_of(captured.key, self._shards))
        if sample is None or sample.is_plain:
            return 0.0
        return sample.out_until(sample_position(captured.key), now)

    def look(self, now: float) -> bool:
        """To be called once a second: lower or raise the samples of the shards; whether one was changed."""
        for key, began in [key for key, (_, since) in self._open.items() if now - since > LONGEST_WRITE]:
            self._lost(key, UNENDED)  # its worker died with it, or knows no way to say it
            self._ended(key, began)
            self._writes.end(key, began)
        changed = False
        for held in self._holdings.held.values() if self._holdings else ():
            sample = self._samples[held.shard]
            changed |= sample.look(now, held.waiting, self._holdings.refused if self._holdings else 0)
            held.level, held.outs = str(sample.level), msgspec.json.encode(sample.out).decode()
        return changed

    def is_clear(self, entry: Entry, captured: CapturedExchange) -> bool:
        """Whether to begin at once: the shard is surely ours, and nothing happens if it was begun before."""
        return entry.is_clear and captured.request.method in SAFE_METHODS

    async def leave(self, entry: Entry, captured: CapturedExchange) -> Verdict | None:
        """Wait until the shard is surely ours. None: begin; else what becomes of it; ``DROPPED``: nothing, it
        is another process's now.
        """
        leave = await entry.leave(once=captured.request.method not in SAFE_METHODS)
        if leave is Leave.BEGIN:
            return None
        if leave is Leave.NOT_OURS:
            return Verdict.DROPPED
        self._lost(captured.key, AGAIN)
        return Verdict.UNDETERMINED

    # --- what the holdings ask --------------------------------------------------------------------

    def _left(self) -> int:
        if sum(map(len, self._waiting.values())) >= MOST_WAITING:
            for shard in list(self._waiting):
                self._deliver_until(shard, inf)
        return self._room()

    def _taken_over(self, held: Held, level: str, outs: str) -> None:
        try:
            history = msgspec.json.decode(outs or "[]", type=list[tuple[int, float]])
        except msgspec.MsgspecError:
            history = []
        full = int(level) if level.isdigit() else 10_000
        self._samples[held.shard] = SessionSample(SHARD_LIMIT, full, history, ADOPTION)

    def _forget(self, shard: int) -> None:
        self._waiting.pop(shard, None)
        self._samples.pop(shard, None)
        self._writes.forget(shard)
        for key in [key for key, (entry, _) in self._open.items() if entry.shard == shard]:
            del self._open[key]
        self._mirrors.forget(lambda key: shard_of(key, self._shards) == shard)

    def _states(self, keys: Iterable[str]) -> list[bytes | str]:
        kept: list[bytes | str] = []
        for key in keys:
            state = self._mirrors.state(key, self._era or "")
            if state is not None:
                kept += (self._names.mirror(key), self._seal.closed(state) if self._seal else state)
        return kept

    async def _take(self, entries: list[Entry], era: str) -> None:
        if era != self._era:
            if era or self._era:
                self._lost_all(LOST, _moment(era))
            self._era = era
        pieces = [(entry, self._opened(entry)) for entry in entries]
        await self._resume({found.key for _, found in pieces if found is not None})
        for entry, captured in pieces:
            self._sort(entry, captured)

    def _sort(self, entry: Entry, captured: Captured | None) -> None:
        if isinstance(captured, CapturedExchange):
            self._ended(captured.key, captured.began)
            self._line_up(Piece(captured, entry.size, entry))
        elif isinstance(captured, WriteBegan):
            # Kept until its exchange has come: whoever takes the shard over meanwhile has to know of it too.
            self._writes.begin(captured.key, captured.began, entry.shard)
            self._open[captured.key, captured.began] = (entry, time.time())
            entry.park()
        else:
            if captured is None:
                entry.is_lost = True
                self._lost_all(UNREADABLE, time.time())
            else:
                self._ended(captured.key, captured.began)
                self._writes.end(captured.key, captured.began)
                self._lost(captured.key, captured.reason)
            entry.settle(entry.feature, Verdict.UNDETERMINED)

    def _ended(self, key: str, began: float) -> None:
        found = self._open.pop((key, began), None)
        if found is not None:
            found[0].settle("", "")

    def _opened(self, entry: Entry) -> Captured | None:
        """What an entry holds; None when it cannot be read."""
        try:
            frame = self._seal.opened(entry.frame) if self._seal else entry.frame
            found = decode(frame[4:])
        except SealBroken:
            _log.error("an exchange in Redis was sealed with another key; it is undetermined")
            return None
        except (ValueError, msgspec.MsgspecError) as bad:
            _log.error("what is in Redis is not an exchange: %s; it is undetermined", bad)
            return None
        entry.frame, entry.key = b"", found.key
        return found

    async def _resume(self, keys: set[str]) -> None:
        """What others knew of sessions that are new here."""
        unknown = [key for key in keys if key not in self._mirrors]
        if not unknown or self._holdings is None:
            return
        try:
            found = await self._holdings.ask("MGET", *map(self._names.mirror, unknown))
        except RedisTrouble as trouble:  # their requests have been read, and nobody reads them a second time
            _log.error("sessions go on without what was known of them: %s", trouble)
            for key in unknown:
                self._lost(key, UNREAD)
            return
        for key, state in zip(unknown, found, strict=True):
            if state is None:
                continue
            if not self._resumed(key, state):
                self._lost(key, UNREAD)

    def _resumed(self, key: str, state: bytes) -> bool:
        try:
            opened = self._seal.opened(state) if self._seal else state
        except SealBroken:
            return False
        return self._mirrors.resume(key, opened, self._era or "")

    def _line_up(self, piece: Piece) -> None:
        entry, captured = piece.entry, piece.captured
        if entry.again:
            self._lost(captured.key, AGAIN)
        elif captured.at + MARGIN < entry.complete:
            self._lost(captured.key, LATE)
        self._waiting.setdefault(entry.shard, []).append(piece)

    def _advanced(self, held: Held) -> None:
        """All that began before ``held.complete`` has come, from whatever worker."""
        self._deliver_until(held.shard, held.complete - MARGIN)

    def _given_back(self, shard: int) -> list[Entry]:
        return [piece.entry for piece in self._waiting.pop(shard, ())]

    def _deliver_until(self, shard: int, time_of_day: float) -> None:
        """What had ended by then has its place, and every write is known that it may have overlapped with."""
        later: list[Piece] = []
        held_up: set[str] = set()
        for piece in sorted(self._waiting.pop(shard, ()), key=_by_beginning):
            captured = piece.captured
            if captured.at > time_of_day or captured.key in held_up:
                held_up.add(captured.key)
                later.append(piece)
            else:
                self._deliver(piece)
        if later:
            self._waiting[shard] = later


def _moment(loss: str) -> float:
    """When it was, by Redis' clock; now, when its name is none of ours."""
    try:
        return float(loss)
    except ValueError:
        return time.time()


def _by_beginning(piece: Piece) -> float:
    return piece.captured.began
