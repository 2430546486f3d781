"""What comparing found, as an operator asks for it: signatures, samples, noise, the use of rules; and the one
thing that can be done to them, to acknowledge. Told which store to use; the store wants one thread at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from flags import Entry, FlagsError, Ledger
from gateway.control.errors import Invalid, NotFound, Unavailable
from gateway.control.samples import moment, sample_view
from shadow import (
    ComparedExchange,
    Results,
    Rules,
    RulesError,
    Signature,
    Verdict,
    by_weight,
    load_rules,
)

if TYPE_CHECKING:
    from gateway.config import Config

__all__ = ["FindingsDesk"]

_ALL: Final = 10_000
_LONGEST: Final = timedelta(days=366)
_COMPARED: Final = (Verdict.MATCH, Verdict.NOISE, Verdict.ACCEPTED, Verdict.MISMATCH)


class FindingsDesk:
    """`config` gives the configuration in force."""

    def __init__(self, results: Results, ledger: Ledger, config: Callable[[], Config]) -> None:
        self._results = results
        self._ledger = ledger
        self._config = config
        self._held = threading.Lock()

    def signatures(self, feature: str | None, limit: int, *, examples: bool = False) -> list[dict[str, Any]]:
        """Signatures of mismatches, those first that a person should read first."""
        with self._held:
            found = self._results.signatures(feature, _ALL)
            self._insist()
        now = time.time()
        found.sort(key=lambda one: (one.is_acknowledged(now), by_weight(one)))
        return [self._row(one, now, example=examples) for one in found[:limit]]

    def sample(self, signature: str) -> dict[str, Any]:
        """One signature's sample, with the rules that excused parts of it."""
        with self._held:
            sample = self._results.sample(signature)
            found = next((one for one in self._results.signatures(None, _ALL) if one.id == signature), None)
            self._insist()
        if sample is None:
            nothing = f"There is no signature {signature!r}; `banyan diffs` lists them."
            raise NotFound(_sampleless(found) if found else nothing)
        seen = self._row(found, time.time(), example=False) if found else None
        return {**sample_view(sample), "signature": seen, "rules": self._rules_of(sample)}

    def samples(self, signature: str | None, limit: int) -> list[ComparedExchange]:
        """Samples as they were stored: of one signature, of a rule (`rule:ID`), or of everything."""
        with self._held:
            samples = self._results.samples(signature) if signature else self._results.stored(limit)
            self._insist()
            return samples[:limit]

    def noise(self, feature: str | None) -> list[dict[str, Any]]:
        """Where the control differs from itself, with the evidence, noise first."""
        with self._held:
            found = self._results.noise(feature)
            self._insist()
        rows = [
            {
                **msgspec.to_builtins(one),
                "id": one.id,
                "control_bounds": one.control_bounds,
                "candidate_bounds": one.candidate_bounds,
                "is_noise": one.is_noise,
                "op": one.op,
            }
            for one in found
        ]
        return sorted(rows, key=lambda row: not row["is_noise"])

    def rule_use(self) -> dict[str, Any]:
        """Where each rule excused something, and how many comparisons there were by feature."""
        with self._held:
            hits = self._results.rule_hits()
            counts = {one.name: self._results.counts(one.name) for one in self._config().features}
            self._insist()
        compared = {name: sum(count[verdict] for verdict in _COMPARED) for name, count in counts.items()}
        return {"hits": msgspec.to_builtins(hits), "compared": compared}

    def acknowledge(self, signature: str, until: date | None, *, reason: str, actor: str) -> dict[str, Any]:
        """Somebody has seen it: it is not shown again before the day after `until`; None takes that back."""
        today = datetime.now(UTC).date()
        if until is not None and not today <= until <= today + _LONGEST:
            raise Invalid("until", f"a day from {today} to {today + _LONGEST}")
        if not reason.strip():
            raise Invalid("reason", "why, for whoever reads it later")
        before = self._known(signature)
        end = datetime(until.year, until.month, until.day, tzinfo=UTC) + timedelta(days=1) if until else None
        with self._held:
            kept = self._results.acknowledge(
                signature, end.timestamp() if end else 0.0, actor, reason, time.time()
            )
        if not kept:
            raise Unavailable("The result store cannot be written; nothing was acknowledged.")
        self._write_down(before, until, reason, actor)
        return self._row(self._known(signature), time.time(), example=False)

    def _insist(self) -> None:
        """A store that cannot be read must not look like one in which nothing differs."""
        if trouble := self._results.trouble:
            raise Unavailable(
                f"The result store cannot be read, so nobody knows what differs: {trouble}. "
                "Comparing and its counts go on; see docs/operations.md."
            )

    def _write_down(self, before: Signature, until: date | None, reason: str, actor: str) -> None:
        action = "acknowledge" if until else "unacknowledge"
        old = _day(before.acknowledged_until)
        new = until.isoformat() if until else None
        what = f"{before.route} {before.path} {before.kind}"
        entry = Entry(actor, action, before.feature, old, new, reason, {"signature": before.id, "what": what})
        try:
            self._ledger.append(entry)
        except FlagsError as error:
            raise Unavailable(f"It is acknowledged, but the ledger cannot be written: {error}") from error

    def _known(self, signature: str) -> Signature:
        with self._held:
            found = next((one for one in self._results.signatures(None, _ALL) if one.id == signature), None)
            self._insist()
        if found is None:
            raise NotFound(f"There is no signature {signature!r}; `banyan diffs` lists them.")
        return found

    def _row(self, one: Signature, now: float, *, example: bool) -> dict[str, Any]:
        row: dict[str, Any] = msgspec.to_builtins(one)
        row |= {
            "rate": round(one.rate(now), 3),
            "trend": one.trend,
            "acknowledged": one.is_acknowledged(now),
        }
        for name in ("first_seen", "last_seen", "acknowledged_until"):
            row[name] = moment(row[name]) if row[name] else None
        if example:
            row["example"] = self._example(one)
        return row

    def _example(self, one: Signature) -> dict[str, Any] | None:
        with self._held:
            sample = self._results.sample(one.id)
        if sample is None:
            return None
        for each in sample.comparison.unexcused:
            if (each.path, each.kind) == (one.path, one.kind):
                sides = {"control_side": sample.control.side, "candidate_side": sample.candidate.side}
                return {"control": each.control, "candidate": each.candidate, **sides}
        return None

    def _rules_of(self, sample: ComparedExchange) -> dict[str, dict[str, str]]:
        named = {each.excused_by for each in sample.comparison.differences if each.excused_by}
        return {
            rule.id: {"op": rule.op, "owner": rule.owner, "expires": str(rule.expires), "reason": rule.reason}
            for rule in self._rules().rules
            if rule.id in named
        }

    def _rules(self) -> Rules:
        try:
            return load_rules(Path(self._config().shadow.rules))
        except RulesError:
            return Rules()


def _sampleless(one: Signature) -> str:
    """Counting is done at once and a sample follows when it is explained: a process may end in between."""
    return (
        f"Of signature {one.id!r} ({one.feature}, {one.route}, {one.path} {one.kind}; seen {one.count} "
        f"times, last {moment(one.last_seen)}) no sample is kept: it was lost with the process that held it, "
        "or there was no room for it. Ask again when it has been seen again."
    )


def _day(end: float) -> str | None:
    return (datetime.fromtimestamp(end, UTC) - timedelta(days=1)).date().isoformat() if end else None
