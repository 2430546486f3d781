"""What the judge knows of one feature: counts that add up exactly, whoever counted them. It must not know
limits or statistics.

    SideCounts        one side: requests, errors, latency histogram
    Totals            both sides, fallbacks, and the comparisons of the shadow
    EvidenceWindow    the totals of one window of time, and samples of the users in it
    EvidenceHistory   the windows since the evidence began: at most `WINDOWS_KEPT`, older ones folded together
    Start             everything since one of the windows: a regression that arrives late is looked for there

Only requests whose side the dial decided belong here: a tester's forced side, an open breaker or a latch is
no experiment. Merging two histories adds what is in the same window, so it is commutative and associative;
the totals of a reporter that reports twice must be replaced by the caller, while samples of users may
repeat.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final

import msgspec

from flags.judge.users import UserSample

__all__ = [
    "WINDOWS_KEPT",
    "WINDOW_SECONDS",
    "EvidenceHistory",
    "EvidenceWindow",
    "SideCounts",
    "Start",
    "Totals",
]

WINDOW_SECONDS: Final = 3600
"""How long a window is unless the caller has a reason: the window's number is the time divided by it."""

WINDOWS_KEPT: Final = 16


class SideCounts(msgspec.Struct, frozen=True):
    """One side: answers, how many of them were errors, and durations over the shared latency bounds."""

    requests: int = 0
    errors: int = 0
    latency: tuple[int, ...] = ()

    def __add__(self, other: SideCounts) -> SideCounts:
        return SideCounts(
            self.requests + other.requests,
            self.errors + other.errors,
            _summed(self.latency, other.latency, 1),
        )

    def __sub__(self, other: SideCounts) -> SideCounts:
        return SideCounts(
            self.requests - other.requests,
            self.errors - other.errors,
            _summed(self.latency, other.latency, -1),
        )


class Totals(msgspec.Struct, frozen=True):
    """Both sides and the shadow. `fallbacks`: the new side was asked and failed, legacy answered in its
    place; such a request is counted here only, in neither side. `compared`: comparisons with a verdict of
    match, noise, accepted or mismatch; `lost`: shadow errors, timeouts, undetermined ones.
    """

    legacy: SideCounts = SideCounts()
    new: SideCounts = SideCounts()
    fallbacks: int = 0
    compared: int = 0
    mismatches: int = 0
    lost: int = 0

    @property
    def asked(self) -> int:
        """How many requests the new side was asked to answer."""
        return self.new.requests + self.fallbacks

    @property
    def failed(self) -> int:
        """How many of those it failed, whether or not the user saw it."""
        return self.new.errors + self.fallbacks

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.legacy + other.legacy,
            self.new + other.new,
            self.fallbacks + other.fallbacks,
            self.compared + other.compared,
            self.mismatches + other.mismatches,
            self.lost + other.lost,
        )

    def __sub__(self, other: Totals) -> Totals:
        return Totals(
            self.legacy - other.legacy,
            self.new - other.new,
            self.fallbacks - other.fallbacks,
            self.compared - other.compared,
            self.mismatches - other.mismatches,
            self.lost - other.lost,
        )


class EvidenceWindow(msgspec.Struct, frozen=True):
    """One window: its number, its totals, and three samples of users: `erring` (an error or a fallback, on
    either side), `differing` (a mismatch in the shadow), `keys` (there at all).
    """

    number: int
    totals: Totals = Totals()
    erring: UserSample = UserSample()
    differing: UserSample = UserSample()
    keys: UserSample = UserSample()

    def merged(self, other: EvidenceWindow) -> EvidenceWindow:
        """Both together, under the earlier number."""
        return EvidenceWindow(
            min(self.number, other.number),
            self.totals + other.totals,
            self.erring.merged(other.erring),
            self.differing.merged(other.differing),
            self.keys.merged(other.keys),
        )


class Start(msgspec.Struct, frozen=True):
    """Everything from one window on. `ordinal` 1 is the first window of all.

    `once` counts errors and mismatches of the new side with each user once in each window; where no users
    were sampled, raw.
    """

    ordinal: int
    everything: EvidenceWindow
    errors_once: int
    mismatches_once: int


class EvidenceHistory(msgspec.Struct, frozen=True):
    """The windows, oldest first, each number once."""

    windows: tuple[EvidenceWindow, ...] = ()

    def merged(self, other: EvidenceHistory) -> EvidenceHistory:
        """Both together; with more windows than are kept, the oldest become one."""
        found: dict[int, EvidenceWindow] = {}
        for window in (*self.windows, *other.windows):
            known = found.get(window.number)
            found[window.number] = window if known is None else known.merged(window)
        return EvidenceHistory(_folded([found[number] for number in sorted(found)]))

    def totals(self) -> Totals:
        """The totals of all windows."""
        return sum((window.totals for window in self.windows), Totals())

    def starts(self) -> Iterator[Start]:
        """Everything since the latest window, since the one before it, and so on to the first."""
        everything: EvidenceWindow | None = None
        errors = mismatches = 0
        for window in reversed(self.windows):
            everything = window if everything is None else window.merged(everything)
            errors += _once(window.totals.failed, window.erring)
            mismatches += _once(window.totals.mismatches, window.differing)
            yield Start(window.number - self.windows[0].number + 1, everything, errors, mismatches)


def _once(raw: int, sample: UserSample) -> int:
    """How many users of the new side at least, and never more than there were events."""
    return min(raw, sample.on_new()) if sample.users else raw


def _folded(windows: Sequence[EvidenceWindow]) -> tuple[EvidenceWindow, ...]:
    if len(windows) <= WINDOWS_KEPT:
        return tuple(windows)
    old, recent = windows[: 1 - WINDOWS_KEPT], windows[1 - WINDOWS_KEPT :]
    first = old[0]
    for window in old[1:]:
        first = first.merged(window)
    return (first, *recent)


def _summed(left: Sequence[int], right: Sequence[int], sign: int) -> tuple[int, ...]:
    return tuple(a + sign * b for a, b in zip_longest(left, right, fillvalue=0))
