"""The name and latch slots of a page: which features there are and which are rolled back. It must not know
dials.

Names are only ever appended, so a slot means the same feature to every process for as long as the page lives,
and its latch is one byte that can be written without a lock. A feature that is taken out of the configuration
keeps its slot (and its latch) but is no longer listed.

A latch counts: odd is rolled back, even is not, and every rollback and every restore moves it on. So whoever
restores can tell whether somebody has rolled back again since they looked, even to the same effect.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable

from flags.errors import PageFull, PageMissing
from flags.layout import LATCHES, LISTED, NAME_BYTES, NAMES, SLOT_COUNT, SLOTS

__all__ = ["FeatureSlots", "moved"]


def moved(mark: int, on: bool) -> int:
    """The next number of a latch that stands at `mark`: odd for `on`, never the same again within 127
    changes.
    """
    return (mark + (2 if (mark & 1) == on else 1)) & 0xFF


class FeatureSlots:
    """The slots within a mapped page. `add` and `list_only` want the page's lock held; the others need
    none."""

    def __init__(self, page: mmap.mmap) -> None:
        self._page = page
        self._names: tuple[str, ...] = ()
        self._index: dict[str, int] = {}

    def names(self) -> tuple[str, ...]:
        """The names of all slots, in slot order; decoded once, since they never change. PageMissing when they
        are no names."""
        count = int.from_bytes(self._page[SLOT_COUNT], "little")
        if count != len(self._names):
            if count > SLOTS:
                raise PageMissing(
                    "The state page names more features than it has room for; `banyan run` makes a new one."
                )
            self._names += tuple(self._name(slot) for slot in range(len(self._names), count))
            self._index = {name: slot for slot, name in enumerate(self._names)}
        return self._names

    def listed(self) -> dict[str, bool]:
        """The configured features in slot order, each with its latch."""
        names = self.names()
        listed = self._page[LISTED : LISTED + len(names)]
        latches = self._page[LATCHES : LATCHES + len(names)]
        return {name: bool(latches[slot] & 1) for slot, name in enumerate(names) if listed[slot]}

    def latched(self) -> frozenset[str]:
        """Every latched name, listed or not."""
        names = self.names()
        latches = self._page[LATCHES : LATCHES + len(names)]
        return frozenset(name for slot, name in enumerate(names) if latches[slot] & 1)

    def find(self, name: str) -> int | None:
        """The slot of a configured feature, None when there is none."""
        self.names()
        slot = self._index.get(name)
        return slot if slot is not None and self._page[LISTED + slot] else None

    def add(self, names: Iterable[str]) -> None:
        """Give every new name a slot and list all of them. PageFull beyond the last slot; ValueError for a
        name too long."""
        names = tuple(names)
        known = self.names()
        if len(known) + len(set(names) - set(known)) > SLOTS:
            raise PageFull(
                f"The state page has room for {SLOTS} names of features, present and past. Stop the gateway "
                "and start it again: then it forgets those that are neither configured nor rolled back."
            )
        for name in names:
            slot = self._index.get(name)
            if slot is None:
                slot = self._append(name)
            self._page[LISTED + slot] = 1

    def list_only(self, names: Iterable[str]) -> None:
        """List these names and no others."""
        wanted = set(names)
        self.add(sorted(wanted))
        for slot, name in enumerate(self.names()):
            if name not in wanted:
                self._page[LISTED + slot] = 0

    def _append(self, name: str) -> int:
        slot, raw = len(self._names), name.encode()
        if not 0 < len(raw) <= NAME_BYTES or b"\0" in raw:
            raise ValueError(f"The feature name {name!r} must have 1 to {NAME_BYTES} bytes.")
        start = NAMES + slot * NAME_BYTES
        self._page[start : start + NAME_BYTES] = raw.ljust(NAME_BYTES, b"\0")
        self._page[LATCHES + slot] = 0
        # The count last: a reader never sees a slot without its name.
        self._page[SLOT_COUNT] = (slot + 1).to_bytes(4, "little")
        self._names += (name,)
        self._index[name] = slot
        return slot

    def _name(self, slot: int) -> str:
        start = NAMES + slot * NAME_BYTES
        raw = self._page[start : start + NAME_BYTES].rstrip(b"\0")
        try:
            name = raw.decode()
        except UnicodeDecodeError:
            name = ""
        if not name:
            raise PageMissing(
                "The state page holds a feature without a readable name; `banyan run` makes a new one."
            )
        return name
