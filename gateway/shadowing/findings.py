"""What becomes of a verdict: counted, and of each signature some samples explained, redacted, stored and
logged. Redacts before anything is kept.

A broken or full store costs nothing but what it would have kept.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from typing import Literal

from gateway.capture import CapturedExchange
from gateway.sinks import log_event
from shadow import (
    Batch,
    ComparedExchange,
    Comparison,
    Explainer,
    Observation,
    Redactor,
    Verdict,
    mismatch_line,
    subjects,
)

_log = logging.getLogger("banyan.shadow")
_BUSY = 32
_KEPT = 5
_KNOWN = 20_000
_LONGEST_VERSION = 64


class Findings:
    """``version_field``: the field of the new side's answers that names its release, in lower case, or
    empty. ``golden_verdicts`` is read by the metrics: (feature, side, verdict) → how many."""

    def __init__(self, redactor: Redactor, explainer: Explainer, version_field: bytes = b"") -> None:
        self._redactor = redactor
        self._explainer = explainer
        self._version_field = version_field
        self._explaining = 0
        self._batch = Batch()
        self._seen: Counter[str] = Counter()
        self._chance = random.Random()
        self.golden_verdicts: Counter[tuple[str, str, str]] = Counter()

    async def shadowed(
        self, exchange: CapturedExchange, control: Observation, candidate: Observation, comparison: Comparison
    ) -> None:
        """The two sides were compared."""
        await self._compared(exchange, control, candidate, comparison, "shadow")

    async def against_golden(
        self, exchange: CapturedExchange, recorded: Observation, answer: Observation, comparison: Comparison
    ) -> None:
        """One side was compared with a recording."""
        self.golden_verdicts[exchange.feature, answer.side, comparison.verdict] += 1
        if comparison.verdict is Verdict.MISMATCH:
            await self._compared(exchange, recorded, answer, comparison, "golden")

    def not_compared(self, exchange: CapturedExchange, verdict: Verdict) -> None:
        """There was nothing to compare."""
        self._batch.verdicts[exchange.feature, verdict] += 1

    def twice(self, exchange: CapturedExchange, itself: Comparison, comparison: Comparison) -> None:
        """The control was asked twice: how its answers differ, and how the candidate's does."""
        self._batch.twice(exchange.feature, exchange.template, itself, comparison)

    def take_batch(self) -> Batch:
        """Everything since the last call, to be written down."""
        batch, self._batch = self._batch, Batch()
        return batch

    async def _compared(
        self,
        exchange: CapturedExchange,
        control: Observation,
        candidate: Observation,
        comparison: Comparison,
        against: Literal["shadow", "golden"],
    ) -> None:
        version = self._version(control, candidate)
        pair = f"{control.status}/{candidate.status}"
        batch = self._batch
        if against == "shadow":
            found = batch.compared(
                exchange.feature, exchange.template, pair, version, comparison, exchange.at
            )
        else:  # its verdict is counted apart
            before = batch.verdicts[exchange.feature, comparison.verdict]
            found = batch.compared(
                exchange.feature, exchange.template, pair, version, comparison, exchange.at
            )
            batch.verdicts[exchange.feature, comparison.verdict] = before
        names = [each.id for each in found]
        names += {f"rule:{each.excused_by}": None for each in comparison.differences if each.excused_by}
        wanted = tuple(name for name in names if self._wants(name))
        if wanted:
            kept = await self._kept(exchange, control, candidate, comparison, against, version)
            self._batch.samples.append((wanted, kept))
            if comparison.verdict is Verdict.MISMATCH:
                log_event(_log, "mismatch", mismatch_line(kept), logging.WARNING)

    def _wants(self, name: str) -> bool:
        """Whether one more sample belongs into this reservoir."""
        if len(self._seen) >= _KNOWN:
            self._seen.clear()
        self._seen[name] += 1
        seen = self._seen[name]
        return seen <= _KEPT or self._chance.randrange(seen) < _KEPT

    def _version(self, control: Observation, candidate: Observation) -> str:
        """The release of the new side, by its answer."""
        if not self._version_field:
            return ""
        side = control if control.side == "new" else candidate
        for name, value in side.headers:
            if name.lower() == self._version_field:
                return self._redactor.text(value.decode("latin-1").strip())[:_LONGEST_VERSION]
        return ""

    async def _kept(
        self,
        exchange: CapturedExchange,
        control: Observation,
        candidate: Observation,
        comparison: Comparison,
        against: Literal["shadow", "golden"],
        version: str,
    ) -> ComparedExchange:
        deepdiff = None
        if comparison.verdict is Verdict.MISMATCH and self._explaining < _BUSY:
            self._explaining += 1
            try:
                deepdiff = await self._explainer.explain(*subjects(comparison))
            finally:
                self._explaining -= 1
        redact = self._redactor
        return ComparedExchange(
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
            version,
        )
