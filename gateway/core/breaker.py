"""Is the new side fit to be asked? One breaker per feature and worker, as a table. Knows no clock and no
dice: time enters as seconds, chance as a function.

=========  ==============================  =========  ====================================================
phase      event                           next       then
=========  ==============================  =========  ====================================================
closed     failure, the last in a row      open       requests of the feature go to legacy
closed     failure, too many in a window   open       the same: also when successes come in between
closed     success                         closed     the count of failures in a row starts again
open       answer to a request sent before open       it counts for nothing, then and later
open       open time is over               half_open  one request may try the new side
half_open  the probe failed                open       for twice as long as before, eight times at most
half_open  the probe succeeded             half_open  the ramp: a tenth of the keys, a quarter, a half
half_open  failures on the ramp            open       as when closed, and for twice as long
half_open  the ramp is over                closed     everybody may again
=========  ==============================  =========  ====================================================

- The open time is up to a quarter longer, by chance: workers do not come back in step.
- It doubles with each opening that follows soon after the last: a side that is half well does not make the
  breaker flap. Once closed for as long as it was open, it begins anew.
- The ramp takes keys by their place below the dial, so that each of them comes back once.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Final, NamedTuple

_RAMP: Final = (0.1, 0.25, 0.5)
_JITTER: Final = 0.25
_LONGEST: Final = 8


class Phase(IntEnum):
    """The number is what ``banyan_breaker_state`` shows."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class BreakerLimits(NamedTuple):
    """``failures`` in a row to open; or more than ``failure_rate`` (0…1; 1 for never) of at least
    ``min_requests`` in ``window`` seconds. ``open_seconds`` before a probe, ``ramp`` seconds to come back."""

    failures: int = 5
    open_seconds: float = 10.0
    failure_rate: float = 1.0
    min_requests: int = 20
    window: float = 10.0
    ramp: float = 10.0


_CLOSED, _HALF_OPEN, _OPEN = Phase


class Breaker:
    """``chance`` gives numbers from 0 to 1."""

    __slots__ = (
        "_blamed",
        "_chance",
        "_closed_at",
        "_counts",
        "_counts_before",
        "_counts_since",
        "_era",
        "_failures",
        "_limits",
        "_openings",
        "_probe_until",
        "_ramp_since",
        "_reopens_at",
        "phase",
    )

    def __init__(self, limits: BreakerLimits, chance: Callable[[], float]) -> None:
        self._limits = limits
        self._chance = chance
        self._failures = 0
        self._blamed = ""
        self._counts = [0, 0]
        self._counts_before = [0, 0]
        self._counts_since = 0.0
        self._era = 0
        self._openings = 0
        self._closed_at = 0.0
        self._reopens_at = 0.0
        self._probe_until = 0.0
        self._ramp_since: float | None = None
        self.phase = _CLOSED

    def blocks(self, now: float, place: float = 0.0) -> bool:
        """Whether a request must keep away from the new side at ``now`` (seconds of any one monotonic clock).

        ``place``: where its key lies below the dial, 0 to 1.
        """
        phase = self.phase
        if phase is _CLOSED:
            return False
        if phase is _OPEN:
            if now < self._reopens_at:
                return True
            self.phase = _HALF_OPEN
            self._probe_until = now
            self._ramp_since = None
        if self._ramp_since is None:
            return now < self._probe_until
        return place >= self._share(now)

    def sent(self, now: float) -> int:
        """The new side is being asked → what the outcome must be told with. While half open this takes the
        one probe, for as long as an open time.
        """
        if self.phase is _HALF_OPEN and self._ramp_since is None:
            self._probe_until = now + self._limits.open_seconds
        return self._era

    def succeeded(self, now: float, era: int) -> None:
        """The new side answered a request that was sent in ``era``."""
        if era != self._era or self.phase is _OPEN:
            return
        self._failures = 0
        self._blamed = ""
        self._count(now, 0)
        if self.phase is _HALF_OPEN and self._ramp_since is None:
            self._ramp_since = now
            self._share(now)

    def failed(self, now: float, era: int, who: str = "") -> None:
        """The new side did not answer a request that was sent in ``era``, or answered that it is broken.

        ``who``: the sticky key that got a server error. One user's broken page, asked for again and again,
        says little of the application: but for the probe, failures in a row of one user count once.
        """
        if era != self._era or self.phase is _OPEN:
            return
        if self.phase is _HALF_OPEN and self._ramp_since is None:
            self._open(now)
            return
        if who and who == self._blamed:
            return
        self._blamed = who
        self._failures += 1
        self._count(now, 1)
        if self._failures >= self._limits.failures or self._fails_too_often():
            self._open(now)

    def _open(self, now: float) -> None:
        limits = self._limits
        steady = self.phase is _CLOSED and now - self._closed_at >= limits.open_seconds * self._longer()
        self._openings = 1 if steady else self._openings + 1
        self._reopens_at = now + limits.open_seconds * self._longer() * (1 + _JITTER * self._chance())
        self._era += 1
        self.phase = _OPEN
        self._forget(now)

    def _longer(self) -> int:
        return min(1 << max(0, self._openings - 1), _LONGEST)

    def _share(self, now: float) -> float:
        """Of the keys, 0 to 1; closes at the end of the ramp."""
        step = self._limits.ramp / len(_RAMP)
        since = now - self._ramp_since if self._ramp_since is not None else 0.0
        number = int(since / step) if step else len(_RAMP)
        if number < len(_RAMP):
            return _RAMP[number]
        self.phase = _CLOSED
        self._closed_at = now
        return 1.0

    def _forget(self, now: float) -> None:
        self._failures = 0
        self._blamed = ""
        self._counts, self._counts_before, self._counts_since = [0, 0], [0, 0], now

    def _count(self, now: float, failed: int) -> None:
        """Two halves of a window: the running one, and the one before it."""
        half = self._limits.window / 2
        if now - self._counts_since >= half:
            fresh = now - self._counts_since < 2 * half
            self._counts_before = self._counts if fresh else [0, 0]
            self._counts, self._counts_since = [0, 0], now
        self._counts[0] += 1
        self._counts[1] += failed

    def _fails_too_often(self) -> bool:
        total = self._counts[0] + self._counts_before[0]
        failed = self._counts[1] + self._counts_before[1]
        return total >= self._limits.min_requests and failed > total * self._limits.failure_rate
