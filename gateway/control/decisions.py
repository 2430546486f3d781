"""The decisions that workers told of, kept for a while, to be asked for by the id of a request. Blocking; a
disk that is full or slow costs the decisions, and nobody anything else.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from gateway.core.kept import TOLD_OF_ONE_ID, KeptDecision

__all__ = ["DecisionBook"]

_WAITING: Final = 20_000
_EVERY: Final = 60.0
_LOG = logging.getLogger("banyan.control")
_SCHEMA: Final = """
create table if not exists decisions (at real not null, request text not null, kept blob not null);
create index if not exists decisions_by_request on decisions (request);
"""


class DecisionBook:
    """A file of its own, for its owner alone. `keep` in seconds, `most` rows; `clock`: seconds since 1970."""

    def __init__(self, path: Path, keep: float, most: int, clock: Callable[[], float]) -> None:
        self._path = path
        self.keep = keep
        self.most = most
        self._clock = clock
        self._waiting: deque[KeptDecision] = deque(maxlen=_WAITING)
        self._held = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._pruned = 0.0
        self._said = ""

    def add(self, decisions: Iterable[KeptDecision]) -> None:
        """To be written down soon. Never blocks."""
        self._waiting.extend(decisions)

    def write(self) -> None:
        """Write down what waits, and forget what is too old or too much."""
        with self._held:
            rows = []
            with suppress(IndexError):
                while True:
                    rows.append(self._waiting.popleft())
            now = self._clock()
            if rows or now - self._pruned >= _EVERY:
                self._try(lambda database: self._write(database, rows, now))

    def find(self, request: str) -> list[KeptDecision]:
        """What is kept of requests with this id, oldest first: the youngest ones, since a client that
        chooses its ids may choose the same one for all.
        """
        self.write()
        with self._held:
            found: list[bytes] = []
            self._try(lambda database: found.extend(self._read(database, request)))
        decoded = [msgspec.json.decode(row, type=KeptDecision) for row in found]
        return [one for one in decoded if one.at >= self._clock() - self.keep]

    def close(self) -> None:
        """Write down the rest."""
        self.write()
        with self._held:
            if self._database is not None:
                self._database.close()
                self._database = None

    def _write(self, database: sqlite3.Connection, rows: list[KeptDecision], now: float) -> None:
        with database:
            database.executemany(
                "insert into decisions values (?, ?, ?)",
                [(row.at, row.request, msgspec.json.encode(row)) for row in rows],
            )
            if now - self._pruned >= _EVERY:
                self._pruned = now
                database.execute("delete from decisions where at < ?", (now - self.keep,))
                database.execute(
                    "delete from decisions where rowid <= (select max(rowid) from decisions) - ?",
                    (self.most,),
                )

    def _read(self, database: sqlite3.Connection, request: str) -> list[bytes]:
        query = "select kept from decisions where request = ? order by rowid desc limit ?"
        return [row[0] for row in database.execute(query, (request, TOLD_OF_ONE_ID))][::-1]

    def _try(self, work: Callable[[sqlite3.Connection], object]) -> None:
        try:
            if self._database is None:
                self._database = self._opened()
            work(self._database)
            self._said = ""
        except (sqlite3.Error, OSError) as error:
            if str(error) != self._said:
                self._said = str(error)
                _LOG.error("decisions cannot be kept in %s: %s; traffic goes on", self._path, error)
            if self._database is not None:
                with suppress(sqlite3.Error):
                    self._database.close()
                self._database = None
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
                self._path.unlink(missing_ok=True)  # damaged: only samples are in it

    def _opened(self) -> sqlite3.Connection:
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        database = sqlite3.connect(self._path, timeout=1.0, check_same_thread=False)
        database.execute("pragma journal_mode = wal")
        database.execute("pragma synchronous = off")
        database.executescript(_SCHEMA)
        return database
