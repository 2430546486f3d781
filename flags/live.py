"""The snapshot that one worker decides by: read again whenever the page's stamp has moved. It must not know
requests.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from flags.errors import PageCorrupt
from flags.page import StatePage
from flags.snapshot import FlagSnapshot

__all__ = ["LiveFlags"]

_log = logging.getLogger("banyan.flags")


class LiveFlags:
    """``current()`` before each decision. ``changed`` is called with a snapshot that has just come into
    force; ``compiled`` gives the features of a fresh one their rules, and must not raise.

    Of a page that cannot be believed only the latches are taken over, which are not part of what is damaged:
    the last good dials stay, and nothing is acknowledged.
    """

    __slots__ = ("_changed", "_compiled", "_page", "_refused", "_row", "_snapshot", "_stamp")

    def __init__(
        self,
        page: StatePage,
        row: int,
        changed: Callable[[FlagSnapshot], None] | None = None,
        compiled: Callable[[FlagSnapshot], FlagSnapshot] | None = None,
    ) -> None:
        self._page = page
        self._row = row
        self._changed = changed
        self._compiled = compiled or _as_it_is
        self._refused = b""
        self._stamp = page.stamp()
        self._snapshot = self._compiled(page.read())
        page.acknowledge(row, self._stamp)

    def current(self) -> FlagSnapshot:
        """The state in force. One comparison of 16 bytes when nothing has changed."""
        if self._page.stamp() != self._stamp:
            self._read()
        return self._snapshot

    def beat(self) -> None:
        """Say that this worker is alive, and take over a change even when no request comes."""
        self.current()
        self._page.beat(self._row)

    def _read(self) -> None:
        stamp = self._page.stamp()
        try:
            self._snapshot = self._compiled(self._page.read())
        except PageCorrupt as corrupt:
            if stamp != self._refused:
                self._refused = stamp
                _log.error("%s", corrupt)
            self._take_latches()
            return
        self._stamp = stamp
        if self._changed is not None:
            self._changed(self._snapshot)
        self._page.acknowledge(self._row, stamp)

    def _take_latches(self) -> None:
        latched, everything = self._page.latches()
        held = {
            name: msgspec.structs.replace(state, latched=name in latched)
            for name, state in self._snapshot.features.items()
        }
        found = msgspec.structs.replace(self._snapshot, everything_latched=everything, features=held)
        if found != self._snapshot:
            self._snapshot = found
            if self._changed is not None:
                self._changed(found)


def _as_it_is(snapshot: FlagSnapshot) -> FlagSnapshot:
    return snapshot
