"""Findings in a Redis that several machines share: one set of signatures, samples, noise and acknowledgements
for all.

The same promises as the file of one machine (`ResultStore`): nothing here raises for trouble with Redis,
``lost`` counts what was not kept, and a Redis in trouble is left alone for a second. Bounded by age, number
and bytes.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import msgspec
from redis import Redis
from redis.exceptions import RedisError

from shadow.batch import Batch
from shadow.noise import NoiseEvidence
from shadow.result import ComparedExchange
from shadow.rule_use import RuleHit
from shadow.signature import Signature
from shadow.store import SAMPLES, bounded
from shadow.store_file import MAX_SIGNATURES
from shadow.store_schema import SLOT_SECONDS, SLOTS_KEPT
from shadow.stores import redis_scripts as lua
from shadow.verdict import Kind, Severity, Verdict

T = TypeVar("T")
_DAY = 86_400
_PAUSE = 1.0


class RedisResults:
    """Findings below ``prefix``. ``client`` has limits of its own on connecting and on each answer; ``ttl``
    is in seconds, ``max_bytes`` bounds the samples.
    """

    def __init__(
        self,
        client: Redis,
        prefix: str,
        *,
        ttl: float = 30 * _DAY,
        max_bytes: int = 64 * 1024 * 1024,
        chance: random.Random | None = None,
    ) -> None:
        self._client: Any = client  # the library's types know no scripts
        self._prefix, self._ttl, self._max_bytes = prefix, int(ttl), max_bytes
        self._chance = chance or random.Random()
        self._resume_at = 0.0
        self.lost = 0
        self.trouble = ""

    # --- writing ----------------------------------------------------------------------------------

    def write(self, batch: Batch, at: float) -> bool:
        """Keep all of ``batch``, or nothing of it and False. ``at``: seconds since 1970."""
        if time.monotonic() < self._resume_at:
            self.lost += len(batch)
            return False
        try:
            contents = [msgspec.json.encode(bounded(exchange)) for _, exchange in batch.samples]
            packed = self._packed(batch, at)
            self._client.eval(lua.WRITE, 1, self._prefix, packed, *contents)
        except (RedisError, OSError, ValueError, msgspec.MsgspecError, UnicodeError):
            self._resume_at = time.monotonic() + _PAUSE
            self.lost += len(batch)
            return False
        return True

    def _packed(self, batch: Batch, at: float) -> bytes:
        minute = int(at // 60) * 60
        seen = []
        for occurrence, times in batch.occurrences.items():
            id_, feature, route, pair, path, kind, severity, version = occurrence
            first, last = batch.seen.get(occurrence, (at, at))
            seen.append(
                {
                    "id": id_,
                    "words": _field(feature, route, pair, path, kind),
                    "severity": severity,
                    "count": times,
                    "first": repr(first),
                    "last": repr(last),
                    "slot": int(last // SLOT_SECONDS),
                    "version": version,
                }
            )
        return msgspec.json.encode(
            {
                "ttl": self._ttl,
                "oldest": at - self._ttl,
                "most": MAX_SIGNATURES,
                "bytes": self._max_bytes,
                "slots": SAMPLES,
                "kept": SLOTS_KEPT,
                "day": int(at // _DAY),
                "counts": [
                    [_field(feature, verdict), _field(feature, verdict, minute), times]
                    for (feature, verdict), times in batch.verdicts.items()
                ],
                "seen": seen,
                "hits": [[_field(*key), times, repr(at), repr(at)] for key, times in batch.hits.items()],
                "runs": [[_field(*key), times] for key, times in batch.runs.items()],
                "noise": [[_field(*key), *count] for key, count in batch.noise.items()],
                "samples": [
                    {
                        "id": exchange.id,
                        "at": exchange.at,
                        "names": [[name, self._chance.randrange(SAMPLES)] for name in names],
                    }
                    for names, exchange in batch.samples
                ],
            }
        )

    def acknowledge(self, signature: str, until: float, actor: str, reason: str, at: float) -> bool:
        """Somebody has seen it and will not be told again before ``until``; 0.0 takes that back."""
        said = msgspec.json.encode([until, actor, reason])

        def keep() -> bool:
            self._client.hset(self._prefix + "acknowledged", signature, said)
            return True

        return self._asked(keep, False)

    # --- reading ----------------------------------------------------------------------------------

    def signatures(
        self, feature: str | None = None, limit: int = 100, now: float | None = None
    ) -> list[Signature]:
        """The signatures of one feature, or of all, last seen first; their trend is that of ``now``."""
        slot = int((time.time() if now is None else now) // SLOT_SECONDS)
        rows: list[Any] = self._asked(lambda: self._client.eval(lua.SIGNATURES, 1, self._prefix), [])
        found = (_signature(row, slot) for row in rows)
        return [one for one in found if one is not None and feature in (None, one.feature)][:limit]

    def sample(self, signature: str) -> ComparedExchange | None:
        """One sample of a signature, the most recent one kept."""
        return next(iter(self.samples(signature)), None)

    def samples(self, signature: str) -> list[ComparedExchange]:
        """All samples kept of a signature (or of ``rule:ID``), newest first."""
        return _exchanges(self._asked(lambda: self._client.eval(lua.SAMPLES, 1, self._prefix, signature), []))

    def stored(self, limit: int = 1000) -> list[ComparedExchange]:
        """All samples there are, newest first."""
        return _exchanges(self._asked(lambda: self._client.eval(lua.STORED, 1, self._prefix, limit), []))

    def rule_hits(self) -> list[RuleHit]:
        """Where each rule excused something."""
        found = []
        for field, value in self._all("hits").items():
            rule, feature, path, kind = _words(field)
            count, first, last = value.split()
            found.append(RuleHit(rule, feature, path, kind, int(count), float(first), float(last)))
        return sorted(found, key=lambda hit: (hit.rule, -hit.count, hit.feature, hit.path, hit.kind))

    def noise(self, feature: str | None = None, limit: int = 1000) -> list[NoiseEvidence]:
        """Where the control differed from itself, or the candidate from it, when it was asked twice."""
        runs = {tuple(_words(field)): int(times) for field, times in self._all("runs").items()}
        found = []
        for field, value in self._all("noise").items():
            name, route, path, kind = _words(field)
            if feature in (None, name):
                control, candidate, same = (int(word) for word in value.split())
                of = runs.get((name, route), 0)
                found.append(NoiseEvidence(name, route, path, kind, control, candidate, same, of))
        found.sort(key=lambda one: (-one.control, one.feature, one.route, one.path, one.kind))
        return found[:limit]

    def counts(self, feature: str | None = None, since: float = 0.0) -> dict[Verdict, int]:
        """How often each verdict was reached since ``since`` (seconds since 1970), to the minute where that
        is less than two days ago, else to the day; every verdict is a key.
        """
        totals = dict.fromkeys(Verdict, 0)
        today = int(time.time() // _DAY)
        first = max(int(since // _DAY), today - self._ttl // _DAY)
        fine = today - first < 2
        for day in range(first, today + 2):
            for field, times in self._all(f"{'minutes' if fine else 'counts'}:{day}").items():
                name, verdict, *minute = _words(field)
                if feature in (None, name) and (not minute or minute[0] >= since // 60 * 60):
                    totals[Verdict(verdict)] += int(times)
        return totals

    def close(self) -> None:
        """Let go of the connection; the next use connects again."""
        self._client.close()

    def _all(self, name: str) -> dict[bytes, bytes]:
        return self._asked(lambda: cast("dict[bytes, bytes]", self._client.hgetall(self._prefix + name)), {})

    def _asked(self, ask: Callable[[], T], otherwise: T) -> T:
        if time.monotonic() < self._resume_at:
            return otherwise
        try:
            found = ask()
        except (RedisError, OSError, ValueError) as error:
            self._resume_at = time.monotonic() + _PAUSE
            self.trouble = " ".join(str(error).split())[:200] or type(error).__name__
            return otherwise
        self.trouble = ""
        return found


def _field(*words: object) -> str:
    return msgspec.json.encode(words).decode()


def _words(field: bytes) -> list[Any]:
    return cast("list[Any]", msgspec.json.decode(field))


def _signature(row: list[Any], slot: int) -> Signature | None:
    id_, flat, acknowledged = row
    fields: dict[bytes, bytes] = dict(zip(flat[::2], flat[1::2], strict=True))
    if b"words" not in fields:  # it has grown too old meanwhile
        return None
    slots = {int(name[2:]): int(times) for name, times in fields.items() if name.startswith(b"s:")}
    versions = [
        (float(first), float(last), name[2:].decode())
        for name, value in fields.items()
        if name.startswith(b"v:")
        for _, first, last in [value.split()]
    ]
    until, actor, reason = msgspec.json.decode(acknowledged) if acknowledged else (0.0, "", "")
    feature, route, pair, path, kind = _words(fields[b"words"])
    return Signature(
        id_.decode(),
        feature,
        route,
        pair,
        path,
        Kind(kind),
        Severity(fields[b"severity"].decode()),
        int(fields[b"count"]),
        float(fields[b"first"]),
        float(fields[b"last"]),
        min(versions, default=(0.0, 0.0, ""))[2],
        max(versions, key=lambda each: each[1], default=(0.0, 0.0, ""))[2],
        _sum(slots, slot - 6, slot),
        _sum(slots, slot - 12, slot - 6),
        until,
        actor,
        reason,
    )


def _sum(slots: dict[int, int], after: int, until: int) -> int:
    return sum(times for slot, times in slots.items() if after < slot <= until)


def _exchanges(contents: Iterable[bytes]) -> list[ComparedExchange]:
    found = [msgspec.json.decode(content, type=ComparedExchange) for content in contents if content]
    return sorted(found, key=lambda each: -each.at)
