"""What becomes of a verdict: counted, and of each signature some samples explained, redacted, stored and
logged. Redacts before anything is kept.

A broken or full store costs nothing but what it would have kept.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from typing import Literal

import msgspec

from gateway.capture import CapturedExchange
from gateway.shadowing.limit import TimeLimit, TookTooLong
from gateway.sinks import log_event
from shadow import (
    Batch,
    ComparedExchange,
    Comparison,
    Explainer,
    Observation,
    Redactor,
    RequestSnapshot,
    Verdict,
    mismatch_line,
    plain_observation,
    plain_request,
    subjects,
)

_log = logging.getLogger("banyan.shadow")
_BUSY = 32
_KEPT = 5
_KNOWN = 20_000
_LONGEST_VERSION = 64
_LARGEST_KEPT = 256 * 1024


class Findings:
    """``version_field``: the field of the new side's answers that names its release, in lower case, or
    empty. ``golden_verdicts`` is read by the metrics: (feature, side, verdict) → how many.

    Counting is done at once; a sample that is kept is explained and redacted beside, and nobody waits for it.
    """

    def __init__(
        self, redactor: Redactor, explainer: Explainer, limit: TimeLimit, version_field: bytes = b""
    ) -> None:
        self._limit = limit
        self._redactor = redactor
        self._explainer = explainer
        self._version_field = version_field
        self._keeping: set[asyncio.Task[None]] = set()
        self._batch = Batch()
        self._seen: Counter[str] = Counter()
        self._chance = random.Random()
        self.golden_verdicts: Counter[tuple[str, str, str]] = Counter()

    def shadowed(
        self, exchange: CapturedExchange, control: Observation, candidate: Observation, comparison: Comparison
    ) -> None:
        """The two sides were compared."""
        if not comparison.differences:
            self._batch.verdicts[exchange.feature, comparison.verdict] += 1
            return
        self._compared(exchange, control, candidate, comparison, "shadow")

    def against_golden(
        self, exchange: CapturedExchange, recorded: Observation, answer: Observation, comparison: Comparison
    ) -> None:
        """One side was compared with a recording."""
        self.golden_verdicts[exchange.feature, answer.side, comparison.verdict] += 1
        if comparison.verdict is Verdict.MISMATCH:
            self._compared(exchange, recorded, answer, comparison, "golden")

    async def idle(self) -> None:
        """Return when the samples under way are explained."""
        while self._keeping:
            await asyncio.wait(self._keeping)

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

    def _compared(
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
            keep = self._keep(wanted, exchange, control, candidate, comparison, against, version)
            task = asyncio.get_running_loop().create_task(keep)
            self._keeping.add(task)
            task.add_done_callback(self._keeping.discard)

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

    async def _keep(
        self,
        wanted: tuple[str, ...],
        exchange: CapturedExchange,
        control: Observation,
        candidate: Observation,
        comparison: Comparison,
        against: Literal["shadow", "golden"],
        version: str,
    ) -> None:
        deepdiff = None
        if comparison.verdict is Verdict.MISMATCH and len(self._keeping) <= _BUSY:
            deepdiff = await self._explainer.explain(*subjects(comparison))
        request, control, candidate = self._secret_free(exchange.request, control, candidate)
        kept = ComparedExchange(
            exchange.id,
            exchange.feature,
            exchange.template,
            exchange.at,
            request,
            control,
            candidate,
            comparison,
            deepdiff,
            against,
            version,
        )
        self._batch.keep(wanted, kept)
        if comparison.verdict is Verdict.MISMATCH:
            log_event(_log, "mismatch", mismatch_line(kept), logging.WARNING)

    def _secret_free(
        self, request: RequestSnapshot, control: Observation, candidate: Observation
    ) -> tuple[RequestSnapshot, Observation, Observation]:
        """All three without secrets. What takes too long to be looked through, for its size or its poison,
        is kept without the bodies: the differences are told by their own excerpts.
        """
        redact = self._redactor
        try:
            with self._limit.over(0):
                return (
                    redact.request(_kept_request(plain_request(request))),
                    redact.observation(_kept(plain_observation(control))),
                    redact.observation(_kept(plain_observation(candidate))),
                )
        except TookTooLong:
            return (
                redact.request(_without_body(request)),
                redact.observation(_bodiless(control)),
                redact.observation(_bodiless(candidate)),
            )


def _kept_request(request: RequestSnapshot) -> RequestSnapshot:
    return _without_body(request) if len(request.body) > _LARGEST_KEPT else request


def _kept(side: Observation) -> Observation:
    return _bodiless(side) if len(side.body) > _LARGEST_KEPT else side


def _without_body(request: RequestSnapshot) -> RequestSnapshot:
    return msgspec.structs.replace(request, body=b"", body_cut=True)


def _bodiless(side: Observation) -> Observation:
    return msgspec.structs.replace(side, body=b"", cut=True)
