"""What one process has seen that the judge needs: totals by side, and who had errors, differed or was there.
Knows no channel and no statistics.

Only requests that the dial decided are evidence. Totals are cumulative; users are marks in samples that may
be told twice, so each report carries some of them in turn and is never large. A sample is told when it has
changed, and now and then all the same: whoever listens may have begun anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from flags import FULL, WINDOW_SECONDS, SideCounts, Totals, UserRecorder, UserSample, user_mark
from gateway.core.decision import Cause, Side
from gateway.core.event import RequestFinished
from gateway.core.latency import empty_counts

__all__ = ["BUDGET", "DifferingUsers", "EvidenceCounters", "Samples"]

BUDGET: Final = 4096
"""Marks of users in one report, give or take one sample."""
AGAIN: Final = 40
"""Reports, of which one tells also what has not changed: ten seconds."""
_REMEMBERED: Final = 8192
_PERCENTAGE: Final = Cause.PERCENTAGE
_NEW: Final = Side.NEW

Samples = dict[str, dict[str, dict[int, UserSample]]]
"""By feature, by kind (`erring`, `differing`, `keys`), by window."""


class _Side:
    __slots__ = ("errors", "latency", "requests")

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self.latency = empty_counts()

    def counts(self) -> SideCounts:
        return SideCounts(self.requests, self.errors, tuple(self.latency))


class _Users(UserRecorder):
    """`fresh`: it may hold what was not told yet."""

    __slots__ = ("fresh",)

    def __init__(self) -> None:
        super().__init__()
        self.fresh = False

    def see(self, mark: int, window: int, share: int, new: bool) -> None:
        super().see(mark, window, share, new)
        self.fresh = True


class _Feature:
    __slots__ = ("erring", "fallbacks", "keys", "legacy", "new", "seconds", "shares", "window")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.legacy = _Side()
        self.new = _Side()
        self.fallbacks = 0
        self.erring = _Users()
        self.keys = _Users()
        self.window = 0
        self.shares: dict[str, int] = {}


class EvidenceCounters:
    """What a worker fills, once for each request that is finished. `clock`: seconds since 1970. `windows`: of
    features whose window has another length than an hour, in seconds.
    """

    __slots__ = ("_clock", "_features", "_turn", "_windows")

    def __init__(self, clock: Callable[[], float], windows: Mapping[str, float] | None = None) -> None:
        self._clock = clock
        self._windows = windows or {}
        self._features: dict[str, _Feature] = {}
        self._turn = _Turn()

    def finished(self, event: RequestFinished, slot: int) -> None:
        """Count one request, and its user. `slot`: where its duration belongs in a histogram."""
        if event.cause is not _PERCENTAGE:
            return
        found = self._features.get(event.feature)
        if found is None:
            seconds = self._windows.get(event.feature, WINDOW_SECONDS)
            found = self._features[event.feature] = _Feature(seconds)
        failed = event.fell_back or event.status >= 500 or event.cut
        if event.fell_back:
            found.fallbacks += 1
        else:
            side = found.new if event.side is _NEW else found.legacy
            side.requests += 1
            side.errors += failed
            side.latency[slot] += 1
        window = int(self._clock() // found.seconds)
        if failed or window != found.window or found.shares.get(event.key) != event.share:
            self._see(found, event, window, failed=failed)

    def totals(self, verdicts: Mapping[tuple[str, str], int]) -> dict[str, Totals]:
        """By feature; `verdicts`: what became of the exchanges that this worker handed over."""
        by_feature: dict[str, dict[str, int]] = {}
        for (feature, verdict), times in verdicts.items():
            by_feature.setdefault(feature, {})[verdict] = times
        return {
            name: _totals(self._features.get(name), by_feature.get(name, {}))
            for name in {*self._features, *by_feature}
        }

    def samples(self) -> Samples:
        """Some of the users; all of them in turn, those with errors more often."""
        found = sorted(self._features.items())
        erring = [(name, "erring", one.erring) for name, one in found]
        keys = [(name, "keys", one.keys) for name, one in found]
        return self._turn.take([erring, keys])

    def _see(self, found: _Feature, event: RequestFinished, window: int, *, failed: bool) -> None:
        if window != found.window or len(found.shares) >= _REMEMBERED:
            found.window = window
            found.shares.clear()
        found.shares[event.key] = event.share
        mark = user_mark(event.feature, event.key)
        new = event.fell_back or event.side is Side.NEW
        found.keys.see(mark, window, event.share, new)
        if failed:
            found.erring.see(mark, window, event.share, new)


class DifferingUsers:
    """What a shadow process fills: whose exchanges differ. `windows` as for a worker."""

    def __init__(self, windows: Mapping[str, float]) -> None:
        self._windows = windows
        self._features: dict[str, _Users] = {}
        self._turn = _Turn()

    def differs(self, feature: str, key: str, at: float) -> None:
        """One exchange of this key, which came in at `at` (seconds since 1970), was a mismatch."""
        recorder = self._features.setdefault(feature, _Users())
        window = int(at // self._windows.get(feature, WINDOW_SECONDS))
        recorder.see(user_mark(feature, key), window, FULL, True)

    def samples(self) -> Samples:
        """Some of them; all in turn."""
        return self._turn.take([[(name, "differing", one) for name, one in sorted(self._features.items())]])


class _Turn:
    """Which samples go into a report: of each list of those that changed, and sometimes of all, as many as
    half of what is left of the budget allows, from where the report before ended; at least one.
    """

    def __init__(self) -> None:
        self._next: list[int] = []
        self._taken = 0

    def take(self, lists: Iterable[list[tuple[str, str, _Users]]]) -> Samples:
        found: Samples = {}
        left = BUDGET
        self._taken += 1
        again = self._taken % AGAIN == 0
        for number, recorders in enumerate(lists):
            if number == len(self._next):
                self._next.append(0)
            budget, start = left // 2, self._next[number]
            for step in range(len(recorders)):
                name, kind, recorder = recorders[(start + step) % len(recorders)]
                recorder.fresh = recorder.fresh or again
                if recorder.fresh:
                    samples = recorder.samples()
                    size = sum(len(sample.users) for sample in samples.values())
                    if step and size > budget:
                        break
                    if size:
                        found.setdefault(name, {})[kind] = samples
                    budget, left = budget - size, left - size
                    recorder.fresh = False
                self._next[number] = (start + step + 1) % len(recorders)
        return found


def _totals(found: _Feature | None, verdicts: Mapping[str, int]) -> Totals:
    mismatches = verdicts.get("mismatch", 0)
    return Totals(
        legacy=found.legacy.counts() if found else SideCounts(),
        new=found.new.counts() if found else SideCounts(),
        fallbacks=found.fallbacks if found else 0,
        compared=mismatches + sum(verdicts.get(name, 0) for name in ("match", "noise", "accepted")),
        mismatches=mismatches,
        lost=sum(verdicts.get(name, 0) for name in ("shadow_error", "shadow_timeout", "undetermined")),
    )
