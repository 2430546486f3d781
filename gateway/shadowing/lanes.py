"""Work in order within a session and side by side between sessions, never more at once than allowed.
Knows no exchange.

Work of one session may come from several workers, the earlier piece a moment after the later one. So a piece
is held for a moment before it is begun, and the pieces that wait are sorted by their order.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import insort
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

Work = TypeVar("Work")
_log = logging.getLogger("banyan.shadow")


class _Piece(NamedTuple, Generic[Work]):
    order: float
    number: int
    due: float
    size: int
    work: Work


class Lanes(Generic[Work]):
    """``put`` takes work for a session, or says that too much waits. ``run`` is called for one piece of a
    session at a time.

    ``in_flight`` sessions are worked on at once; ``limit`` pieces of ``limit_bytes`` together may wait. Each
    is held for ``hold`` seconds.
    """

    def __init__(
        self,
        run: Callable[[Work], Awaitable[None]],
        *,
        in_flight: int,
        limit: int,
        limit_bytes: int = 1 << 30,
        hold: float = 0.0,
    ) -> None:
        self._run = run
        self._free = in_flight
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._hold = hold
        self._lanes: dict[str, list[_Piece[Work]]] = {}
        self._ready: deque[str] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._held = 0
        self._bytes = 0
        self._number = 0
        self.waiting = 0

    def put(self, session: str, work: Work, size: int = 0, order: float = 0.0) -> bool:
        """Take a piece of work of ``size`` bytes. False: a limit is reached, and the piece was not taken."""
        if self.waiting >= self._limit or self._bytes + size > self._limit_bytes:
            return False
        self.waiting += 1
        self._bytes += size
        self._number += 1
        due = asyncio.get_running_loop().time() + self._hold if self._hold else 0.0
        piece = _Piece(order, self._number, due, size, work)
        lane = self._lanes.get(session)
        if lane is not None:
            insort(lane, piece, key=_sorted_by)
            return True
        self._lanes[session] = [piece]
        self._schedule(session, due)
        return True

    async def idle(self) -> None:
        """Return when nothing is under way."""
        while self._tasks or self._held:
            await (asyncio.wait(self._tasks) if self._tasks else asyncio.sleep(self._hold))

    def _schedule(self, session: str, due: float) -> None:
        if not due:
            self._make_ready(session)
            return
        self._held += 1
        asyncio.get_running_loop().call_at(due, self._release, session)

    def _release(self, session: str) -> None:
        self._held -= 1
        self._make_ready(session)

    def _make_ready(self, session: str) -> None:
        self._ready.append(session)
        self._start()

    def _start(self) -> None:
        while self._free and self._ready:
            self._free -= 1
            task = asyncio.get_running_loop().create_task(self._drive(self._ready.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _drive(self, session: str) -> None:
        lane = self._lanes[session]
        while lane and lane[0].due <= asyncio.get_running_loop().time():
            piece = lane.pop(0)
            self.waiting -= 1
            self._bytes -= piece.size
            try:
                await self._run(piece.work)
            except Exception:  # noqa: BLE001 - one piece of work must not end the lane, nor the process
                _log.exception("an exchange could not be shadowed")
        if lane:
            self._schedule(session, lane[0].due)
        else:
            del self._lanes[session]
        self._free += 1
        self._start()


def _sorted_by(piece: _Piece[Work]) -> tuple[float, int]:
    return piece.order, piece.number
