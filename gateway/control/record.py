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
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from flags import (
    DIRECT,
    Entry,
    FlagsError,
    FlagSnapshot,
    LatchMoved,
    Ledger,
    PageCorrupt,
    PlanState,
    RaisesFrozen,
    RevisionNotNewer,
    Said,
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


class Record:
    """Not thread-safe but for `expect`: its owner lets one call in at a time. `clock`: seconds since 1970."""

    def __init__(self, page: StatePage, file: StateFile, ledger: Ledger, clock: Callable[[], float]) -> None:
        self._page = page
        self._file = file
        self._ledger = ledger
        self._clock = clock
        self._owed: list[Entry] = []
        self._told: set[str | None] = set()
        self._expected: dict[str | None, _Expected] = {}
        self._reasons: dict[str | None, Entry] = {}
        self._seen: frozenset[str | None] = frozenset()
        self._last = file.in_force() or StoredState()

    def in_force(self) -> StoredState:
        """The state that a change starts from: what the page says, and of features that are not configured
        what the file says. Raises `FlagsError` when neither can be believed.
        """
        filed = self._file.in_force()
        kept = self._last = filed or self._last  # plans and the freeze are nowhere else than in the file
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
            plans=kept.plans,
            frozen=kept.frozen,
        )

    def dials_together(
        self, features: Sequence[str], new: int, entry: Entry, also: Callable[[StoredState], StoredState]
    ) -> tuple[int, int, bytes]:
        """State file and ledger, then page: these features at a dial (hundredths), with an entry each, and
        what `also` changes of the state as it was before → the old dial of the first, the new revision, the
        stamp. Raises `FlagsError`, or what `also` raises; then nothing has changed.
        """
        self._catch_up()
        before = self.in_force()
        olds = {name: before.percents.get(name, 0) for name in features}
        self._check_frozen(min(olds.values()), new)
        entries = [
            msgspec.structs.replace(
                entry, feature=name, old=format_percent(olds[name]), new=format_percent(new)
            )
            for name in features
        ]
        dials = dict.fromkeys(features, new)
        after = self._save(lambda state: also(state).with_percents(dials, self._clock()), *entries)
        try:
            after, stamp = self._put_in_force(after, lambda state: state.with_percents(dials, self._clock()))
        except FlagsError as error:
            self._take_back(before, entries, error)
            raise
        return olds[features[0]], after.revision, stamp

    def planned(self, change: Callable[[StoredState], StoredState], *entries: Entry) -> None:
        """State file and ledger alone, of what no worker needs to know: a plan, the freeze. Raises
        `FlagsError`; then nothing has changed.
        """
        self._catch_up()
        self._save(change, *entries)

    def tried(self, change: Callable[[StoredState], StoredState]) -> Mapping[str, int]:
        """Whether this change could be made now, which raises what it raises → the dials in force. Nothing is
        changed but for latches that had yet to be written down.
        """
        self._catch_up()
        state = self.in_force()
        change(state)
        return state.percents

    def plans(self) -> Mapping[str, PlanState]:
        """How each plan that was started stands; from memory."""
        return self._last.plans

    def frozen(self) -> str:
        """Why no dial may be raised; "" when it may. From memory."""
        return self._last.frozen

    def announced(self, feature: str, new: int, entry: Entry) -> int:
        """Ledger alone, of a dial that another source is about to be told → the dial in force. Raises
        `FlagsError`.
        """
        old = self.dials().get(feature, 0)
        self._check_frozen(old, new)
        self._ledger.append(msgspec.structs.replace(entry, old=format_percent(old), new=format_percent(new)))
        return old

    def written(self, *entries: Entry) -> None:
        """Ledger alone, of what several machines are about to agree on. Raises `FlagsError`."""
        self._catch_up()
        for entry in entries:
            self._ledger.append(entry)

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
                by = wanted.said.get(name, Said(source, f"changed in {source}"))
                entry = Entry(by.actor, "dial", name, reason=by.reason, evidence=_where(by))
                self._append(_of(entry, after, old=format_percent(old[name]), new=format_percent(percent)))
        return problem

    def expect(self, feature: str | None, entry: Entry, *, already: bool = False) -> None:
        """This latch is about to be set (`already`: once more), by somebody who says why: whoever finds it
        writes down this entry."""
        if not (already and feature in self._expected):
            self._expected[feature] = _Expected(entry, fresh=not already)

    def latched(self, feature: str | None, entry: Entry) -> str:
        """Write down a rollback that already holds, and was asked for → one sentence about what could not be
        written, else "".
        """
        return self._write_latch(feature, entry)

    def _write_latch(self, feature: str | None, asked: Entry | None) -> str:
        """`asked` None: it was found in the page."""
        expected = self._expected.pop(feature, None)
        entry = expected.entry if expected else asked or msgspec.structs.replace(DIRECT, feature=feature)
        if expected or feature not in self._reasons:
            self._reasons[feature] = entry
        # While a restore is under way, it is the ledger's last word, and the state file has not heard of it:
        # who rolls back then says something new.
        if self._in_file(feature) and (asked is None or self._ledger.says_rolled_back(feature)):
            return ""
        if not self.holds(feature):
            return self._append(entry)  # restored in the meantime: it happened, but must not come back
        number = max(self._page.revision(), self._file.newest) + 1
        entry = msgspec.structs.replace(entry, old="serving", new="latched", revision=number)
        # The ledger may have it and the state file not: the disk filled up in between, or that was lost. Of a
        # latch that has just been set nobody can have told.
        fresh = expected is not None and expected.fresh
        told = feature in self._told or (not fresh and self._ledger.says_rolled_back(feature))
        self._told.add(feature)
        problem = "" if told else self._append(entry)
        try:
            self._put_in_force(self._save(_as_it_is), _as_it_is)
        except FlagsError as error:
            return str(error)
        return problem

    def why(self, feature: str | None) -> Said:
        """Who set the latch that holds, and why, as far as that is known in memory; thread-safe."""
        expected = self._expected.get(feature)
        entry = expected.entry if expected else self._reasons.get(feature, DIRECT)
        return Said(entry.actor, entry.reason)

    def intended(self, entry: Entry) -> None:
        """Ledger alone, of a restore that the other machines are about to be asked for. Raises
        `FlagsError`."""
        self._catch_up()
        self._ledger.append(msgspec.structs.replace(entry, old="latched", new="restored"))
        self._told.discard(entry.feature)  # who rolls back from now on says something new

    def restored(
        self, feature: str | None, entry: Entry, seen: int, *, announced: bool = False
    ) -> tuple[int, bytes]:
        """State file and ledger, then page, then the latch, if it still stands at `seen` → the revision and
        the stamp. Raises `FlagsError`; then the latch holds. `announced`: the ledger has the entry already.
        """
        try:
            return self._restored(feature, entry, seen, announced=announced)
        except FlagsError as error:
            if announced:
                self.not_restored(entry, error)
            raise

    def not_restored(self, entry: Entry, error: FlagsError) -> None:
        """What was intended did not come about."""
        still = _still("latched", error)
        self._append(Entry(entry.actor, "restore_failed", entry.feature, "restored", still, str(error)))

    def _restored(
        self, feature: str | None, entry: Entry, seen: int, *, announced: bool
    ) -> tuple[int, bytes]:
        if not announced:
            self._catch_up()
            if self._page.latch_mark(feature) != seen:
                raise LatchMoved("It was rolled back again in the meantime, and that holds.")
        if not (self._in_file(feature) or self.holds(feature)):
            return self._page.revision(), self._page.stamp()
        before = self.in_force()
        entry = msgspec.structs.replace(entry, old="latched", new="restored")
        written = () if announced else (entry,)
        after = self._save(lambda state: state.with_latch(feature, False, self._clock()), *written)
        try:
            after, _ = self._put_in_force(
                after, lambda state: state.with_latch(feature, False, self._clock())
            )
            stamp = self._page.unlatch(feature, seen)
        except FlagsError as error:
            if isinstance(error, LatchMoved):
                self._told.discard(feature)  # whoever rolled back again has yet to be written down
            self._take_back(before, written, error)
            raise
        self._told.discard(feature)
        self._reasons.pop(feature, None)
        return after.revision, stamp

    def keep_in_step(self) -> tuple[str, ...]:
        """Pay what is owed, and have the disk say what the page says → one sentence for each thing that is
        wrong.
        """
        problems = [problem for entry in self._take_owed() if (problem := self._append(entry))]
        holding = self._holding()
        # Whoever sets a latch directly writes it down as well, and knows why: they get a moment for it.
        known = self._seen.union(self._told, self._expected)
        said = [self._write_latch(feature, None) for feature in holding if feature in known]
        problems += [problem for problem in said if problem]
        self._seen = frozenset(holding)
        if not problems and (problem := self._mend()):
            problems.append(problem)
        return tuple(problems)

    def _catch_up(self) -> None:
        """Before another change: what holds in the page is written down, or owed."""
        for feature in self._holding():
            self._write_latch(feature, None)

    def _holding(self) -> list[str | None]:
        latched, everything = self._page.latches()
        return [*([None] if everything else []), *sorted(latched)]

    def _mend(self) -> str:
        """Write the state file again when it cannot be believed, or is older than the page; publish again
        what a damaged page has lost.
        """
        filed = self._file.in_force()
        try:
            live = self._page.read()
        except PageCorrupt as corrupt:
            if filed is not None and filed.revision >= self._page.revision():
                return self._again(str(corrupt), "The dials were put in force again from the state file.")
        else:
            dialled = self._page.dialled().intersection(live.features)
            dials = {name: live.feature(name).percent for name in dialled}
            newest = filed.percents if filed and filed.revision >= self._page.revision() else None
            if newest is not None and dials.items() <= newest.items():
                return ""
        if filed is None:
            wrong = "was damaged or gone"
        elif filed.revision < self._page.revision():
            wrong = "is older than what is in force"
        else:
            wrong = "has other dials than are in force"
        return self._again(
            f"The state file {self._file.path} {wrong}.", "It was written again: what is in force counts."
        )

    def _again(self, wrong: str, done: str) -> str:
        try:
            self._put_in_force(self._save(_as_it_is), _as_it_is)
        except FlagsError as error:
            return f"{wrong} {error}"
        return f"{wrong} {done}"

    def holds(self, feature: str | None) -> bool:
        """Whether this very latch is set in the page."""
        latched, everything = self._page.latches()
        return everything if feature is None else feature in latched

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

    def _save(self, change: Callable[[StoredState], StoredState], *entries: Entry) -> StoredState:
        """State file, and ledger if there are `entries`, as one step. Raises `FlagsError`; then neither has
        changed.
        """
        for _ in range(_TRIES - 1):
            try:
                return self._save_once(change, entries)
            except RevisionNotNewer:
                continue  # a rollback on the machine itself has just been written down: read again
        return self._save_once(change, entries)

    def _save_once(
        self, change: Callable[[StoredState], StoredState], entries: Sequence[Entry]
    ) -> StoredState:
        state = self.in_force()
        after = msgspec.structs.replace(change(state), revision=state.revision + 1)
        told = [msgspec.structs.replace(entry, revision=after.revision) for entry in entries]
        written: list[Entry] = []
        try:
            self._file.save(
                after, (lambda: written.extend(self._ledger.append_together(told))) if told else None
            )
        except FlagsError as error:
            self._note_failed(written, error, state)  # the ledger has it, and the file could not be put there
            raise
        self._last = after
        return after

    def _put_in_force(
        self, saved: StoredState, change: Callable[[StoredState], StoredState]
    ) -> tuple[StoredState, bytes]:
        """Publish what was saved → what was published, and the stamp. `change`: what to save in its place, of
        what is in force, when somebody else has published meanwhile: a reload, or a rollback on the machine
        itself.
        """
        for _ in range(_TRIES - 1):
            try:
                return saved, self._publish(saved)
            except RevisionNotNewer:
                saved = self._save(change)
        return saved, self._publish(saved)

    def _check_frozen(self, old: int, new: int) -> None:
        why = self.frozen()
        if why and new > old:
            raise RaisesFrozen(f"All raises are frozen ({why}); `banyan thaw` ends that.")

    def _take_back(self, before: StoredState, entries: Sequence[Entry], error: FlagsError) -> None:
        """A change that was written down did not come about: ledger, state file and page say so."""
        self._note_failed(entries, error, before)

        def taken_back(state: StoredState) -> StoredState:
            return msgspec.structs.replace(state, percents=before.percents, plans=before.plans)

        with contextlib.suppress(FlagsError):  # then `keep_in_step` finds that file and page differ
            self._put_in_force(self._save(taken_back), taken_back)

    def _note_failed(self, entries: Sequence[Entry], error: FlagsError, before: StoredState) -> None:
        for one in entries:
            failed, still, revision = f"{one.action}_failed", _still(one.old, error), before.revision
            self._append(Entry(one.actor, failed, one.feature, one.new, still, str(error), revision=revision))

    def _in_force_at_least(self) -> StoredState:
        try:
            return self.in_force()
        except FlagsError:
            number = max(self._page.revision(), self._file.newest)
            return StoredState(number, plans=self._last.plans, frozen=self._last.frozen)

    def _is_told(self, feature: str | None) -> bool:
        """A latch that nobody has written down yet must not look as if somebody had."""
        return feature in self._told or self._in_file(feature)

    def _in_file(self, feature: str | None) -> bool:
        filed = self._file.in_force()
        if filed is None:
            return False
        return filed.everything_latched if feature is None else feature in filed.latched

    def _page_has(self, wanted: Wanted) -> bool:
        try:
            snapshot = self._page.read()
        except FlagsError:
            return False
        dials = {name: snapshot.feature(name).percent for name in wanted.dials}
        known = self._page.dialled()
        return (
            dials == wanted.dials
            and known.issuperset(wanted.dials)
            and (wanted.rules is None or snapshot.rules == wanted.rules)
        )

    def _publish(self, state: StoredState, rules: bytes | None = None) -> bytes:
        # Only what is configured: the file keeps the dials of features that have left, the page
        # does not list them.
        everything = snapshot_of(state)
        features = {name: everything.feature(name) for name in self._page.feature_names()}
        return self._page.publish(FlagSnapshot(state.revision, state.everything_latched, features, rules))


class _Expected(NamedTuple):
    """What is to be written of a latch. `fresh`: it was not set before."""

    entry: Entry
    fresh: bool


def _as_it_is(state: StoredState) -> StoredState:
    return state


def _still(old: str, error: FlagsError) -> str:
    """What holds after a change that failed: what held before, or what somebody else has done meanwhile."""
    return "latched again" if isinstance(error, LatchMoved) else old


def _where(by: Said) -> dict[str, str] | None:
    return {"machine": by.machine} if by.machine else None


def _of(entry: Entry, state: StoredState, *, old: str, new: str) -> Entry:
    return msgspec.structs.replace(entry, old=old, new=new, revision=state.revision)
