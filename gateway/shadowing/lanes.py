"""Work in order within a session and side by side between sessions, never more at once than allowed.
Knows no exchange."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Work = TypeVar("Work")
_log = logging.getLogger("banyan.shadow")


class Lanes(Generic[Work]):
    """``put`` takes work for a session, or says that too much waits. ``run`` is called for one piece of a
    session at a time.

    ``in_flight`` sessions are worked on at once; ``limit`` pieces of ``limit_bytes`` together may wait.
    """

    def __init__(
        self,
        run: Callable[[Work], Awaitable[None]],
        *,
        in_flight: int,
        limit: int,
        limit_bytes: int = 1 << 30,
    ) -> None:
        self._run = run
        self._free = in_flight
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._lanes: dict[str, deque[tuple[Work, int]]] = {}
        self._ready: deque[str] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._bytes = 0
        self.waiting = 0

    def put(self, session: str, work: Work, size: int = 0) -> bool:
        """Take a piece of work of ``size`` bytes. False: a limit is reached, and the piece was not taken."""
        if self.waiting >= self._limit or self._bytes + size > self._limit_bytes:
            return False
        self.waiting += 1
        self._bytes += size
        lane = self._lanes.get(session)
        if lane is not None:
            lane.append((work, size))
            return True
        self._lanes[session] = deque([(work, size)])
        self._ready.append(session)
        self._start()
        return True

    async def idle(self) -> None:
        """Return when nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _start(self) -> None:
        while self._free and self._ready:
            self._free -= 1
            task = asyncio.get_running_loop().create_task(self._drive(self._ready.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _drive(self, session: str) -> None:
        lane = self._lanes[session]
        while lane:
            work, size = lane.popleft()
            self.waiting -= 1
            self._bytes -= size
            try:
                await self._run(work)
            except Exception:  # noqa: BLE001 - one piece of work must not end the lane, nor the process
                _log.exception("an exchange could not be shadowed")
        del self._lanes[session]
        self._free += 1
        self._start()
