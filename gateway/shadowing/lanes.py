"""Work in order within a session and side by side between sessions, never more at once than allowed.
Knows no exchange.

Work of one session may come from several workers, the earlier piece a moment after the later one. So a piece
is held for a moment before it is begun, and the pieces that wait are sorted by their order.

What waits is bounded, and shared: when there is no more room, it is the greediest session that loses its
newest piece, not the one that comes last. A user who floods pushes out nobody but himself.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import insort
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Generic, TypeVar

import msgspec

Work = TypeVar("Work")
_log = logging.getLogger("banyan.shadow")
_TICK = 0.002
"""Seconds between two looks at what is held, at least: one timer, however many pieces wait."""


class _Piece(msgspec.Struct, Generic[Work]):
    order: float
    number: int
    due: float
    weight: int
    work: Work


class _Lane(Generic[Work]):
    """One session's pieces in order, and what they weigh together. ``busy``: somebody will look at it."""

    __slots__ = ("busy", "lanes", "pieces", "rank", "session", "weight", "working")

    def __init__(self, lanes: Lanes[Work], session: str) -> None:
        self.lanes = lanes
        self.session = session
        self.pieces: list[_Piece[Work]] = []
        self.weight = 0
        self.rank = -1
        self.busy = False
        self.working = False

    def done(self) -> None:
        """The piece at work has ended."""
        self.lanes._ended(self)  # noqa: SLF001 - the two are one thing; called once for each piece


Begin = Callable[[Work, Callable[[], None]], None]


class Lanes(Generic[Work]):
    """``put`` takes work for a session. ``begin(work, done)`` is called for one piece of a session at a time,
    and calls ``done()`` once when it has ended, at once or later. ``lost(work)`` is called for a piece that
    had been taken and has to go after all.

    ``in_flight`` sessions are worked on at once; ``limit`` pieces of ``limit_bytes`` together may wait, each
    weighing at least its share of the bytes. Each is held for ``hold`` seconds.
    """

    def __init__(
        self,
        begin: Begin[Work],
        *,
        in_flight: int,
        limit: int,
        lost: Callable[[Work], None],
        limit_bytes: int = 1 << 30,
        hold: float = 0.0,
    ) -> None:
        self._begin = begin
        self._lost = lost
        self._free = in_flight
        self._limit_bytes = limit_bytes
        self._lightest = max(1, limit_bytes // limit)
        self._hold = hold
        self._loop = asyncio.get_running_loop()
        self._lanes: dict[str, _Lane[Work]] = {}
        self._ranks: list[dict[str, None]] = [{} for _ in range(limit_bytes.bit_length() + 1)]
        self._ready: deque[_Lane[Work]] = deque()
        self._held: list[tuple[float, int, _Lane[Work]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._starting = False
        self._idle: list[asyncio.Future[None]] = []
        self._number = 0
        self.waiting = 0
        self.weight = 0

    def put(self, session: str, work: Work, size: int = 0, order: float = 0.0) -> bool:
        """Take a piece of work of ``size`` bytes. False: there is no room, and this session takes more of it
        than any other; the piece was not taken.
        """
        weight = size if size > self._lightest else self._lightest
        lane = self._lanes.get(session)
        while self.weight + weight > self._limit_bytes:
            if not self._make_room(lane.weight + weight if lane else weight):
                return False
        self._number += 1
        due = self._loop.time() + self._hold if self._hold else 0.0
        piece = _Piece(order, self._number, due, weight, work)
        if lane is None:
            lane = self._lanes[session] = _Lane(self, session)
        pieces = lane.pieces
        if pieces and pieces[-1].order > order:
            insort(pieces, piece, key=_sorted_by)
        else:
            pieces.append(piece)
        self._weigh(lane, weight)
        self.waiting += 1
        if not lane.busy:
            lane.busy = True
            self._schedule(lane, due)
            if self._ready:
                self._start()
        return True

    def pieces(self, session: str) -> int:
        """How many pieces of a session wait."""
        lane = self._lanes.get(session)
        return len(lane.pieces) if lane else 0

    async def idle(self) -> None:
        """Return when nothing is under way."""
        while self._lanes:
            waiter = self._loop.create_future()
            self._idle.append(waiter)
            await waiter

    def _make_room(self, wanted: int) -> bool:
        """The greediest session loses its newest piece, unless a session of ``wanted`` would be as greedy."""
        top = next((ranks for ranks in reversed(self._ranks) if ranks), None)
        if not top:
            return False
        lane = self._lanes[next(iter(top))]
        if wanted.bit_length() >= lane.weight.bit_length():
            return False
        piece = lane.pieces.pop()
        self._weigh(lane, -piece.weight)
        self.waiting -= 1
        self._lost(piece.work)
        return True

    def _weigh(self, lane: _Lane[Work], more: int) -> None:
        """Keep the sessions ranked by what waits of each: to a factor of two, so that it costs nothing."""
        self.weight += more
        lane.weight += more
        rank = lane.weight.bit_length() if lane.weight else -1
        if rank != lane.rank:
            if lane.rank >= 0:
                del self._ranks[lane.rank][lane.session]
            if rank >= 0:
                self._ranks[rank][lane.session] = None
            lane.rank = rank

    def _schedule(self, lane: _Lane[Work], due: float) -> None:
        if not due or due <= self._loop.time():
            self._ready.append(lane)
            return
        self._number += 1
        heappush(self._held, (due, self._number, lane))
        if self._timer is None:
            self._timer = self._loop.call_at(due, self._release)

    def _release(self) -> None:
        self._timer = None
        now = self._loop.time()
        held = self._held
        while held and held[0][0] <= now:
            self._ready.append(heappop(held)[2])
        if held:
            self._timer = self._loop.call_at(max(held[0][0], now + _TICK), self._release)
        self._start()

    def _start(self) -> None:
        if self._starting:  # a piece that ended at once: the loop below goes on with the next
            return
        self._starting = True
        while self._free and self._ready:
            lane = self._ready.popleft()
            if not lane.pieces:  # all of it had to go meanwhile
                self._forget(lane)
            elif (due := lane.pieces[0].due) and due > self._loop.time():  # an earlier piece came meanwhile
                self._schedule(lane, due)
            else:
                self._work_on(lane)
        self._starting = False

    def _work_on(self, lane: _Lane[Work]) -> None:
        piece = lane.pieces.pop(0)
        self._weigh(lane, -piece.weight)
        self.waiting -= 1
        self._free -= 1
        lane.working = True
        try:
            self._begin(piece.work, lane.done)
        except Exception:  # noqa: BLE001 - one piece of work must not end the lane, nor the process
            _log.exception("an exchange could not be shadowed")
            if lane.working:
                lane.done()

    def _ended(self, lane: _Lane[Work]) -> None:
        lane.working = False
        self._free += 1
        if lane.pieces:
            self._schedule(lane, lane.pieces[0].due)
        else:
            self._forget(lane)
        if not self._starting and self._ready:
            self._start()

    def _forget(self, lane: _Lane[Work]) -> None:
        del self._lanes[lane.session]
        if not self._lanes:
            for waiter in self._idle:
                if not waiter.done():
                    waiter.set_result(None)
            self._idle.clear()


def _sorted_by(piece: _Piece[Work]) -> tuple[float, int]:
    return piece.order, piece.number
