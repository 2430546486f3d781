"""The one SQLite file of the result store: opened, written in transactions, read, pruned. It must not know
what is kept in it.

Several processes write to it at once (write-ahead log, short transactions). A full, read-only, locked or
broken file never raises here: what could not be kept is counted in ``lost``. Bounded by age and by size.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from shadow import store_schema as sql

T = TypeVar("T")

MAX_SIGNATURES = 10_000
_PRUNE_EVERY = 200
_PAUSE = 1.0


class StoreFile:
    """The file ``path``. Open one in each process, and use it from one thread at a time.

    ``trouble``: why the last look at it found nothing, where that does not mean that nothing is there.
    """

    def __init__(self, path: Path, ttl: float, max_bytes: int, busy_timeout: float) -> None:
        self._path, self._ttl, self._max_bytes, self._busy_timeout = path, ttl, max_bytes, busy_timeout
        self._connection: sqlite3.Connection | None = None
        self._written = 0
        self._resume_at = 0.0
        self.lost = 0
        self.trouble = ""

    def write(self, write: Callable[[sqlite3.Connection], None], at: float, items: int = 1) -> bool:
        """Run ``write`` in a transaction of its own. False: nothing of it was kept, and ``items`` were
        lost.
        """
        if at < self._resume_at:
            self.lost += items
            return False
        try:
            with self._transaction() as connection:
                if self._written % _PRUNE_EVERY == 0:
                    self._prune(connection, at)
                write(connection)
            self._written += 1
        except (sqlite3.Error, OSError, msgspec.MsgspecError, UnicodeError) as problem:
            self._failed(problem, at, items)
            return False
        return True

    def rows(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query; none when the file cannot be read."""
        return self.read(lambda connection: connection.execute(query, values).fetchall(), [])

    def read(self, read: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """What ``read`` finds, or ``otherwise``."""
        try:
            found = read(self.open())
        except (sqlite3.Error, OSError) as problem:
            self.trouble = str(problem)
            self.close()
            return otherwise
        self.trouble = ""
        return found

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _failed(self, problem: Exception, at: float, items: int) -> None:
        """Count the loss. A store in trouble is left alone for a second, and is pruned first after that."""
        self.lost += items
        self._written = 0
        if isinstance(problem, (sqlite3.Error, OSError)):
            self._resume_at = at + _PAUSE
            self.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self.open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def open(self) -> sqlite3.Connection:
        """The open file. Raises sqlite3.Error or OSError when it cannot be opened."""
        if self._connection is None:
            _keep_private(self._path)
            connection = sqlite3.connect(
                self._path, timeout=self._busy_timeout, isolation_level=None, check_same_thread=False
            )
            try:
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.executescript(sql.SCHEMA)
                (page,) = connection.execute("PRAGMA page_size").fetchone()
                connection.execute(f"PRAGMA max_page_count = {max(16, self._max_bytes // page)}")
            except sqlite3.Error:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _prune(self, connection: sqlite3.Connection, at: float) -> None:
        """Drop what is too old, and the older samples while more than three quarters of the room is used."""
        slot = int(at // sql.SLOT_SECONDS) - sql.SLOTS_KEPT
        bounds = {"oldest": at - self._ttl, "signatures": MAX_SIGNATURES, "slot": slot}
        for statement in sql.PRUNE:
            connection.execute(statement, bounds)
        if self._used(connection) > self._max_bytes * 3 // 4:
            connection.execute(sql.HALVE)
        connection.execute(sql.DANGLING)

    def _used(self, connection: sqlite3.Connection) -> int:
        pages, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)


def _keep_private(path: Path) -> None:
    """Make the file readable by its owner only, whatever the umask; SQLite gives its side files the same
    mode.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    for each in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        with contextlib.suppress(OSError):  # not there, or somebody else's: nothing to be done about it
            each.chmod(0o600)
