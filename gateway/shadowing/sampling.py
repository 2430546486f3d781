"""How many sessions one shadow process can take: lowered when exchanges arrive faster than they can be
shadowed, raised slowly afterwards. Pure: the clock enters as an argument.

Sessions leave and enter the sample by their position, as a whole. One that was out for a while has requests
that its copy never saw: ``out_until`` says so, and its state on the other side is unknown from then on.
"""

from __future__ import annotations

from collections.abc import Iterable

LOWEST = 100
"""1 % of the sampled sessions is always tried."""
PATIENCE = 3.0
"""Seconds without pressure before more sessions are let in."""
EFFECT = 2.0
"""Seconds that a lower level gets to show its effect, before it is lowered further."""
ADOPTION = 1.0
"""Seconds after a change in which some worker may still go by the level before."""
_FULL = 10_000
_STEP = 1.5


class SessionSample:
    """``level`` in hundredths of the configured sample, ``out`` its history: sessions from a position on were
    out until a time. ``adoption``: seconds in which some worker may still go by the level before.
    """

    def __init__(
        self,
        limit: int,
        level: int = _FULL,
        out: Iterable[tuple[int, float]] = (),
        adoption: float = ADOPTION,
    ) -> None:
        self.level = level
        self._limit = limit
        self._adoption = adoption
        self._out = list(out)
        self._waiting = 0
        self._dropped = 0
        self._calm_since = 0.0
        self._lowered = 0.0

    def look(self, now: float, waiting: int, dropped: int) -> bool:
        """To be called once a second with what waits and what was dropped so far; whether the level was
        changed."""
        more_dropped, self._dropped = dropped > self._dropped, dropped
        grows, self._waiting = waiting >= self._waiting, waiting
        before = self.level
        if more_dropped or (waiting > self._limit // 2 and grows):
            self._calm_since = now
            if now - self._lowered >= EFFECT:
                self._lowered = now
                self.level = max(LOWEST, self.level // 2)
        elif waiting > self._limit // 10:
            self._calm_since = now
        elif self.level < _FULL and now - self._calm_since >= PATIENCE:
            self._raise(now)
        return self.level != before

    def _raise(self, now: float) -> None:
        self._out = [entry for entry in self._out if entry[0] < self.level]
        self._out.append((self.level, now + self._adoption))
        self.level = min(_FULL, int(self.level * _STEP) + 1)
        self._calm_since = now

    @property
    def out(self) -> list[tuple[int, float]]:
        """Sessions from each position on were out until a time."""
        return list(self._out)

    @property
    def is_plain(self) -> bool:
        """Whether no session was ever out."""
        return self.level == _FULL and not self._out

    def out_until(self, position: int, now: float) -> float:
        """Until when a session at this position was out of the sample; 0.0 when it never was. ``now`` while
        it is."""
        if position >= self.level:
            return now
        return max((until for level, until in self._out if position >= level), default=0.0)
