"""Writing a change down: state file, ledger, page, in the order that each kind of change needs. Blocking;
knows no loop.

Every change starts from what is in force, which the page says and not the disk: a file that was damaged, put
back or lost must not move anything. State file and ledger are written as one step, so that the ledger holds
no change that did not happen.

A dial and a restore are refused when they cannot be written. A rollback is never refused: what could not
be written is owed, and `keep_in_step` pays it as soon as the disk takes it, also for latches that
somebody set in the page directly.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final

import msgspec

from flags import (
    DIRECT,
    Entry,
    FlagsError,
    FlagSnapshot,
    LatchMoved,
    Ledger,
    PageCorrupt,
    RevisionNotNewer,
    StateCorrupt,
    StateFile,
    StatePage,
    StoredState,
    Wanted,
    format_percent,
    snapshot_of,
)

__all__ = ["Record"]

_TRIES: Final = 3
_FAR: Final = 10_000  # entries that are looked through for a latch that the state file has lost


class Record:
    """Not thread-safe but for `expect`: its owner lets one call in at a time. `clock`: seconds since 1970."""

    def __init__(self, page: StatePage, file: StateFile, ledger: Ledger, clock: Callable[[], float]) -> None:
        self._page = page
        self._file = file
        self._ledger = ledger
        self._clock = clock
        self._owed: list[Entry] = []
        self._told: set[str | None] = set()
        self._expected: dict[str | None, Entry] = {}
        self._seen: frozenset[str | None] = frozenset()

    def in_force(self) -> StoredState:
        """The state that a change starts from: what the page says, and of features that are not configured
        what the file says. Raises `FlagsError` when neither can be believed.
        """
        filed = self._file.in_force()
        percents = dict(filed.percents) if filed else {}
        try:
            live = self._page.read()
        except PageCorrupt as corrupt:
            if filed is None or filed.revision < self._page.revision():
                raise StateCorrupt(
                    f"{corrupt} The state file does not have those either, so nothing is changed; "
                    "start the gateway anew."
                ) from corrupt
        else:
            dialled = self._page.dialled()
            percents |= {name: live.feature(name).percent for name in live.features if name in dialled}
        latched, everything = self._page.latches()
        return StoredState(
            revision=max(self._page.revision(), self._file.newest),
            updated_at=self._clock(),
            percents=percents,
            latched=tuple(sorted(name for name in latched if self._is_told(name))),
            everything_latched=everything and self._is_told(None),
        )

    def dial(self, feature: str, new: int, entry: Entry) -> tuple[int, int, bytes]:
        """State file and ledger, then page → the old dial (hundredths), the new revision, the stamp. Raises
        `FlagsError`; then nothing has changed.
        """
        self._catch_up()
        before = self.in_force()
        old = before.percents.get(feature, 0)
        entry = msgspec.structs.replace(entry, old=format_percent(old), new=format_percent(new))
        after = self._save(lambda state: state.with_percent(feature, new, self._clock()), entry)
        try:
            return old, after.revision, self._publish(after)
        except FlagsError as error:
            self._take_back(before, "dial_failed", entry, error)
            raise

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
        """The dials in force, in hundredths; none when nothing can be believed."""
        try:
            return self.in_force().percents
        except FlagsError:
            return {}

    def followed(self, wanted: Wanted, source: str, told: frozenset[str]) -> str:
        """Put in force what another source says: page, state file, ledger; `told` has its entries already →
        one sentence about what could not be done, else "".

        Unlike a dial of ours this is in force already, elsewhere: a full disk must not keep it away from this
        machine.
        """
        before = self._in_force_at_least()
        old = {name: before.percents.get(name, 0) for name in wanted.dials}
        moved = {name: percent for name, percent in wanted.dials.items() if percent != old[name]}
        if not moved and self._page_has(wanted):
            return ""
        self._catch_up()
        after = self._in_force_at_least().with_percents(wanted.dials, self._clock())
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

    def expect(self, feature: str | None, entry: Entry) -> None:
        """This latch is about to be set, by somebody who says why: whoever finds it writes down this
        entry."""
        self._expected[feature] = entry

    def latched(self, feature: str | None, entry: Entry) -> str:
        """Write down a rollback that already holds → one sentence about what could not be written, else
        "".
        """
        self._expected.pop(feature, None)
        if self._in_file(feature):
            return ""
        if not self.holds(feature):
            return self._append(entry)  # restored in the meantime: it happened, but must not come back
        number = max(self._page.revision(), self._file.newest) + 1
        entry = msgspec.structs.replace(entry, old="serving", new="latched", revision=number)
        problem = self._tell(feature, entry)
        try:
            self._publish(self._save(_as_it_is))
        except FlagsError as error:
            return str(error)
        return problem

    def restored(self, feature: str | None, entry: Entry, seen: int) -> tuple[int, bytes]:
        """State file and ledger, then page, then the latch, if it still stands at `seen` → the revision and
        the stamp. Raises `FlagsError`; then the latch holds.
        """
        self._catch_up()
        if self._page.latch_mark(feature) != seen:
            raise LatchMoved("It was rolled back again in the meantime, and that holds.")
        if not (self._in_file(feature) or self.holds(feature)):
            return self._page.revision(), self._page.stamp()
        before = self.in_force()
        entry = msgspec.structs.replace(entry, old="latched", new="restored")
        after = self._save(lambda state: state.with_latch(feature, False, self._clock()), entry)
        try:
            self._publish(after)
            stamp = self._page.unlatch(feature, seen)
        except FlagsError as error:
            if isinstance(error, LatchMoved):
                self._told.discard(feature)  # whoever rolled back again has yet to be written down
            self._take_back(before, "restore_failed", entry, error)
            raise
        self._told.discard(feature)
        return after.revision, stamp

    def keep_in_step(self) -> tuple[str, ...]:
        """Pay what is owed, and have the disk say what the page says → one sentence for each thing that is
        wrong.
        """
        problems = [problem for entry in self._take_owed() if (problem := self._append(entry))]
        holding = self._holding()
        for feature in holding:
            # Whoever sets a latch directly writes it down as well, and knows why: they get a moment for it.
            known = feature in self._seen or feature in self._told
            if known and (problem := self.latched(feature, self._why(feature))):
                problems.append(problem)
        self._seen = frozenset(holding)
        if not problems and (problem := self._mend()):
            problems.append(problem)
        return tuple(problems)

    def _catch_up(self) -> None:
        """Before another change: what holds in the page is written down, or owed."""
        for feature in self._holding():
            self.latched(feature, self._why(feature))

    def _holding(self) -> list[str | None]:
        latched, everything = self._page.latches()
        return [*([None] if everything else []), *sorted(latched)]

    def _why(self, feature: str | None) -> Entry:
        return self._expected.get(feature) or msgspec.structs.replace(DIRECT, feature=feature)

    def _mend(self) -> str:
        """Write the state file again when it cannot be believed, or is older than the page; publish again
        what a damaged page has lost.
        """
        filed = self._file.in_force()
        try:
            if filed is not None and filed.revision >= self._page.revision():
                self._page.read()
                return ""
        except PageCorrupt as corrupt:
            return self._again(str(corrupt), "The dials were put in force again from the state file.")
        wrong = "was damaged or gone" if filed is None else "is older than what is in force"
        return self._again(
            f"The state file {self._file.path} {wrong}.", "It was written again: what is in force counts."
        )

    def _again(self, wrong: str, done: str) -> str:
        try:
            self._publish(self._save(_as_it_is))
        except FlagsError as error:
            return f"{wrong} {error}"
        return f"{wrong} {done}"

    def holds(self, feature: str | None) -> bool:
        """Whether this very latch is set in the page."""
        latched, everything = self._page.latches()
        return everything if feature is None else feature in latched

    def _tell(self, feature: str | None, entry: Entry) -> str:
        """One entry for one latch, however often it is looked at before the state file has it, and also when
        that has lost it.
        """
        if feature in self._told or (self._file.in_force() is None and self._in_ledger(feature)):
            self._told.add(feature)
            return ""
        self._told.add(feature)
        return self._append(entry)

    def _append(self, entry: Entry) -> str:
        try:
            self._ledger.append(entry, insist=True)
        except FlagsError as error:
            self._owed.append(entry)
            return str(error)
        return ""

    def _take_owed(self) -> list[Entry]:
        owed, self._owed = self._owed, []
        return owed

    def _save(self, change: Callable[[StoredState], StoredState], entry: Entry | None = None) -> StoredState:
        """State file, and ledger if there is an `entry`, as one step. Raises `FlagsError`; then neither has
        changed.
        """
        for _ in range(_TRIES - 1):
            try:
                return self._save_once(change, entry)
            except RevisionNotNewer:
                continue  # a rollback on the machine itself has just been written down: read again
        return self._save_once(change, entry)

    def _save_once(self, change: Callable[[StoredState], StoredState], entry: Entry | None) -> StoredState:
        state = self.in_force()
        after = msgspec.structs.replace(change(state), revision=state.revision + 1)
        if entry is None:
            self._file.save(after)
        else:
            told = msgspec.structs.replace(entry, revision=after.revision)
            self._file.save(after, lambda: self._ledger.append(told))
        return after

    def _take_back(self, before: StoredState, action: str, entry: Entry, error: FlagsError) -> None:
        """A change that was written down did not come about: state file and ledger say so."""
        reason = str(error)
        self._append(
            Entry(entry.actor, action, entry.feature, entry.new, entry.old, reason, revision=before.revision)
        )
        with contextlib.suppress(FlagsError):  # then `keep_in_step` finds that file and page differ
            self._save(lambda state: msgspec.structs.replace(state, percents=before.percents))

    def _in_force_at_least(self) -> StoredState:
        try:
            return self.in_force()
        except FlagsError:
            return StoredState(max(self._page.revision(), self._file.newest))

    def _is_told(self, feature: str | None) -> bool:
        """A latch that nobody has written down yet must not look as if somebody had."""
        return feature in self._told or self._in_file(feature)

    def _in_file(self, feature: str | None) -> bool:
        filed = self._file.in_force()
        if filed is None:
            return False
        return filed.everything_latched if feature is None else feature in filed.latched

    def _in_ledger(self, feature: str | None) -> bool:
        with contextlib.suppress(OSError):
            for one in self._ledger.entries(_FAR):
                if one.feature == feature and one.action in ("rollback", "restore"):
                    return one.action == "rollback"
        return False

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


def _as_it_is(state: StoredState) -> StoredState:
    return state


def _of(entry: Entry, state: StoredState, *, old: str, new: str) -> Entry:
    return msgspec.structs.replace(entry, old=old, new=new, revision=state.revision)
