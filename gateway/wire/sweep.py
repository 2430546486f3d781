"""One timer for every deadline: no timer per request. Deadlines are met within one sweep interval.

What is swept has a ``deadline`` (seconds of the loop's clock, infinity for none) and ``expired()``. At the
same pace it is looked who has left without being heard (``unread``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from gateway.wire.unread import Unread

INTERVAL = 0.1
_log = logging.getLogger("banyan.wire")


class Swept(Protocol):
    """Something that may wait too long."""

    deadline: float

    def expired(self) -> None:
        """The deadline has passed: give up what is waited for, or set a new deadline."""


class Sweeper:
    """Keeps the coarse time ``now`` and calls ``expired()`` on whatever has waited too long."""

    __slots__ = ("_handle", "_loop", "members", "now", "unread")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None
        self.members: set[Swept] = set()
        self.unread = Unread()
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
                _do(member.expired)
        for left in self.unread.look():
            _do(left)


def _do(what: Callable[[], None]) -> None:
    try:
        what()
    except Exception:  # noqa: BLE001 - one member's failure must not cost the others their deadline
        _log.exception("a deadline could not be kept")
