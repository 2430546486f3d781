"""The judge, asked about features as they are configured and dialled: its answer is remembered until evidence
or dial change. Acts on nothing.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from flags import FULL, EvidenceHistory, FlagSnapshot, GuardLimits, Judgement, SideCounts, Totals, weigh
from gateway.control.evidence_book import EvidenceBook
from gateway.core.latency import LATENCY_BOUNDS

if TYPE_CHECKING:
    from gateway.config import Feature, Guard

__all__ = ["JudgeDesk", "evidence_of", "limits_of"]


class _Case(NamedTuple):
    """What an answer depends on. `alone`: the dial leaves nobody on legacy."""

    changes: int
    limits: GuardLimits
    users: bool
    shadow: bool
    alone: bool


class JudgeDesk:
    """Weighs the evidence of one book."""

    def __init__(self, book: EvidenceBook) -> None:
        self._book = book
        self._said: dict[str, tuple[_Case, Judgement]] = {}
        # A thread of its own: those that everybody shares may all wait for a disk.
        self._thread = ThreadPoolExecutor(1, "judge")

    def judgement(self, feature: Feature, snapshot: FlagSnapshot) -> Judgement:
        """What the judge says now."""
        case = self._case(feature, snapshot)
        said = self._said.get(feature.name)
        if said is None or said[0] != case:
            said = case, _weigh(case, *self._seen(feature.name))
            self._said[feature.name] = said
        return said[1]

    async def judgement_aside(self, feature: Feature, snapshot: FlagSnapshot) -> Judgement:
        """The same; where there is something to weigh, not on this loop."""
        case = self._case(feature, snapshot)
        said = self._said.get(feature.name)
        if said is None or said[0] != case:
            loop = asyncio.get_running_loop()
            weighed = await loop.run_in_executor(self._thread, _weigh, case, *self._seen(feature.name))
            said = case, weighed
            self._said[feature.name] = said
        return said[1]

    def _case(self, feature: Feature, snapshot: FlagSnapshot) -> _Case:
        percent = snapshot.feature(feature.name).percent
        shadow = feature.shadow.percent > 0 and not (
            (feature.shadow.direction == "legacy-to-new" and percent >= FULL)
            or (feature.shadow.direction == "new-to-legacy" and not percent)
        )
        return _Case(
            self._book.changes(feature.name), limits_of(feature.guard), percent > 0, shadow, percent >= FULL
        )

    def _seen(self, feature: str) -> tuple[EvidenceHistory, Totals]:
        return self._book.history(feature), self._book.seen(feature)


def _weigh(case: _Case, history: EvidenceHistory, seen: Totals) -> Judgement:
    if case.alone:  # what legacy still answered while the dial went up is nothing to compare with
        seen = msgspec.structs.replace(seen, legacy=SideCounts())
    return weigh(history, case.limits, LATENCY_BOUNDS, users=case.users, shadow=case.shadow, step=seen)


def limits_of(guard: Guard) -> GuardLimits:
    """A feature's limits as the judge takes them."""
    return GuardLimits(
        guard.max_error_rate,
        guard.max_p95,
        guard.max_mismatch_rate,
        guard.min_samples,
        guard.max_p95_ratio,
        guard.alpha,
        guard.beta,
    )


def evidence_of(judgement: Judgement) -> dict[str, Any]:
    """What the ledger keeps of a judgement."""
    return {
        "outcome": str(judgement.outcome),
        "reasons": list(judgement.reasons),
        "guards": {
            one.guard: {
                "outcome": str(one.outcome),
                "value": one.value,
                "low": one.low,
                "high": one.high,
                "limit": one.limit,
                "samples": one.samples,
            }
            for one in judgement.findings
        },
    }
