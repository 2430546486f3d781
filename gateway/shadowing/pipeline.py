"""One captured exchange from copy to verdict. The order of these steps is the order in which a session
happened.

Callbacks, and no task: nothing here waits but for the other side. Whatever goes wrong with one exchange costs
one verdict: nothing here raises, and work on a pair that does not come back is given up after a time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from math import inf

import msgspec

from gateway.capture import CapturedExchange
from gateway.core.decision import Side
from gateway.shadowing.copy import CopySender
from gateway.shadowing.findings import Findings
from gateway.shadowing.hearing import Then
from gateway.shadowing.limit import TimeLimit, TookTooLong
from gateway.shadowing.recording import LiveRecorder
from gateway.shadowing.rulebook import RuleBook
from gateway.shadowing.template import Templates
from gateway.shadowing.trust import Trust
from gateway.shadowing.twice import CONTROL, ControlTwice
from gateway.shadowing.writes import OpenWrites
from golden import GoldenIndex, JourneyState, Recording, compare_with_golden
from shadow import (
    AGAINST_CONFIDENCE,
    LEFT_OUT,
    SAFE_METHODS,
    SAME,
    Comparison,
    MirrorBook,
    Observation,
    Pair,
    Redactor,
    RequestSnapshot,
    SessionMirror,
    Verdict,
    compare,
    compare_pair,
    host_of,
    is_itself,
    same_at_sight,
    settle,
    undetermined,
)

_log = logging.getLogger("banyan.shadow")
_FAILED = "an exchange could not be shadowed"
_LEGACY, _NEW = Side
SHORTEST_DEADLINE = 1.0
"""Seconds that a shadow gets even when the primary took no time: a slower side is a finding, not a
timeout."""

Done = Callable[[Verdict], None]


@dataclass(slots=True)
class Parts:
    """What an exchange meets on its way. ``deadline`` caps the wait for the other side, in seconds; it gets
    twice the primary's time, but at least one second. ``goldens`` and ``today`` are renewed: sessions under
    way keep what they did. ``all_heard``: see `Hearing.after_all`. ``give_way``: called between two pieces of
    work, for users' requests to go first.
    """

    senders: Mapping[Side, CopySender]
    trust: Trust
    twice: ControlTwice
    findings: Findings
    rules: RuleBook
    redactor: Redactor
    goldens: GoldenIndex
    mirrors: MirrorBook
    writes: OpenWrites
    all_heard: Callable[[Then], None]
    recorder: LiveRecorder
    limit: TimeLimit
    deadline: float
    today: date
    give_way: Callable[[], None]


class Pipeline:
    """Takes exchanges on their way; each comes to one verdict."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._templates = Templates()

    def begin(self, exchange: CapturedExchange, done: Done, out_until: float = 0.0) -> None:
        """Ask the other side what it would have answered, compare, keep what was found, and call ``done``
        with the verdict. Never raises.

        ``out_until``: until when requests of this session may have been left out.
        """
        parts, request = self._parts, exchange.request
        parts.give_way()
        try:
            mirror = parts.mirrors.find(
                exchange.key, request, exchange.begins, exchange.at, out_until or -inf
            )
            if out_until and mirror.born <= out_until:
                mirror.lose_track(LEFT_OUT)
                parts.recorder.lost(exchange.key)
            route = self._templates.of(request.method, exchange.template, request.target)
        except Exception:  # noqa: BLE001 - one pair must cost one pair
            _log.exception(_FAILED)
            self._give_up(exchange)
            done(Verdict.UNDETERMINED)
            return
        side = _NEW if exchange.answer.side == _LEGACY else _LEGACY
        _Turn(parts, exchange, route, mirror, done, side, request).begin()

    def _give_up(self, exchange: CapturedExchange) -> None:
        """It has not even found its session: all of that user are unknown from here on."""
        parts = self._parts
        parts.writes.end(exchange.key, exchange.began)
        parts.recorder.lost(exchange.key)
        parts.mirrors.lose(exchange.key, _FAILED, exchange.at)
        parts.findings.not_compared(exchange, Verdict.UNDETERMINED)


class _Turn(msgspec.Struct, eq=False):
    """One exchange on its way, in the order of its methods. A structure because there is one for each."""

    _parts: Parts
    _exchange: CapturedExchange
    _route: str
    _mirror: SessionMirror
    _done: Done | None
    _side: Side
    _copy: RequestSnapshot
    _again: Observation | None = None
    _again_later: bool = False
    _recording: Recording | None = None
    _first: bool = False
    _overlaps: bool = False
    _deadline: float = 0.0

    # --- before the other side is asked -------------------------------------------------------------

    def begin(self) -> None:
        """What is known of the session, and whether the copy may be sent."""
        try:
            self._follow_session()
            if self._exchange.request.body_cut:
                self._refuse("the request was not copied whole")
            elif self._exchange.request.method in SAFE_METHODS:
                self._ask()
            else:
                self._parts.trust.allows_write(self._side, self._allowed)
        except Exception as problem:  # noqa: BLE001 - one pair must cost one pair
            self._fail(problem)

    def _follow_session(self) -> None:
        exchange, mirror = self._exchange, self._mirror
        primary, began = exchange.answer.side, exchange.began
        if mirror.primary != primary:
            if mirror.primary and mirror.has_state:
                mirror.lose("the session changed sides")
            mirror.primary = primary
        is_open = self._parts.writes.overlap(exchange.key, began, exchange.at)
        self._overlaps = is_open or 0.0 < began < mirror.write_ended
        if exchange.request.method not in SAFE_METHODS:
            self._parts.writes.end(exchange.key, began)
            mirror.write_ended = max(mirror.write_ended, exchange.at)
            if self._overlaps:
                self._lose_if_write()
        if not mirror.is_off_track:
            self._first = mirror.track is None and mirror.known_from_start
            self._recording = self._recorded()
            if self._recording is not None:
                self._hold(self._recording, exchange.answer)

    def _lose_if_write(self) -> None:
        if self._exchange.request.method not in SAFE_METHODS:
            self._mirror.lose("two writes of the session overlapped, and their order is not known")

    def _recorded(self) -> Recording | None:
        """The recording of this request in this state of its session, if there is one.

        What the primary's session has done is known from its start on, also when the other side's state was
        lost: a route whose legacy is switched off keeps its witness. It is known no more once a request was
        not followed.
        """
        exchange, mirror, goldens = self._exchange, self._mirror, self._parts.goldens
        if mirror.track is None and mirror.known_from_start and len(goldens):
            mirror.track = goldens.begin()
        journey = mirror.track
        if not isinstance(journey, JourneyState):  # it began before it was seen, or before there were any
            mirror.leave_track()
            return None
        try:
            with self._parts.limit.over(len(exchange.request.body) + len(exchange.answer.body)):
                recording = goldens.find(exchange.request, journey)
                journey.advance(exchange.request, recording, exchange.answer)
        except Exception:
            mirror.leave_track()  # it may lack this request, or have half of it
            raise
        return recording

    def _hold(self, recording: Recording, answer: Observation) -> None:
        """Compare one side's answer with what was recorded as right."""
        parts, exchange = self._parts, self._exchange
        with parts.limit.over(len(answer.body)):
            comparison: Comparison = compare_with_golden(
                recording,
                exchange.request,
                answer,
                parts.rules.rules,
                parts.today,
                scrubber=parts.goldens.scrubber,
                feature=exchange.feature,
                route=self._route,
            )
        parts.findings.against_golden(self._placed(), recording.observation, answer, comparison)

    def _allowed(self, allowed: bool) -> None:
        """Whether this side may be sent the copy of a write."""
        try:
            if allowed:
                self._ask()
            else:
                self._refuse(
                    f"{self._side} does not say that it honours Banyan-Shadow, so no write is sent to it"
                )
        except Exception as problem:  # noqa: BLE001 - one pair must cost one pair
            self._fail(problem)

    def _refuse(self, reason: str) -> None:
        self._parts.recorder.take(self._exchange, self._route, self._mirror, None, self._first)
        self._mirror.lose(reason)
        self._parts.findings.not_compared(self._exchange, Verdict.UNDETERMINED)
        self._end(Verdict.UNDETERMINED)

    # --- the other side, and on a sample the control again, before or after it ------------------------

    def _ask(self) -> None:
        parts, exchange = self._parts, self._exchange
        request = exchange.request
        if request.body:
            with parts.limit.over(len(request.body)):
                self._copy = self._mirror.rewrite(request)
        else:
            self._copy = self._mirror.rewrite(request)
        self._deadline = min(max(2 * exchange.answer.elapsed, SHORTEST_DEADLINE), parts.deadline)
        if parts.twice.wants(exchange):
            if parts.twice.goes_first():
                parts.twice.ask(exchange, self._copy, self._deadline, self._asked_before)
                return
            self._again_later = True
        self._send()

    def _asked_before(self, again: Observation) -> None:
        self._again = again
        try:
            self._send()
        except Exception as problem:  # noqa: BLE001 - one pair must cost one pair
            self._fail(problem)

    def _send(self) -> None:
        exchange = self._exchange
        self._parts.senders[self._side].send(
            self._copy, host_of(exchange.request), self._deadline, self._answered, exchange.added
        )

    def _answered(self, shadow: Observation) -> None:
        try:
            if self._copy.method not in SAFE_METHODS and not self._parts.trust.note(self._side, shadow):
                self._mirror.lose(f"{self._side} did not say that it honoured Banyan-Shadow for a write")
            if self._again_later:
                self._parts.twice.ask(
                    self._exchange, self._copy, self._deadline, lambda again: self._conclude(shadow, again)
                )
                return
        except Exception as problem:  # noqa: BLE001 - one pair must cost one pair
            self._fail(problem)
            return
        self._conclude(shadow, self._again)

    # --- the verdict --------------------------------------------------------------------------------

    def _conclude(self, shadow: Observation, again: Observation | None) -> None:
        self._parts.give_way()
        try:
            if again is None and self._is_same_at_sight(shadow):
                verdict = self._same(shadow)
            else:
                comparison = self._comparison(shadow)
                if comparison.verdict is Verdict.MISMATCH and not self._overlaps:
                    self._parts.all_heard(lambda heard: self._heard(shadow, again, comparison, heard))
                    return
                verdict = self._found(shadow, again, comparison)
        except Exception as problem:  # noqa: BLE001 - one pair must cost one pair
            self._fail(problem)
            return
        self._end(verdict)

    def _heard(
        self, shadow: Observation, again: Observation | None, comparison: Comparison, all_heard: bool
    ) -> None:
        """It is a mismatch by what was known when it was compared: is it still?"""
        self._parts.give_way()
        try:
            exchange = self._exchange
            self._overlaps = self._parts.writes.overlap(exchange.key, exchange.began, exchange.at)
            comparison = settle(comparison, self._mirror)
            if self._overlaps:
                self._lose_if_write()
            elif not all_heard:
                comparison = undetermined(comparison, "not every worker said what it knew of the session")
            verdict = self._found(shadow, again, comparison)
        except Exception as problem:  # noqa: BLE001 - one pair must cost one pair
            self._fail(problem)
            return
        self._end(verdict)

    def _is_same_at_sight(self, shadow: Observation) -> bool:
        if self._recording is not None or shadow.error:
            return False
        return same_at_sight(self._exchange.answer, shadow, self._parts.rules.rules.headers)

    def _same(self, shadow: Observation) -> Verdict:
        """The usual end: the two answers are the same bytes, so there is nothing to learn and nothing to
        find.
        """
        parts, exchange = self._parts, self._exchange
        self._mirror.answered(exchange.request)
        parts.recorder.take(exchange, self._route, self._mirror, shadow, self._first)
        parts.findings.shadowed(exchange, exchange.answer, shadow, SAME)
        return Verdict.MATCH

    def _comparison(self, shadow: Observation) -> Comparison:
        parts, exchange, mirror = self._parts, self._exchange, self._mirror
        primary = exchange.answer
        control, candidate = self._roles(shadow)
        with parts.limit.over(len(primary.body) + len(shadow.body)):
            parts.recorder.take(exchange, self._route, mirror, shadow, self._first)
            comparison = settle(self._compared(primary, shadow, control, candidate), mirror)
        if parts.rules.unknown and comparison.verdict is Verdict.MISMATCH:
            return undetermined(comparison, "the file of rules cannot be understood")
        return comparison

    def _roles(self, shadow: Observation) -> tuple[Observation, Observation]:
        primary = self._exchange.answer
        return (primary, shadow) if self._side is Side.NEW else (shadow, primary)

    def _found(self, shadow: Observation, again: Observation | None, comparison: Comparison) -> Verdict:
        parts, exchange, mirror = self._parts, self._exchange, self._mirror
        control, candidate = self._roles(shadow)
        if self._overlaps and comparison.verdict is Verdict.MISMATCH:
            comparison = undetermined(comparison, "a write of the session overlapped with it")
        if again is not None and not again.error and comparison.verdict not in AGAINST_CONFIDENCE:
            comparison = self._told_from_noise(control, again, comparison)
        if comparison.differences:
            exchange = self._placed()
        parts.findings.shadowed(exchange, control, candidate, comparison)
        if self._recording is not None and not shadow.error and mirror.known_from_start:
            self._hold(self._recording, shadow)
        return comparison.verdict

    def _compared(
        self, primary: Observation, shadow: Observation, control: Observation, candidate: Observation
    ) -> Comparison:
        """What the session learns from the two answers, and how they differ: both bodies are read once."""
        parts, exchange, mirror = self._parts, self._exchange, self._mirror
        rules = parts.rules.rules
        if shadow.error:
            mirror.learn(exchange.request, primary, shadow)
            return compare(exchange.request, control, candidate, rules, today=parts.today)
        pair = Pair(control, candidate, bodiless=exchange.request.method == "HEAD", also=rules.headers)
        mirror.learn(exchange.request, primary, shadow, pair)
        return compare_pair(
            exchange.request,
            pair,
            rules,
            feature=exchange.feature,
            route=self._route,
            today=parts.today,
            redactor=parts.redactor,
        )

    def _told_from_noise(
        self, control: Observation, again: Observation, comparison: Comparison
    ) -> Comparison:
        parts, exchange = self._parts, self._exchange
        with parts.limit.over(len(control.body) + len(again.body)):
            itself = compare(
                exchange.request,
                control,
                again,
                parts.rules.rules,
                feature=exchange.feature,
                route=self._route,
                today=parts.today,
                redactor=parts.redactor,
            )
        if itself.verdict in AGAINST_CONFIDENCE:
            return comparison
        parts.findings.twice(self._placed(), itself, comparison)
        if not is_itself(comparison, itself):
            return comparison
        reason = f"{CONTROL} differs from itself there"
        return msgspec.structs.replace(comparison, verdict=Verdict.NOISE, severity=None, reason=reason)

    def _placed(self) -> CapturedExchange:
        """The exchange under the route that findings are grouped by."""
        return msgspec.structs.replace(self._exchange, template=self._route)

    def _fail(self, problem: Exception) -> None:
        reason = _FAILED
        if isinstance(problem, TookTooLong):
            reason = "a pair took too long to compare"
        else:
            _log.error(reason, exc_info=problem)
        self._mirror.lose(reason)
        self._parts.recorder.lost(self._exchange.key)  # it may have gone past the recording
        if self._done is not None:
            self._parts.findings.not_compared(self._exchange, Verdict.UNDETERMINED)
            self._end(Verdict.UNDETERMINED)

    def _end(self, verdict: Verdict) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(verdict)
