"""Keeps what comparing found: counts, signatures, samples, hits of rules, noise. It must not know how to
compare.

One SQLite file (``store_file``); nothing here raises for trouble with it, ``lost`` counts what was not kept.
"""

from __future__ import annotations

import random
import sqlite3
import time
from pathlib import Path

import msgspec

from shadow import store_schema as sql
from shadow.batch import Batch, Occurrence
from shadow.model import Observation, RequestSnapshot
from shadow.noise import NoiseEvidence
from shadow.result import ComparedExchange, status_pair
from shadow.rule_use import RuleHit
from shadow.signature import Signature
from shadow.store_file import StoreFile
from shadow.verdict import Verdict

SAMPLES = 5
MAX_STORED_BODY = 64 * 1024
_DAY = 86_400.0


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
        self._file = StoreFile(path, ttl, max_bytes, busy_timeout)
        self._chance = chance or random.Random()

    @property
    def lost(self) -> int:
        """Findings that could not be kept."""
        return self._file.lost

    @property
    def trouble(self) -> str:
        """Why the last look found nothing, where that does not mean that nothing is there; else empty."""
        return self._file.trouble

    # --- writing ----------------------------------------------------------------------------------

    def write(self, batch: Batch, at: float) -> bool:
        """Keep all of ``batch``, or nothing of it and False. ``at``: seconds since 1970."""

        def write(connection: sqlite3.Connection) -> None:
            minute = int(at // 60)
            for (feature, verdict), times in batch.verdicts.items():
                connection.execute(sql.COUNT, (feature, minute, verdict.value, times))
            for occurrence, times in batch.occurrences.items():
                _seen(connection, occurrence, times, *batch.seen.get(occurrence, (at, at)))
            hits = [(*map(str, key), times, at, at) for key, times in batch.hits.items()]
            connection.executemany(sql.HIT, hits)
            connection.executemany(sql.RUNS, [(*key, times, at) for key, times in batch.runs.items()])
            connection.executemany(
                sql.NOISE, [(*map(str, key), *count, at) for key, count in batch.noise.items()]
            )
            for names, exchange in batch.samples:
                self._keep(connection, names, exchange)

        return self._file.write(write, at, len(batch))

    def record(self, result: ComparedExchange) -> bool:
        """Keep one compared exchange, counted and sampled; False when that was not possible. Never raises."""
        batch, pair = Batch(), status_pair(result)
        found = batch.compared(
            result.feature, result.route, pair, result.version, result.comparison, result.at
        )
        known = self._counts([each.id for each in found])
        taken = tuple(
            each.id
            for each in found
            if known.get(each.id, 0) < SAMPLES or self._chance.randrange(known[each.id] + 1) < SAMPLES
        )
        if taken:
            batch.keep(taken, result)
        return self.write(batch, result.at)

    def count(self, feature: str, verdict: Verdict, at: float, times: int = 1) -> bool:
        """Count verdicts of exchanges that were not compared (``dropped``), at ``at`` seconds since 1970."""
        batch = Batch()
        batch.verdicts[feature, verdict] = times
        return self.write(batch, at)

    def acknowledge(self, signature: str, until: float, actor: str, reason: str, at: float) -> bool:
        """Somebody has seen it and will not be told again before ``until``; 0.0 takes that back."""
        values = (signature, until, actor, reason, at)
        return self._file.write(lambda connection: _void(connection.execute(sql.ACKNOWLEDGE, values)), at)

    def _keep(
        self, connection: sqlite3.Connection, names: tuple[str, ...], exchange: ComparedExchange
    ) -> None:
        """Put a sample into the reservoirs it was chosen for."""
        for name in names:
            taken = connection.execute("SELECT slot FROM samples WHERE signature = ?", (name,)).fetchall()
            free = [slot for slot in range(SAMPLES) if (slot,) not in taken]
            slot = free[0] if free else self._chance.randrange(SAMPLES)
            connection.execute("INSERT OR REPLACE INTO samples VALUES (?, ?, ?)", (name, slot, exchange.id))
        content = msgspec.json.encode(bounded(exchange))
        connection.execute(
            "INSERT OR REPLACE INTO exchanges VALUES (?, ?, ?)", (exchange.id, exchange.at, content)
        )

    # --- reading ----------------------------------------------------------------------------------

    def signatures(
        self, feature: str | None = None, limit: int = 100, now: float | None = None
    ) -> list[Signature]:
        """The signatures of one feature, or of all, last seen first; their trend is that of ``now``."""
        slot = int((time.time() if now is None else now) // sql.SLOT_SECONDS)
        rows = self._file.rows(sql.LIST, (feature, limit, slot))
        names = Signature.__struct_fields__
        return [msgspec.convert(dict(zip(names, row, strict=True)), Signature) for row in rows]

    def sample(self, signature: str) -> ComparedExchange | None:
        """One sample of a signature, the most recent one kept."""
        return next(iter(self.samples(signature)), None)

    def samples(self, signature: str) -> list[ComparedExchange]:
        """All samples kept of a signature (or of ``rule:ID``), newest first."""
        return _exchanges(self._file.rows(sql.SAMPLES, (signature,)))

    def stored(self, limit: int = 1000) -> list[ComparedExchange]:
        """All samples there are, newest first."""
        return _exchanges(self._file.rows(sql.STORED, (limit,)))

    def rule_hits(self) -> list[RuleHit]:
        """Where each rule excused something."""
        return [RuleHit(*row) for row in self._file.rows(sql.HITS)]

    def noise(self, feature: str | None = None, limit: int = 1000) -> list[NoiseEvidence]:
        """Where the control differed from itself, or the candidate from it, when it was asked twice."""
        return [NoiseEvidence(*row) for row in self._file.rows(sql.NOISY, (feature, limit))]

    def counts(self, feature: str | None = None, since: float = 0.0) -> dict[Verdict, int]:
        """How often each verdict was reached since ``since`` (seconds since 1970); every verdict is a key."""
        totals = dict.fromkeys(Verdict, 0)
        for minute in self.minutes(feature, since).values():
            for verdict, count in minute.items():
                totals[verdict] += count
        return totals

    def minutes(self, feature: str | None = None, since: float = 0.0) -> dict[int, dict[Verdict, int]]:
        """The same by minute (seconds since 1970 at its start), in order."""
        minutes: dict[int, dict[Verdict, int]] = {}
        for minute, verdict, count in self._file.rows(sql.MINUTES, (feature, int(since // 60))):
            minutes.setdefault(minute * 60, {})[Verdict(verdict)] = count
        return minutes

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._file.close()

    def _counts(self, ids: list[str]) -> dict[str, int]:
        if not ids:
            return {}
        query = f"SELECT id, count FROM signatures WHERE id IN ({','.join('?' * len(ids))})"
        return dict(self._file.read(lambda connection: connection.execute(query, ids).fetchall(), []))


def _seen(
    connection: sqlite3.Connection, occurrence: Occurrence, times: int, first: float, last: float
) -> None:
    *words, version = occurrence
    connection.execute(sql.SEEN, (*map(str, words), times, first, last)).fetchone()
    connection.execute(sql.SEEN_SLOT, (occurrence.id, int(last // sql.SLOT_SECONDS), times))
    if version:
        connection.execute(sql.SEEN_VERSION, (occurrence.id, version, times, first, last))


def _exchanges(rows: list[tuple[bytes]]) -> list[ComparedExchange]:
    return [msgspec.json.decode(content, type=ComparedExchange) for (content,) in rows]


def _void(_: object) -> None:
    return None


def bounded(result: ComparedExchange) -> ComparedExchange:
    """The exchange with bodies that are short enough to be stored."""
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
