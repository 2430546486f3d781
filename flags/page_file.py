"""The page file on the disk: made whole, mapped, locked. It must not know what the cells in it mean.

A new page is written beside and renamed into place, so nobody ever maps half a page. All its blocks are
reserved when it is made: afterwards every write goes through the mapping into blocks that exist, and a full
disk does not matter. The folder must be on a local file system: a mapping shared over a network file system
is not shared memory.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flags.errors import PageBusy, PageMissing, StateUnwritable
from flags.layout import HEADER_BYTES, TOTAL_BYTES, header
from flags.whole_file import aside

__all__ = ["PageLock", "make_page", "map_page"]

_POLL = 0.002  # seconds between two tries for the lock


def make_page(path: Path) -> None:
    """Put an empty page at `path`, replacing what is there (whoever has that mapped keeps it).
    StateUnwritable when it cannot."""
    beside = aside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o660)
        try:
            os.posix_fallocate(fd, 0, TOTAL_BYTES)
            os.pwrite(fd, header(), 0)
            os.fsync(fd)
        finally:
            os.close(fd)
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise StateUnwritable(f"The state page {path} could not be made: {error.strerror}.") from error


def map_page(path: Path) -> tuple[int, mmap.mmap]:
    """Open and map the page at `path` → (file descriptor, mapping), both the caller's to close. PageMissing
    if it is not one."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise PageMissing(f"The state page {path} cannot be opened: {error.strerror}.") from error
    try:
        # The size first: touching a mapping beyond the end of its file kills the process.
        if os.fstat(fd).st_size != TOTAL_BYTES or os.pread(fd, HEADER_BYTES, 0) != header():
            raise PageMissing(
                f"{path} is not a state page of this version, or it is cut short; "
                "`banyan run` makes a new one."
            )
        return fd, mmap.mmap(fd, TOTAL_BYTES)
    except BaseException:
        os.close(fd)
        raise


class PageLock:
    """Keeps writers of one page apart, between processes (flock) and between threads of this one."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._threads = threading.Lock()

    @contextmanager
    def tried(self, seconds: float) -> Iterator[bool]:
        """Hold the lock if it can be had within `seconds`; yields whether it was. Never raises for want of
        it."""
        until = time.monotonic() + seconds
        if not self._threads.acquire(timeout=seconds):
            yield False
            return
        try:
            held = self._flock(until)
            try:
                yield held
            finally:
                if held:
                    fcntl.flock(self._fd, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    @contextmanager
    def held(self, seconds: float) -> Iterator[None]:
        """Hold the lock; PageBusy when it cannot be had within `seconds`."""
        with self.tried(seconds) as held:
            if not held:
                raise PageBusy(
                    f"Another process has held the lock of the state page for more than {seconds:g} s."
                )
            yield

    def _flock(self, until: float) -> bool:
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:  # taken, or a file system without locks: the same to us
                if time.monotonic() >= until:
                    return False
                time.sleep(_POLL)
            else:
                return True
