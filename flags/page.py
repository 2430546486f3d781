"""The state page: the memory that every process of one machine shares. It must not know sockets, files of
state or the ledger.

Readers compare the stamp (16 bytes) with their own before each decision and read again when it differs. Two
cells make the stamp, each with its own kind of writer, so that none overwrites the other's news:
- `publish` (one at a time, under the lock) writes the idle buffer, turns the active index, then writes the
  revision;
- `latch` (anybody, the lock or not) writes one latch byte, then a latch stamp above the one that is there.
Whoever sees a stamp therefore finds at least what it announces. Take the stamp *before* `read()` and keep
that one: a change in between makes it differ again.
"""

from __future__ import annotations

import mmap
import os
import time
import zlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from flags.errors import LatchMoved, PageCorrupt, PageFull, PageMissing, RevisionNotNewer, UnknownFeature
from flags.layout import (
    ACTIVE,
    BUFFER_BYTES,
    BUFFER_HEAD,
    BUFFERS,
    EVERYTHING,
    HEADER_BYTES,
    LATCH_STAMP,
    LATCHES,
    REVISION,
    SLOTS,
    STAMP,
    TOTAL_BYTES,
    U64,
    header,
)
from flags.page_file import PageLock, make_page, map_page
from flags.rows import FRESH, WorkerRow, WorkerRows
from flags.slots import FeatureSlots, moved
from flags.snapshot import FeatureState, FlagSnapshot

__all__ = ["StatePage", "revision_of"]

LATCH_PATIENCE = 0.1  # seconds a latch waits for the lock before it writes all the same
PUBLISH_PATIENCE = 2.0
_READ_TRIES = 50
_CORRUPT_TRIES = 3


class _Dials(msgspec.Struct, frozen=True):
    """What a snapshot buffer holds, as JSON. `percents` in hundredths by feature name; `rules` as the source
    in charge gave them, unread.
    """

    revision: int
    percents: dict[str, int]
    rules: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def revision_of(stamp: bytes) -> int:
    """The revision within a stamp."""
    return int.from_bytes(stamp[:8], "little")


class StatePage:
    """One mapping of the page. Safe to use from several threads; not across a fork (open it again there)."""

    def __init__(self, path: Path, fd: int, page: mmap.mmap) -> None:
        self.path = path
        self._fd = fd
        self._page = page
        self._lock = PageLock(fd)
        self._rows = WorkerRows(page)
        self._slots = FeatureSlots(page)

    # --- making and opening -----------------------------------------------------------------------

    @classmethod
    def open(cls, path: Path | str) -> StatePage:
        """Map the page at `path`; PageMissing when there is none, or it is not one of ours, or it is cut
        short.
        """
        path = Path(path)
        self = cls(path, *map_page(path))
        try:
            self._slots.names()
        except PageMissing:
            self.close()
            raise
        return self

    @classmethod
    def create(cls, path: Path | str, features: Iterable[str]) -> StatePage:
        """The page of exactly these features: an existing one with its latches and dials if it is whole, else
        an empty one.

        Rows of dead workers are cleared. A page that is full of names is made anew without those that are
        neither configured nor latched, unless a living worker reads it: PageFull then. StateUnwritable when
        no page can be made.
        """
        path, names = Path(path), tuple(features)
        try:
            self = cls.open(path)
        except PageMissing:
            make_page(path)
            self = cls.open(path)
        try:
            with self._lock.held(PUBLISH_PATIENCE):
                self._rows.sweep()
                self._slots.list_only(names)
        except PageFull:
            held = self._slots.latched()
            fits = len(held.union(names)) <= SLOTS and not self.rows()
            snapshot = self.read()
            self.close()
            if not fits:
                raise
            kept = {name: state for name, state in snapshot.features.items() if name in held.union(names)}
            self = cls.renew(path, msgspec.structs.replace(snapshot, features=kept), held)
            self.set_features(names)
        except BaseException:
            self.close()
            raise
        return self

    @classmethod
    def renew(cls, path: Path | str, snapshot: FlagSnapshot, latched: Iterable[str]) -> StatePage:
        """A new page at `path` with this state, in place of whatever is there; `latched`: also of features
        that are not configured. StateUnwritable when it cannot be made.
        """
        path = Path(path)
        make_page(path)
        held = tuple(latched)
        self = cls.create(path, {*snapshot.features, *held})
        try:
            for name in [*([None] if snapshot.everything_latched else []), *held]:
                self.latch(name, True)
            if snapshot.revision:
                self.publish(snapshot)
            self.set_features(snapshot.features)
        except BaseException:
            self.close()
            raise
        return self

    def is_whole(self) -> bool:
        """Whether the file behind this mapping still has its size and its head. When it has not, touching the
        mapping may kill the process.
        """
        try:
            whole = os.fstat(self._fd).st_size == TOTAL_BYTES
            return whole and os.pread(self._fd, HEADER_BYTES, 0) == header()
        except OSError:
            return False

    def is_at(self, path: Path) -> bool:
        """Whether this very page lies at `path`."""
        try:
            return os.path.samestat(path.stat(), os.fstat(self._fd))
        except OSError:
            return False

    def close(self) -> None:
        """Unmap; the page itself stays. Twice is fine."""
        if self._fd >= 0:
            self._page.close()
            os.close(self._fd)
            self._fd = -1

    # --- reading ----------------------------------------------------------------------------------

    def stamp(self) -> bytes:
        """16 bytes that differ after any change. On the path of every request: one slice, no call to the
        system.
        """
        return self._page[STAMP]

    def revision(self) -> int:
        """The revision in force."""
        return int.from_bytes(self._page[REVISION], "little")

    def read(self) -> FlagSnapshot:
        """The state in force, whole: never dials of two revisions. PageCorrupt when the buffer cannot be
        believed.
        """
        bad, snapshot = 0, None
        for _ in range(_READ_TRIES):
            before = self._page[STAMP]
            dials = self._dials(self._page[ACTIVE])
            snapshot = self._snapshot(dials) if dials else None
            if before != self._page[STAMP]:
                continue
            if snapshot:
                return snapshot
            # A stable stamp and a bad buffer: look again before saying so, another core's stores may still be
            # on their way.
            bad += 1
            if bad >= _CORRUPT_TRIES:
                break
            time.sleep(0.001)
        else:
            if snapshot:
                # writers without pause: this one is whole all the same, and the stamp will differ again
                return snapshot
        raise PageCorrupt(
            f"The snapshot in {self.path} does not match its checksum; the last good one stays in force."
        )

    def feature_names(self) -> tuple[str, ...]:
        """The configured features, sorted."""
        return tuple(sorted(self._slots.listed()))

    def latches(self) -> tuple[frozenset[str], bool]:
        """Every latched name, listed or not, and whether everything is."""
        return self._slots.latched(), bool(self._page[EVERYTHING] & 1)

    def dialled(self) -> frozenset[str]:
        """The features that the active snapshot has a dial for (a feature just listed has none yet)."""
        dials = self._dials(self._page[ACTIVE])
        return frozenset(dials.percents) if dials else frozenset()

    def offsets(self) -> dict[str, int]:
        """Where a tool without Python finds the cells of a rollback in the file.

        `everything` and `feature NAME` are one byte each, odd when rolled back, to be moved on; `stamp`, the
        latch stamp, is 8 bytes (little-endian), to be raised after them.
        """
        found = {"everything": EVERYTHING, "stamp": LATCH_STAMP.start}
        for name in self.feature_names():
            slot = self._slots.find(name)
            if slot is not None:
                found[f"feature {name}"] = LATCHES + slot
        return found

    # --- writing ----------------------------------------------------------------------------------

    def publish(self, snapshot: FlagSnapshot) -> bytes:
        """Put the dials and rules of `snapshot` in force → the new stamp. Its latches are not looked at:
        `latch` alone writes those. `rules` None leaves the rules that are in force.

        RevisionNotNewer unless its revision is above the one in force; PageFull when it is larger than a
        buffer; PageBusy when another publisher has been at it for 2 s. Nothing has changed in these cases.
        """
        percents = {name: state.percent for name, state in snapshot.features.items()}
        with self._lock.held(PUBLISH_PATIENCE):
            active = self._dials(self._page[ACTIVE])
            rules = _raw(snapshot.rules) if snapshot.rules is not None or not active else active.rules
            data = msgspec.json.encode(_Dials(snapshot.revision, percents, rules))
            if len(data) > BUFFER_BYTES - BUFFER_HEAD.size:
                raise PageFull(f"A snapshot of {len(data)} bytes does not fit the state page.")
            # A publisher that died between its last two stores has put a revision in force that the stamp
            # does not name yet.
            current = max(self.revision(), active.revision if active else 0)
            if snapshot.revision <= current:
                raise RevisionNotNewer(
                    f"Revision {snapshot.revision} is not above {current}, which is in force."
                )
            self._slots.add(percents)
            idle = 1 - (self._page[ACTIVE] & 1)
            start = BUFFERS[idle]
            self._page[start : start + BUFFER_HEAD.size] = BUFFER_HEAD.pack(len(data), zlib.crc32(data))
            self._page[start + BUFFER_HEAD.size : start + BUFFER_HEAD.size + len(data)] = data
            self._page[ACTIVE] = idle
            self._page[REVISION] = U64.pack(snapshot.revision)
            return self._page[STAMP]

    def latch(self, feature: str | None, on: bool) -> bytes:
        """Roll `feature` back (or restore it with `on=False`); None means everything → the new stamp.

        Needs nobody else: two stores into memory that exists. The lock is asked for, for 100 ms at most, and
        not needed. UnknownFeature when there is none of that name.
        """
        cell = self._latch_cell(feature)
        with self._lock.tried(LATCH_PATIENCE):
            stamp = self._write_latch(cell, moved(self._page[cell], on))
            if on and not self._page[cell] & 1:
                # Without the lock: a restore that had looked just before has overwritten it.
                stamp = self._write_latch(cell, moved(self._page[cell], on))
            return stamp

    def latch_mark(self, feature: str | None) -> int:
        """Where this latch stands, for `unlatch`. UnknownFeature when there is none of that name."""
        return self._page[self._latch_cell(feature)]

    def unlatch(self, feature: str | None, seen: int) -> bytes:
        """Restore `feature`, or everything, if its latch still stands at `seen` → the new stamp.

        LatchMoved when it does not: a rollback that came in between goes on holding. PageBusy.
        """
        cell = self._latch_cell(feature)
        with self._lock.held(PUBLISH_PATIENCE):
            if self._page[cell] != seen:
                raise LatchMoved("It was rolled back again in the meantime, and that holds.")
            return self._write_latch(cell, moved(seen, on=False) if seen & 1 else seen)

    def set_features(self, names: Iterable[str]) -> None:
        """List exactly these features (a reloaded configuration); latches of those that leave are kept for
        their return.
        """
        with self._lock.held(PUBLISH_PATIENCE):
            self._slots.list_only(names)

    def flush(self) -> None:
        """Ask the system to write the page to the disk now, so that latches survive a power cut. May be slow;
        never needed for processes to see each other's writes, nor to survive the end of all of them."""
        self._page.flush()

    # --- workers ----------------------------------------------------------------------------------

    def claim_row(self, pid: int) -> int:
        """A row for the worker `pid`; PageFull when all belong to living ones."""
        with self._lock.held(PUBLISH_PATIENCE):
            return self._rows.claim(pid)

    def acknowledge(self, row: int, stamp: bytes) -> None:
        """Say that the worker of `row` decides by `stamp` from now on; counts as a heartbeat."""
        self._rows.acknowledge(row, stamp)

    def beat(self, row: int) -> None:
        """Say that the worker of `row` is alive."""
        self._rows.beat(row)

    def release_row(self, row: int) -> None:
        """Give a row back."""
        self._rows.release(row)

    def rows(self) -> list[WorkerRow]:
        """The workers whose process runs and whose heartbeat is younger than 2 s."""
        return [row for row in self._rows.running() if row.age_seconds < FRESH]

    def all_rows(self) -> list[WorkerRow]:
        """The workers whose process runs, those that hang too: their heartbeat is old."""
        return self._rows.running()

    # --- inside -----------------------------------------------------------------------------------

    def _latch_cell(self, feature: str | None) -> int:
        if feature is None:
            return EVERYTHING
        slot = self._slots.find(feature)
        if slot is None:
            raise UnknownFeature(feature, self.feature_names())
        return LATCHES + slot

    def _write_latch(self, cell: int, mark: int) -> bytes:
        self._page[cell] = mark
        # The byte before the stamp, and a stamp above the one read after the byte: if another latcher without
        # the lock arrives at the same number, it writes it after our byte, so whoever sees it sees our byte
        # too.
        current = int.from_bytes(self._page[LATCH_STAMP], "little")
        self._page[LATCH_STAMP] = U64.pack(max(time.time_ns(), current + 1) & 0xFFFF_FFFF_FFFF_FFFF)
        return self._page[STAMP]

    def _dials(self, index: int) -> _Dials | None:
        """What a buffer holds; None when it does not match its checksum. A page never published to is
        revision 0, empty.
        """
        start = BUFFERS[index & 1]
        head = self._page[start : start + BUFFER_HEAD.size]
        length, crc = BUFFER_HEAD.unpack(head)
        if not length:
            return _Dials(0, {}) if not crc and not self.revision() else None
        data = self._page[start + BUFFER_HEAD.size : start + BUFFER_HEAD.size + min(length, BUFFER_BYTES)]
        if zlib.crc32(data) != crc:
            return None
        try:
            return msgspec.json.decode(data, type=_Dials)
        except msgspec.MsgspecError:
            return None

    def _snapshot(self, dials: _Dials) -> FlagSnapshot:
        features = {
            name: FeatureState(dials.percents.get(name, 0), latched)
            for name, latched in self._slots.listed().items()
        }
        rules = None if isinstance(dials.rules, msgspec.UnsetType) else bytes(dials.rules)
        return FlagSnapshot(dials.revision, bool(self._page[EVERYTHING] & 1), features, rules)


def _raw(rules: bytes | None) -> msgspec.Raw | msgspec.UnsetType:
    return msgspec.Raw(rules) if rules else msgspec.UNSET
