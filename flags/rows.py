"""The workers' rows of a page: who is alive and which stamp each has taken over. It must not know flags.

One row belongs to one process; only its owner writes its heartbeat and its acknowledged stamp.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from typing import NamedTuple

from flags.errors import PageFull
from flags.layout import ROW_ACK, ROW_BEAT, ROW_BYTES, ROW_COUNT, ROW_OWNER, ROWS
from flags.processes import is_alive, start_mark

__all__ = ["FRESH", "WorkerRow", "WorkerRows"]

FRESH = 2.0
"""A heartbeat older than this many seconds: the worker hangs or is stopped. It reads the stamp again before
its next decision; but whether it is in the middle of one nobody can tell, so a change is not complete without
it."""

_BEAT = struct.Struct("<d")


class WorkerRow(NamedTuple):
    """One worker whose process runs: its row, its process, the stamp it has taken over, seconds since its
    last heartbeat.
    """

    row: int
    pid: int
    stamp: bytes
    age_seconds: float


class WorkerRows:
    """The rows within a mapped page. `claim` wants the page's lock held; the others need none."""

    def __init__(self, page: mmap.mmap) -> None:
        self._page = page

    def claim(self, pid: int) -> int:
        """A free row, or one whose process is gone, for `pid`; PageFull when there is none."""
        for row in range(ROW_COUNT):
            owner, mark = self._owner(row)
            if owner and owner != pid and is_alive(owner, mark):
                continue
            if owner == pid and is_alive(owner, mark):
                return row  # asked twice
            start = ROWS + row * ROW_BYTES
            self._page[start : start + ROW_BYTES] = bytes(ROW_BYTES)
            self.beat(row)
            self._page[start : start + ROW_OWNER.size] = ROW_OWNER.pack(pid, start_mark(pid))
            return row
        raise PageFull(f"All {ROW_COUNT} rows of the state page belong to living workers.")

    def acknowledge(self, row: int, stamp: bytes) -> None:
        """Say that this row's worker decides by `stamp` from now on; counts as a heartbeat."""
        start = ROWS + row * ROW_BYTES
        self._page[start + ROW_ACK.start : start + ROW_ACK.stop] = stamp
        self.beat(row)

    def beat(self, row: int) -> None:
        """Say that this row's worker is alive. The clock is the machine's monotonic one, which all processes
        share.
        """
        start = ROWS + row * ROW_BYTES
        self._page[start + ROW_BEAT.start : start + ROW_BEAT.stop] = _BEAT.pack(time.monotonic())

    def release(self, row: int) -> None:
        """Give the row back."""
        start = ROWS + row * ROW_BYTES
        self._page[start : start + ROW_OWNER.size] = bytes(ROW_OWNER.size)

    def running(self) -> list[WorkerRow]:
        """The rows whose process runs, by row, however old their heartbeat."""
        return [found for row in range(ROW_COUNT) if (found := self._running(row))]

    def sweep(self) -> None:
        """Clear the rows of processes that are gone (after a crash, or a restart of the machine)."""
        for row in range(ROW_COUNT):
            owner, mark = self._owner(row)
            if owner and not is_alive(owner, mark):
                self.release(row)

    def _owner(self, row: int) -> tuple[int, int]:
        pid, mark = ROW_OWNER.unpack_from(self._page, ROWS + row * ROW_BYTES)
        return pid, mark

    def _running(self, row: int) -> WorkerRow | None:
        pid, mark = self._owner(row)
        if not pid or not (pid == os.getpid() or is_alive(pid, mark)):
            return None
        start = ROWS + row * ROW_BYTES
        (beat,) = _BEAT.unpack(self._page[start + ROW_BEAT.start : start + ROW_BEAT.stop])
        age = time.monotonic() - beat
        if age < -FRESH:  # the heartbeat is from before the machine's last start
            return None
        return WorkerRow(row, pid, self._page[start + ROW_ACK.start : start + ROW_ACK.stop], max(age, 0.0))
