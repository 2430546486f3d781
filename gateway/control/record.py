"""Writing a change down: ledger, state file, page, in the order that each kind of change needs. Blocking;
knows no loop.

A dial and a restore are refused when they cannot be written. A rollback is never refused: what could not
be written is owed, and `keep_in_step` pays it as soon as the disk takes it, also for latches that
somebody set in the page directly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from flags import (
    Entry,
    FlagsError,
    FlagSnapshot,
    Ledger,
    StateFile,
    StatePage,
    StoredState,
    Wanted,
    format_percent,
    snapshot_of,
)

__all__ = ["Record"]

DIRECT: Final = Entry(
    "machine", "rollback", old="serving", new="latched", reason="rolled back directly on the machine"
)


class Record:
    """Not thread-safe: its owner lets one call in at a time. `clock`: seconds since 1970."""

    def __init__(self, page: StatePage, file: StateFile, ledger: Ledger, clock: Callable[[], float]) -> None:
        self._page = page
        self._file = file
        self._ledger = ledger
        self._clock = clock
        self._owed: list[Entry] = []
        self._told: set[str | None] = set()

    def stored(self) -> StoredState:
        """What the disk says. Raises `FlagsError` when it cannot be believed."""
        return self._file.load() or StoredState(self._page.revision())

    def dial(self, feature: str, new: int, entry: Entry) -> tuple[int, int, bytes]:
        """Ledger, state file, page → the old dial (hundredths), the new revision, the stamp. Raises
        `FlagsError`.
        """
        before = self.stored()
        old = before.percents.get(feature, 0)
        after = self._numbered(before.with_percent(feature, new, self._clock()))
        self._ledger.append(_of(entry, after, old=format_percent(old), new=format_percent(new)))
        self._file.save(after)
        return old, after.revision, self._publish(after)

    def announced(self, feature: str, new: int, entry: Entry) -> int:
        """Ledger alone, of a dial that another source is about to be told → the dial in force. Raises
        `FlagsError`.
        """
        old = self.dials().get(feature, 0)
        self._ledger.append(msgspec.structs.replace(entry, old=format_percent(old), new=format_percent(new)))
        return old

    def noted(self, entry: Entry) -> None:
        """Write this entry, as soon as the disk takes it."""
        self._append(entry)

    def dials(self) -> dict[str, int]:
        """The dials in force, in hundredths: the disk's, or the page's when that cannot be believed."""
        try:
            return self.stored().percents
        except FlagsError:
            return self._page_dials()

    def followed(self, wanted: Wanted, source: str, told: frozenset[str]) -> str:
        """Put in force what another source says: page, state file, ledger; `told` has its entries already →
        one sentence about what could not be done, else "".

        Unlike a dial of ours this is in force already, elsewhere: a full disk must not keep it away from this
        machine.
        """
        try:
            before = self.stored()
        except FlagsError:
            before = StoredState(self._page.revision(), percents=self._page_dials())
        old = {name: before.percents.get(name, 0) for name in wanted.dials}
        moved = {name: percent for name, percent in wanted.dials.items() if percent != old[name]}
        if not moved and self._page_has(wanted):
            return ""
        after = self._numbered(before.with_percents(wanted.dials, self._clock()))
        problem = ""
        try:
            self._publish(after, wanted.rules)
            self._file.save(after)
        except FlagsError as error:
            problem = str(error)
            if not self._page_has(wanted):
                return problem
        for name, percent in moved.items():
            if name not in told:
                entry = Entry(source, "dial", name, reason=f"changed in {source}")
                self._append(_of(entry, after, old=format_percent(old[name]), new=format_percent(percent)))
        return problem

    def latched(self, feature: str | None, entry: Entry) -> str:
        """Write down a rollback that already holds → one sentence about what could not be written, else
        "".
        """
        try:
            before = self.stored()
            if _in_file(before, feature):
                return ""
            if not self.holds(feature):
                return self._append(entry)  # restored in the meantime: it happened, but must not come back
            after = self._numbered(before.with_latch(feature, True, self._clock()))
        except FlagsError as error:
            self._tell(feature, entry)
            return str(error)
        problem = self._tell(feature, _of(entry, after, old="serving", new="latched"))
        try:
            self._file.save(after)
            self._publish(after)
        except FlagsError as error:
            return str(error)
        return problem

    def restored(self, feature: str | None, entry: Entry) -> tuple[int, bytes]:
        """Ledger, state file, page, latch → the revision and the stamp. Raises `FlagsError`; then the
        latch holds.
        """
        before = self.stored()
        if _in_file(before, feature) or self.holds(feature):
            after = self._numbered(before.with_latch(feature, False, self._clock()))
            self._ledger.append(_of(entry, after, old="latched", new="restored"))
            self._file.save(after)
            self._publish(after)
        self._told.discard(feature)
        return self._page.revision(), self._page.latch(feature, False)

    def keep_in_step(self) -> tuple[str, ...]:
        """Pay what is owed → one sentence for each thing that still could not be written."""
        problems = [problem for entry in self._take_owed() if (problem := self._append(entry))]
        latched, everything = self._page.latches()
        for feature in [*([None] if everything else []), *latched]:
            problem = self.latched(feature, msgspec.structs.replace(DIRECT, feature=feature))
            if problem:
                problems.append(problem)
        return tuple(problems)

    def holds(self, feature: str | None) -> bool:
        """Whether this very latch is set in the page."""
        latched, everything = self._page.latches()
        return everything if feature is None else feature in latched

    def _tell(self, feature: str | None, entry: Entry) -> str:
        """One entry for one latch, however often it is looked at before the state file has it."""
        if feature in self._told:
            return ""
        self._told.add(feature)
        return self._append(entry)

    def _append(self, entry: Entry) -> str:
        try:
            self._ledger.append(entry)
        except FlagsError as error:
            self._owed.append(entry)
            return str(error)
        return ""

    def _take_owed(self) -> list[Entry]:
        owed, self._owed = self._owed, []
        return owed

    def _numbered(self, state: StoredState) -> StoredState:
        # The page may be ahead of a file that fell back to the one before it.
        return msgspec.structs.replace(state, revision=max(state.revision, self._page.revision() + 1))

    def _page_dials(self) -> dict[str, int]:
        try:
            return {name: state.percent for name, state in self._page.read().features.items()}
        except FlagsError:
            return {}

    def _page_has(self, wanted: Wanted) -> bool:
        try:
            snapshot = self._page.read()
        except FlagsError:
            return False
        dials = {name: snapshot.feature(name).percent for name in wanted.dials}
        return dials == wanted.dials and snapshot.rules == wanted.rules

    def _publish(self, state: StoredState, rules: bytes | None = None) -> bytes:
        # Only what is configured: the file keeps the dials of features that have left, the page
        # does not list them.
        everything = snapshot_of(state)
        features = {name: everything.feature(name) for name in self._page.feature_names()}
        return self._page.publish(FlagSnapshot(state.revision, state.everything_latched, features, rules))


def _in_file(state: StoredState, feature: str | None) -> bool:
    return state.everything_latched if feature is None else feature in state.latched


def _of(entry: Entry, state: StoredState, *, old: str, new: str) -> Entry:
    return msgspec.structs.replace(entry, old=old, new=new, revision=state.revision)
