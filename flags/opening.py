"""Putting the state of one machine together at start: file, page and configured seeds. It must not know
processes or configuration.

The rules, in this order:
1. Of the file's dials and a surviving page's, those of the higher revision count (the file may have fallen
   back to the one before).
2. A latch found in either place holds: a rollback made while nobody else was alive is only in the page.
   It goes into the ledger with the state, unless that has it already: what cannot be recorded now is found
   again, and recorded, later. After a reload, that is left to who is there for it.
3. A feature without a dial gets its seed. A dial without a feature is kept, for the day the feature comes
   back.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from flags.errors import PageCorrupt, StateUnwritable
from flags.ledger import DIRECT, Entry, Ledger
from flags.page import StatePage
from flags.snapshot import FeatureState, FlagSnapshot
from flags.state_file import StateFile, StoredState

__all__ = ["PAGE_NAME", "OpenedState", "open_state", "snapshot_of"]

PAGE_NAME = "state.page"


class OpenedState(NamedTuple):
    """`file`, `page` and `stored` agree. `warnings`: one sentence each, for the log."""

    file: StateFile
    page: StatePage
    stored: StoredState
    warnings: tuple[str, ...]


def snapshot_of(stored: StoredState) -> FlagSnapshot:
    """The same state as the page gives it."""
    names = sorted({*stored.percents, *stored.latched})
    features = {name: FeatureState(stored.percents.get(name, 0), name in stored.latched) for name in names}
    return FlagSnapshot(stored.revision, stored.everything_latched, features)


def open_state(
    dir: Path | str, seeds: Mapping[str, int], now: float, *, seeded: bool = True, alone: bool = True
) -> OpenedState:
    """Load the file of `dir`, make its page, and bring both to one state. `seeds`: first dials in hundredths,
    by feature; with `seeded` false they are another's to put in force. `alone`: nobody else is there to write
    down a rollback that is in the page alone, and knows who made it and why.

    For the one process that owns the folder, and again after a reload of the configuration. Always makes a
    new revision, above every one seen. A folder that has become unwritable is a warning: the page alone then
    holds the new revision. StateCorrupt, or StateUnwritable when there is no page and none can be made.
    """
    file = StateFile(dir)
    loaded = file.load()
    if loaded is None:
        Ledger(dir).begin()
    warnings = [file.warning] if file.warning else []
    page = StatePage.create(file.dir / PAGE_NAME, seeds)
    try:
        before = loaded or StoredState()
        stored = _merged(before, page, seeds if seeded else {}, now, warnings)
        if not alone:
            stored = msgspec.structs.replace(
                stored, latched=before.latched, everything_latched=before.everything_latched
            )
        ledger = Ledger(dir)
        found = [entry for entry in _found(before, stored) if not ledger.says_rolled_back(entry.feature)]
        try:
            file.save(stored, lambda: ledger.append_together(found, insist=True) if found else None)
        except StateUnwritable as error:
            warnings.append(str(error))
        _bring(page, stored, seeds)
    except BaseException:
        page.close()
        raise
    return OpenedState(file, page, stored, tuple(warnings))


def _found(before: StoredState, after: StoredState) -> list[Entry]:
    """Entries for the rollbacks that were in the page alone."""
    names: list[str | None] = sorted(set(after.latched) - set(before.latched))  # type: ignore[assignment]
    if after.everything_latched and not before.everything_latched:
        names.insert(0, None)
    return [msgspec.structs.replace(DIRECT, feature=name, revision=after.revision) for name in names]


def _merged(
    stored: StoredState, page: StatePage, seeds: Mapping[str, int], now: float, warnings: list[str]
) -> StoredState:
    """The three rules, as the next revision."""
    percents, revision = dict(stored.percents), max(stored.revision, page.revision())
    try:
        live = page.read()
    except PageCorrupt:
        warnings.append(f"The snapshot in {page.path} was damaged; it is made again from the state file.")
    else:
        revision = max(revision, live.revision)
        if live.revision > stored.revision:
            percents.update(
                (name, state.percent) for name, state in live.features.items() if name in page.dialled()
            )
            warnings.append(
                f"{page.path} is at revision {live.revision}, the state file at {stored.revision}: "
                "the page's dials are kept."
            )
    latched, everything = page.latches()
    return StoredState(
        revision=revision + 1,
        updated_at=now,
        percents={**seeds, **percents},
        latched=tuple(sorted({*stored.latched, *latched})),
        everything_latched=stored.everything_latched or everything,
        plans=stored.plans,
        frozen=stored.frozen,
    )


def _bring(page: StatePage, stored: StoredState, seeds: Mapping[str, int]) -> None:
    """Latches first, then dials: a reader of any moment in between finds a rolled back feature rolled
    back."""
    snapshot = snapshot_of(stored)
    page.set_features({*snapshot.features, *seeds})
    if stored.everything_latched:
        page.latch(None, True)
    for name in stored.latched:
        page.latch(name, True)
    page.publish(snapshot)
    page.set_features(seeds)
