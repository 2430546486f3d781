"""Is the new side fit to be asked? One breaker per feature and worker, as a table. Knows no clock: time
enters as seconds.

=========  ===================  =========  =========================================
phase      event                next       then
=========  ===================  =========  =========================================
closed     failure, the last    open       requests of the feature go to legacy
closed     success              closed     the count of failures starts again
open       success or failure   open       a late answer from before: it counts for nothing
open       open time is over    half_open  one request may try the new side
half_open  success              closed     everybody may again
half_open  failure              open       the open time starts again
=========  ===================  =========  =========================================
"""

from __future__ import annotations

from enum import IntEnum


class Phase(IntEnum):
    """The number is what ``banyan_breaker_state`` shows."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Breaker:
    """Counts consecutive failures of the new side. ``failures`` to open, ``open_seconds`` before a probe."""

    __slots__ = ("_blamed", "_failures", "_limit", "_open_seconds", "_opened_at", "_probe_until", "phase")

    def __init__(self, failures: int, open_seconds: float) -> None:
        self._limit = failures
        self._open_seconds = open_seconds
        self._failures = 0
        self._blamed = ""
        self._opened_at = 0.0
        self._probe_until = 0.0
        self.phase = Phase.CLOSED

    def blocks(self, now: float) -> bool:
        """Whether a request must keep away from the new side at ``now`` (seconds of any one monotonic
        clock)."""
        if self.phase is Phase.CLOSED:
            return False
        if self.phase is Phase.OPEN and now - self._opened_at >= self._open_seconds:
            self.phase = Phase.HALF_OPEN
            self._probe_until = now
        return self.phase is Phase.OPEN or now < self._probe_until

    def sent(self, now: float) -> None:
        """The new side is being asked. While half open this takes the one probe, for as long as an open
        time."""
        if self.phase is Phase.HALF_OPEN:
            self._probe_until = now + self._open_seconds

    def succeeded(self) -> bool:
        """The new side answered. Whether this has closed the breaker."""
        if self.phase is Phase.OPEN:
            return False
        moved = self.phase is not Phase.CLOSED
        self._failures = 0
        self._blamed = ""
        self.phase = Phase.CLOSED
        return moved

    def failed(self, now: float, who: str = "") -> bool:
        """The new side did not answer, or answered that it is broken. Whether this has opened the breaker.

        ``who``: the sticky key that got a server error. One user's broken page, asked for again and
        again, says little of the application: while closed, failures in a row of one user count once.
        """
        if self.phase is Phase.OPEN:
            return False
        if self.phase is Phase.CLOSED:
            if who and who == self._blamed:
                return False
            self._blamed = who
            self._failures += 1
            if self._failures < self._limit:
                return False
        self.phase = Phase.OPEN
        self._opened_at = now
        return True
