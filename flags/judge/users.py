"""Distinct users in bounded memory, merged exactly: who had an error, who was there at all. It must not know
sides' meaning, limits or statistics.

One user who reloads a broken page fifty times is one piece of evidence, not fifty. A sample keeps each
user's *mark* (64 bits of a hash of the sticky key; not the hash that decides the side) with the first thing
seen of it. When more than `CAPACITY` marks are there, the level rises by one and only marks that end in
that many zero bits are kept: a fair half, whichever side they are on. Level and marks follow from the set
of all users ever seen, not from the order or the place of seeing them, so

    merging is commutative, associative and idempotent: workers, machines and windows merge in any order,
    and a sample that is reported twice counts once.

Source of the rising level: P. Gibbons, "Distinct sampling for highly-accurate answers to distinct values
queries and event reports", Proceedings of VLDB 2001, 541-550.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import mmh3
import msgspec

__all__ = ["CAPACITY", "Seen", "UserRecorder", "UserSample", "user_mark"]

CAPACITY: Final = 1024
"""Marks kept at most, for one feature, one window and one kind."""

_SEED: Final = 0x6A756467


class Seen(NamedTuple):
    """What was seen of a user first: in which window, at which dial (hundredths), on which side.

    Of two, the smaller counts: the earlier window, then the lower dial.
    """

    window: int
    share: int
    new: bool


class UserSample(msgspec.Struct, frozen=True):
    """The marks kept, all of them users with `level` zero bits at the end of their mark."""

    level: int = 0
    users: Mapping[int, Seen] = {}

    def merged(self, other: UserSample) -> UserSample:
        """Both together; the same whichever comes first."""
        if not other.users and other.level <= self.level:
            return self
        users = dict(self.users)
        for mark, seen in other.users.items():
            known = users.get(mark)
            users[mark] = seen if known is None else min(known, seen)
        return _thinned(max(self.level, other.level), users)

    def on_new(self) -> int:
        """How many of the kept users were on the new side."""
        return sum(seen.new for seen in self.users.values())

    def by_share(self) -> dict[int, tuple[int, int]]:
        """How many of the kept users were on the new side and on legacy, for each dial."""
        found: dict[int, tuple[int, int]] = {}
        for _, share, is_new in self.users.values():
            new, legacy = found.get(share, (0, 0))
            found[share] = (new + 1, legacy) if is_new else (new, legacy + 1)
        return found


class UserRecorder:
    """What a worker fills, for one feature and one kind: this window's sample and the one before it (so that
    the last users of a window are still reported when the next has begun).
    """

    __slots__ = ("_levels", "_windows")

    def __init__(self) -> None:
        self._windows: dict[int, dict[int, Seen]] = {}
        self._levels: dict[int, int] = {}

    def see(self, mark: int, window: int, share: int, new: bool) -> None:
        """Note a user. Costs next to nothing when it is known already, or not among those kept. At a dial of
        0 there is nothing to learn about a user, and who was noted is not noted again later.
        """
        if share <= 0:
            return
        if window not in self._windows:
            self._open(window)
        users = self._windows.get(window)
        if users is None:
            return  # a window long past
        level = self._levels[window]
        if mark & ((1 << level) - 1):
            return
        seen, known = Seen(window, share, new), users.get(mark)
        if known is not None:
            users[mark] = min(known, seen)
            return
        users[mark] = seen
        if len(users) > CAPACITY:
            thin = _thinned(level, users)
            self._levels[window], self._windows[window] = thin.level, dict(thin.users)

    def samples(self) -> dict[int, UserSample]:
        """The samples by window, at most two of them."""
        return {
            window: UserSample(self._levels[window], dict(users)) for window, users in self._windows.items()
        }

    def _open(self, window: int) -> None:
        self._windows[window], self._levels[window] = {}, 0
        for old in sorted(self._windows)[:-2]:
            del self._windows[old], self._levels[old]


def user_mark(feature: str, key: str) -> int:
    """The mark of a sticky key, 0 to 2⁶⁴ - 1. Says nothing about its position, and differs from feature to
    feature.
    """
    data = f"{feature}:{key}".encode("utf-8", "surrogatepass")
    return mmh3.hash64(data, _SEED, signed=False)[0]


def _thinned(level: int, users: dict[int, Seen]) -> UserSample:
    kept = users
    while True:
        tail = (1 << level) - 1
        kept = {mark: seen for mark, seen in kept.items() if not mark & tail}
        if len(kept) <= CAPACITY:
            return UserSample(level, kept)
        level += 1
