"""What becomes of a verdict: counted, and a mismatch explained, stored and logged. Redacts before
anything is kept.

A broken store costs nothing but what it would have kept.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import Literal

from gateway.capture import CapturedExchange
from gateway.sinks import log_event
from shadow import (
    ComparedExchange,
    Comparison,
    Explainer,
    Observation,
    Redactor,
    ResultStore,
    Verdict,
    mismatch_line,
    subjects,
)

_log = logging.getLogger("banyan.shadow")
_BUSY = 32


class Findings:
    """``verdicts`` and ``golden_verdicts`` are read by the metrics: (feature, verdict) → how many."""

    def __init__(self, store: ResultStore, redactor: Redactor, explainer: Explainer) -> None:
        self._store = store
        self._redactor = redactor
        self._explainer = explainer
        self._explaining = 0
        self._uncounted: Counter[tuple[str, Verdict]] = Counter()
        self.verdicts: Counter[tuple[str, str]] = Counter()
        self.golden_verdicts: Counter[tuple[str, str]] = Counter()

    async def shadowed(
        self, exchange: CapturedExchange, control: Observation, candidate: Observation, comparison: Comparison
    ) -> None:
        """The two sides were compared."""
        self.verdicts[exchange.feature, comparison.verdict] += 1
        if comparison.verdict is Verdict.MISMATCH:
            await self._keep(exchange, control, candidate, comparison, "shadow")
        else:
            self._uncounted[exchange.feature, comparison.verdict] += 1

    async def against_golden(
        self, exchange: CapturedExchange, recorded: Observation, answer: Observation, comparison: Comparison
    ) -> None:
        """One side was compared with a recording."""
        self.golden_verdicts[exchange.feature, comparison.verdict] += 1
        if comparison.verdict is Verdict.MISMATCH:
            await self._keep(exchange, recorded, answer, comparison, "golden")

    def not_compared(self, exchange: CapturedExchange, verdict: Verdict) -> None:
        """There was nothing to compare."""
        self.verdicts[exchange.feature, verdict] += 1
        self._uncounted[exchange.feature, verdict] += 1

    def write_counts(self, at: float) -> None:
        """Put the counts since the last call into the store. ``at`` in seconds since 1970."""
        counts, self._uncounted = self._uncounted, Counter()
        for (feature, verdict), times in counts.items():
            self._store.count(feature, verdict, at, times)

    async def _keep(
        self,
        exchange: CapturedExchange,
        control: Observation,
        candidate: Observation,
        comparison: Comparison,
        against: Literal["shadow", "golden"],
    ) -> None:
        deepdiff = None
        if self._explaining < _BUSY:
            self._explaining += 1
            try:
                deepdiff = await self._explainer.explain(*subjects(comparison))
            finally:
                self._explaining -= 1
        redact = self._redactor
        result = ComparedExchange(
            exchange.id,
            exchange.feature,
            exchange.template,
            exchange.at,
            redact.request(exchange.request),
            redact.observation(control),
            redact.observation(candidate),
            comparison,
            deepdiff,
            against,
        )
        self._store.record(result)
        log_event(_log, "mismatch", mismatch_line(result), logging.WARNING)
