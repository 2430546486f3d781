"""One captured exchange from copy to verdict. The order of these steps is the order in which a session
happened.

Whatever goes wrong with one exchange costs one verdict: nothing here raises, and work on a pair that does not
come back is given up after a time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import date

import msgspec

from gateway.capture import CapturedExchange
from gateway.core.decision import Side
from gateway.shadowing.copy import CopySender
from gateway.shadowing.findings import Findings
from gateway.shadowing.limit import TimeLimit, TookTooLong
from gateway.shadowing.recording import LiveRecorder
from gateway.shadowing.rulebook import RuleBook
from gateway.shadowing.template import Templates
from gateway.shadowing.trust import Trust
from gateway.shadowing.twice import CONTROL, ControlTwice
from golden import GoldenIndex, JourneyState, Recording, compare_with_golden
from shadow import (
    AGAINST_CONFIDENCE,
    Comparison,
    MirrorBook,
    Observation,
    Redactor,
    RequestSnapshot,
    SessionMirror,
    Verdict,
    compare,
    is_itself,
    settle,
)

_log = logging.getLogger("banyan.shadow")
_UNKNOWN = "began before it was seen"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SHORTEST_DEADLINE = 1.0
"""Seconds that a shadow gets even when the primary took no time: a slower side is a finding, not a
timeout."""


class Pipeline:
    """``deadline`` caps the wait for the other side, in seconds; it gets twice the primary's time, but at
    least one second."""

    def __init__(
        self,
        senders: Mapping[Side, CopySender],
        trust: Trust,
        twice: ControlTwice,
        findings: Findings,
        rules: RuleBook,
        redactor: Redactor,
        goldens: GoldenIndex,
        mirrors: MirrorBook,
        recorder: LiveRecorder,
        limit: TimeLimit,
        deadline: float,
        today: Callable[[], date],
    ) -> None:
        self._senders = senders
        self._trust = trust
        self._twice = twice
        self._findings = findings
        self._rules = rules
        self._redactor = redactor
        self._goldens = goldens
        self._mirrors = mirrors
        self._recorder = recorder
        self._limit = limit
        self._deadline = deadline
        self._today = today
        self._templates = Templates()

    async def run(self, exchange: CapturedExchange, out_until: float = 0.0) -> Verdict:
        """Ask the other side what it would have answered, compare, and keep what was found. Never raises.

        ``out_until``: until when requests of this session may have been left out.
        """
        mirror = self._mirrors.find(exchange.key, exchange.request, exchange.begins, exchange.at)
        if mirror.born <= out_until:
            mirror.lose("the sample of sessions was lowered meanwhile")
            self._recorder.lost(exchange.key)
        try:
            route = self._templates.of(exchange.request.method, exchange.template, exchange.request.target)
            return await self._run(msgspec.structs.replace(exchange, template=route), mirror)
        except TookTooLong:
            reason = "a pair took too long to compare"
        except Exception:  # noqa: BLE001 - one pair must cost one pair
            _log.exception("an exchange could not be shadowed")
            reason = "an exchange could not be shadowed"
        mirror.lose(reason)
        self._findings.not_compared(exchange, Verdict.UNDETERMINED)
        return Verdict.UNDETERMINED

    async def _run(self, exchange: CapturedExchange, mirror: SessionMirror) -> Verdict:
        primary = exchange.answer
        side = Side(primary.side).other
        if mirror.primary not in ("", primary.side):
            mirror.lose("the session changed sides")
        mirror.primary = primary.side
        overlaps = 0.0 < exchange.began < mirror.write_ended
        if exchange.request.method not in _SAFE:
            mirror.write_ended = max(mirror.write_ended, exchange.at)
            if overlaps:
                mirror.lose("two writes of the session overlapped, and their order is not known")
        first = mirror.attachment is None and mirror.known_from_start
        recording = self._recording(exchange, mirror)
        await self._hold(exchange, recording, primary)
        refusal = await self._refusal(exchange.request, side)
        if refusal:
            self._recorder.take(exchange, mirror, None, first)
            mirror.lose(refusal)
            self._findings.not_compared(exchange, Verdict.UNDETERMINED)
            return Verdict.UNDETERMINED
        shadow, again = await self._ask(exchange, side, mirror)
        with self._limit():
            self._recorder.take(exchange, mirror, shadow, first)
            mirror.learn(exchange.request, primary, shadow)
        control, candidate = (primary, shadow) if side is Side.NEW else (shadow, primary)
        comparison = settle(self._compare(exchange, control, candidate), mirror)
        if overlaps and comparison.verdict is Verdict.MISMATCH:
            reason = "a write of the session overlapped with it"
            comparison = msgspec.structs.replace(
                comparison, verdict=Verdict.UNDETERMINED, severity=None, reason=reason
            )
        if again is not None and not again.error and comparison.verdict not in AGAINST_CONFIDENCE:
            comparison = self._told_from_noise(exchange, control, again, comparison)
        await self._findings.shadowed(exchange, control, candidate, comparison)
        if not shadow.error and mirror.known_from_start:
            await self._hold(exchange, recording, shadow)
        return comparison.verdict

    def _compare(
        self, exchange: CapturedExchange, control: Observation, candidate: Observation
    ) -> Comparison:
        with self._limit():
            return compare(
                exchange.request,
                control,
                candidate,
                self._rules.rules,
                feature=exchange.feature,
                route=exchange.template,
                today=self._today(),
                redactor=self._redactor,
            )

    def _told_from_noise(
        self, exchange: CapturedExchange, control: Observation, again: Observation, comparison: Comparison
    ) -> Comparison:
        itself = self._compare(exchange, control, again)
        if itself.verdict in AGAINST_CONFIDENCE:
            return comparison
        self._findings.twice(exchange, itself, comparison)
        if not is_itself(comparison, itself):
            return comparison
        reason = f"{CONTROL} differs from itself there"
        return msgspec.structs.replace(comparison, verdict=Verdict.NOISE, severity=None, reason=reason)

    async def _refusal(self, request: RequestSnapshot, side: Side) -> str:
        """Why this copy is not sent; empty when it is."""
        if request.body_cut:
            return "the request was too large to be copied"
        if request.method not in _SAFE and not await self._trust.allows_write(side):
            return f"{side} does not say that it honours Banyan-Shadow, so no write is sent to it"
        return ""

    async def _ask(
        self, exchange: CapturedExchange, side: Side, mirror: SessionMirror
    ) -> tuple[Observation, Observation | None]:
        """The other side's answer, and where the control is asked twice, its second one."""
        with self._limit():
            copy = mirror.rewrite(exchange.request)
        host = next((value for name, value in exchange.request.headers if name.lower() == b"host"), b"")
        deadline = min(max(2 * exchange.answer.elapsed, SHORTEST_DEADLINE), self._deadline)
        again: Observation | None = None
        twice = self._twice.wants(exchange)
        first = twice and self._twice.goes_first()
        if first:
            again = await self._twice.ask(exchange, copy, deadline)
        answer = await self._senders[side].send(copy, host, deadline)
        if twice and not first:
            again = await self._twice.ask(exchange, copy, deadline)
        if copy.method not in _SAFE and not self._trust.note(side, answer):
            mirror.lose(f"{side} did not say that it honoured Banyan-Shadow for a write")
        return answer, again

    def _recording(self, exchange: CapturedExchange, mirror: SessionMirror) -> Recording | None:
        """The recording of this request in this state of its session, if there is one.

        What the primary's session has done is known from its start on, also when the other side's state was
        lost: a route whose legacy is switched off keeps its witness.
        """
        if mirror.attachment is None:
            mirror.attachment = self._goldens.begin() if mirror.known_from_start else _UNKNOWN
        journey = mirror.attachment
        if not isinstance(journey, JourneyState):
            return None
        recording = self._goldens.find(exchange.request, journey)
        journey.advance(exchange.request, recording, exchange.answer)
        return recording

    def renew(self, goldens: GoldenIndex) -> None:
        """Go on with other recordings. Sessions under way keep what they did."""
        self._goldens = goldens

    async def _hold(
        self, exchange: CapturedExchange, recording: Recording | None, answer: Observation
    ) -> None:
        """Compare one side's answer with what was recorded as right."""
        if recording is None:
            return
        with self._limit():
            comparison: Comparison = compare_with_golden(
                recording,
                exchange.request,
                answer,
                self._rules.rules,
                self._today(),
                scrubber=self._goldens.scrubber,
                feature=exchange.feature,
                route=exchange.template,
            )
        await self._findings.against_golden(exchange, recording.observation, answer, comparison)
