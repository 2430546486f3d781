"""Keeps the state page where every process looks for it, for as long as the gateway runs: a page file that is
deleted, replaced or cut short must not part those that have it mapped from those that come later. Knows no
process.

- Deleted or replaced: a second name in the same folder is given its place again. Nobody has to do anything.
- Cut short or overwritten, or both names gone: a new page with the last state that was seen. Whoever has the
  old one mapped has to be started anew; `number` says so.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from flags import FlagsError, FlagSnapshot, PageCorrupt, StatePage

__all__ = ["HELD_NAME", "PageKeeper"]

HELD_NAME: Final = "state.page.held"


class PageKeeper:
    """`page` is the one to use now. `number` rises with every page that is not the one before."""

    def __init__(self, page: StatePage) -> None:
        self.page = page
        self.number = 0
        self._held = page.path.with_name(HELD_NAME)
        self._former: list[StatePage] = []
        self._stamp = b""
        self._snapshot = FlagSnapshot()
        self._latched: frozenset[str] = frozenset()
        self._hold()
        self._remember()

    def take(self, page: StatePage) -> None:
        """Go on with another mapping of the same page."""
        self.page.close()
        self.page = page
        self._hold()

    def close(self) -> None:
        """Unmap, and take the second name away."""
        self.settle()
        self.page.close()
        self._held.unlink(missing_ok=True)

    def look(self) -> str:
        """See whether the page is where it should be, and bring it back when it is not → one sentence about
        what was wrong, else "". Raises `FlagsError` when no page can be made.
        """
        path = self.page.path
        if not self.page.is_whole():
            self._renew()
            return f"The state page {path} was cut short or overwritten; a new one has the last state."
        self._remember()
        if self.page.is_at(path):
            if not self.page.is_at(self._held):
                self._hold()
            return ""
        if self._put_back(path):
            return f"The state page {path} was deleted or replaced; it has its place again."
        self._renew()
        return f"The state page {path} was deleted or replaced; there is a new one with the same state."

    def settle(self) -> None:
        """Nobody uses the former pages any more: what was still rolled back there is rolled back here."""
        for former in self._former:
            if former.is_whole():
                latched, everything = former.latches()
                for name in [*([None] if everything else []), *latched]:
                    with suppress(FlagsError):
                        self.page.latch(name, True)
            former.close()
        self._former.clear()

    def _hold(self) -> None:
        with suppress(OSError):  # a full disk, or a file system without links: a new page has to serve
            self._held.unlink(missing_ok=True)
            os.link(self.page.path, self._held)

    def _put_back(self, path: Path) -> bool:
        if not self.page.is_at(self._held):
            return False
        beside = path.with_name(path.name + ".back")
        try:
            beside.unlink(missing_ok=True)
            os.link(self._held, beside)
            beside.replace(path)
        except OSError:
            return False
        return True

    def _renew(self) -> None:
        fresh = StatePage.renew(self.page.path, self._snapshot, self._latched)
        self._former.append(self.page)
        self.page = fresh
        self.number += 1
        self._hold()

    def _remember(self) -> None:
        stamp = self.page.stamp()
        if stamp == self._stamp:
            return
        with suppress(PageCorrupt):
            self._snapshot = self.page.read()
        self._latched = self.page.latches()[0]
        self._stamp = stamp
