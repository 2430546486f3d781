"""One timer for every deadline: no timer per request. Deadlines are met within one sweep interval.

What is swept has a ``deadline`` (seconds of the loop's clock, infinity for none) and ``expired()``.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

INTERVAL = 0.1


class Swept(Protocol):
    """Something that may wait too long."""

    deadline: float

    def expired(self) -> None:
        """The deadline has passed: give up what is waited for, or set a new deadline."""


class Sweeper:
    """Keeps the coarse time ``now`` and calls ``expired()`` on whatever has waited too long."""

    __slots__ = ("_handle", "_loop", "members", "now")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None
        self.members: set[Swept] = set()
        self.now = loop.time()

    def start(self) -> None:
        """Begin to sweep."""
        self._sweep()

    def stop(self) -> None:
        """Sweep no more."""
        if self._handle is not None:
            self._handle.cancel()

    def _sweep(self) -> None:
        self._handle = self._loop.call_later(INTERVAL, self._sweep)
        now = self.now = self._loop.time()
        late = [member for member in self.members if member.deadline <= now]
        for member in late:
            if member.deadline <= now:
                member.expired()
