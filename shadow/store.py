"""Keeps what comparing found: counts, signatures, samples, in one SQLite file. It must not know how to
compare.

Several processes write to it at once (write-ahead log, short transactions). A full, read-only, locked or
broken store never stops comparing: what could not be kept is counted in ``lost``. Bounded by age and by size.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from shadow import store_schema as sql
from shadow.comparison import Comparison, Difference
from shadow.model import Observation, RequestSnapshot
from shadow.result import ComparedExchange, signature_id, status_pair
from shadow.verdict import Kind, Severity, Verdict

T = TypeVar("T")

SAMPLES = 5
MAX_SIGNATURES_PER_EXCHANGE = 50
MAX_STORED_BODY = 64 * 1024
MAX_SIGNATURES = 10_000
_PRUNE_EVERY = 200
_PAUSE = 1.0
_DAY = 86_400.0


class Signature(msgspec.Struct, frozen=True):
    """Mismatches that are one thing. Times are in seconds since 1970; ``status_pair`` is
    ``control/candidate``.
    """

    id: str
    feature: str
    route: str
    status_pair: str
    path: str
    kind: Kind
    severity: Severity
    count: int
    first_seen: float
    last_seen: float


class ResultStore:
    """The store in the file ``path``. Open one in each process, and use it from one thread at a time.

    ``ttl`` is in seconds, ``max_bytes`` bounds the file, ``busy_timeout`` (seconds) how long another process
    may hold it.
    """

    def __init__(
        self,
        path: Path,
        *,
        ttl: float = 30 * _DAY,
        max_bytes: int = 256 * 1024 * 1024,
        busy_timeout: float = 0.25,
        chance: random.Random | None = None,
    ) -> None:
        self._path, self._ttl, self._max_bytes, self._busy_timeout = path, ttl, max_bytes, busy_timeout
        self._chance = chance or random.Random()
        self._connection: sqlite3.Connection | None = None
        self._written = 0
        self._resume_at = 0.0
        self.lost = 0

    def record(self, result: ComparedExchange) -> bool:
        """Keep one compared exchange; False (and one more in ``lost``) when that was not possible. Never
        raises.
        """
        verdict = result.comparison.verdict

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(sql.COUNT, (result.feature, int(result.at // 60), verdict.value, 1))
            if verdict is Verdict.MISMATCH:
                self._sign(connection, result)

        return self._write(write, result.at)

    def count(self, feature: str, verdict: Verdict, at: float, times: int = 1) -> bool:
        """Count verdicts of exchanges that were not compared (``dropped``), at ``at`` seconds since 1970."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(sql.COUNT, (feature, int(at // 60), verdict.value, times))

        return self._write(write, at, times)

    def wants_sample(self, feature: str, route: str, pair: str, comparison: Comparison) -> bool:
        """Whether a signature of this mismatch has room for samples, so that explaining it in detail is worth
        the time.
        """
        ids = [
            signature_id(feature, route, pair, each)
            for each in comparison.unexcused[:MAX_SIGNATURES_PER_EXCHANGE]
        ]
        known = self._read(lambda connection: [_count_of(connection, id_) for id_ in ids], [0])
        return any(count < SAMPLES or self._chance.random() < SAMPLES / count for count in known)

    def signatures(self, feature: str | None = None, limit: int = 100) -> list[Signature]:
        """The signatures of one feature, or of all, last seen first."""
        return [msgspec.convert(_named(row), Signature) for row in self._rows(sql.LIST, (feature, limit))]

    def sample(self, signature: str) -> ComparedExchange | None:
        """One sample of a signature, the most recent one kept."""
        return next(iter(self.samples(signature)), None)

    def samples(self, signature: str) -> list[ComparedExchange]:
        """All samples kept of a signature, newest first."""
        rows = self._rows(sql.SAMPLES, (signature,))
        return [msgspec.json.decode(content, type=ComparedExchange) for (content,) in rows]

    def counts(self, feature: str | None = None, since: float = 0.0) -> dict[Verdict, int]:
        """How often each verdict was reached since ``since`` (seconds since 1970); every verdict is a key."""
        totals = dict.fromkeys(Verdict, 0)
        for minute in self.minutes(feature, since).values():
            for verdict, count in minute.items():
                totals[verdict] += count
        return totals

    def minutes(self, feature: str | None = None, since: float = 0.0) -> dict[int, dict[Verdict, int]]:
        """The same by minute (seconds since 1970 at its start), in order."""
        rows = self._rows(sql.MINUTES, (feature, int(since // 60)))
        minutes: dict[int, dict[Verdict, int]] = {}
        for minute, verdict, count in rows:
            minutes.setdefault(minute * 60, {})[Verdict(verdict)] = count
        return minutes

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _sign(self, connection: sqlite3.Connection, result: ComparedExchange) -> None:
        taken = False
        for difference in result.comparison.unexcused[:MAX_SIGNATURES_PER_EXCHANGE]:
            id_, count = self._seen(connection, result, difference)
            slot = count - 1 if count <= SAMPLES else self._chance.randrange(count)
            if slot < SAMPLES:
                connection.execute("INSERT OR REPLACE INTO samples VALUES (?, ?, ?)", (id_, slot, result.id))
                taken = True
        if taken:
            content = msgspec.json.encode(_bounded(result))
            connection.execute(
                "INSERT OR REPLACE INTO exchanges VALUES (?, ?, ?)", (result.id, result.at, content)
            )

    def _seen(
        self, connection: sqlite3.Connection, result: ComparedExchange, difference: Difference
    ) -> tuple[str, int]:
        pair = status_pair(result)
        id_ = signature_id(result.feature, result.route, pair, difference)
        words = (
            id_,
            result.feature,
            result.route,
            pair,
            difference.path,
            difference.kind.value,
            difference.severity.value,
        )
        (count,) = connection.execute(sql.SEEN, (*words, result.at, result.at)).fetchone()
        return id_, count

    def _write(self, write: Callable[[sqlite3.Connection], None], at: float, times: int = 1) -> bool:
        if at < self._resume_at:
            self.lost += times
            return False
        try:
            with self._transaction() as connection:
                if self._written % _PRUNE_EVERY == 0:
                    self._prune(connection, at)
                write(connection)
            self._written += 1
        except (sqlite3.Error, OSError, msgspec.MsgspecError, UnicodeError) as problem:
            self._failed(problem, at, times)
            return False
        return True

    def _failed(self, problem: Exception, at: float, times: int) -> None:
        """Count the loss. A store in trouble is left alone for a second, and is pruned first after that."""
        self.lost += times
        self._written = 0
        if isinstance(problem, (sqlite3.Error, OSError)):
            self._resume_at = at + _PAUSE
            self.close()

    def _rows(self, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        return self._read(lambda connection: connection.execute(query, values).fetchall(), [])

    def _read(self, read: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        try:
            return read(self._open())
        except (sqlite3.Error, OSError):
            self.close()
            return otherwise

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
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
        bounds = {"oldest": at - self._ttl, "signatures": MAX_SIGNATURES}
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


def _named(row: tuple[object, ...]) -> dict[str, object]:
    return dict(zip(Signature.__struct_fields__, row, strict=True))


def _count_of(connection: sqlite3.Connection, signature: str) -> int:
    row = connection.execute("SELECT count FROM signatures WHERE id = ?", (signature,)).fetchone()
    return int(row[0]) if row else 0


def _bounded(result: ComparedExchange) -> ComparedExchange:
    return msgspec.structs.replace(
        result,
        request=_short_request(result.request),
        control=_short(result.control),
        candidate=_short(result.candidate),
    )


def _short_request(request: RequestSnapshot) -> RequestSnapshot:
    if len(request.body) <= MAX_STORED_BODY:
        return request
    return msgspec.structs.replace(request, body=request.body[:MAX_STORED_BODY], body_cut=True)


def _short(side: Observation) -> Observation:
    if len(side.body) <= MAX_STORED_BODY:
        return side
    return msgspec.structs.replace(side, body=side.body[:MAX_STORED_BODY], cut=True)
