"""Compares two answers to one request, in stages, and concludes. It must not know DeepDiff, storage or the
network.

1. outcome: a side without an answer settles it.
2. head: status, content type, declared headers (``head``).
3. bytes and parse: equal bytes, or both bodies as values (``bodies``).
4. order: lists whose order means nothing (``unordered``).
5. walk: what differs, excused or not by the rules, grouped by (path, kind).
6. conclude: an unexcused difference is a mismatch; else an open question is ``undetermined``; else accepted,
or a match.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from datetime import date

from shadow.bodies import Bodies
from shadow.comparison import Comparison, Difference
from shadow.excerpt import excerpts, writable
from shadow.head import head_differences
from shadow.model import Observation, RequestSnapshot
from shadow.outline import Outlines
from shadow.pair import Pair
from shadow.paths import Tokens, path_text
from shadow.redaction import Redactor
from shadow.rules import ActiveRules, Rules
from shadow.unordered import settle_order
from shadow.verdict import SEVERITY_OF, Kind, Severity, Verdict, worst
from shadow.walk import Found, walk

MAX_FOUND = 20_000
"""Differences looked at in one body, excused ones included."""
MAX_GROUPS = 200
"""Different (path, kind) kept in one comparison."""

SAME = Comparison(Verdict.MATCH, stage="bytes")
"""What is said of two answers that are the same byte for byte."""
_SAME = {"bytes": SAME, "parse": Comparison(Verdict.MATCH, stage="parse")}
_OWN_KEY = Redactor(secrets.token_bytes(32))  # excerpts are redacted even for a caller who brings no redactor


def compare(
    request: RequestSnapshot,
    control: Observation,
    candidate: Observation,
    rules: Rules,
    *,
    feature: str = "",
    route: str = "",
    today: date,
    redactor: Redactor | None = None,
) -> Comparison:
    """What differs between ``control`` and ``candidate``. Never raises for bad input.

    ``redactor`` makes the secrets in the excerpts; without one they get tokens that only this process can
    repeat.
    """
    if failed := _outcome(control, candidate):
        return failed
    pair = Pair(control, candidate, bodiless=request.method == "HEAD", also=rules.headers)
    return compare_pair(request, pair, rules, feature=feature, route=route, today=today, redactor=redactor)


def compare_pair(
    request: RequestSnapshot,
    pair: Pair,
    rules: Rules,
    *,
    feature: str = "",
    route: str = "",
    today: date,
    redactor: Redactor | None = None,
) -> Comparison:
    """``compare`` for two whole answers that somebody has looked at already."""
    if pair.is_same:
        return _SAME[pair.bodies.stage]
    active = rules.active(feature, route, today)
    groups = _Groups(active, redactor or _OWN_KEY)
    control, candidate = pair.control, pair.candidate
    if not pair.heads_alike or control.status != candidate.status:
        groups.take(head_differences(request, control, candidate, active, today))
    bodies = pair.bodies
    if not bodies.equal:
        groups.take(_body_differences(bodies, active))
    return _conclude(groups, bodies)


def _outcome(control: Observation, candidate: Observation) -> Comparison | None:
    for side in (candidate, control):
        if side.error:
            verdict = Verdict.SHADOW_TIMEOUT if "timeout" in side.error else Verdict.SHADOW_ERROR
            return Comparison(verdict, reason=f"no answer from {side.side}: {side.error}", stage="outcome")
    return None


def _body_differences(bodies: Bodies, rules: ActiveRules) -> Iterator[Found]:
    control, candidate = bodies.control, bodies.candidate
    if rules.has_unordered:
        control, candidate, changed = settle_order(control, candidate, rules)
        yield from changed
    yield from walk(control, candidate, rules.profile.same)


class _Groups:
    """Collects differences by (path, kind, excuse), within a budget."""

    def __init__(self, rules: ActiveRules, redactor: Redactor) -> None:
        self._rules, self._redactor = rules, redactor
        self._outlines = Outlines(redactor.token)
        self._found: dict[tuple[Tokens, Kind, str], tuple[Found, Severity, int]] = {}
        self.exhausted = False

    def take(self, differences: Iterable[Found]) -> None:
        for number, found in enumerate(differences):
            if number >= MAX_FOUND or len(self._found) >= MAX_GROUPS:
                self.exhausted = True
                return
            key = (found.path, found.kind, self._rules.excuse(found))
            first, severity, count = self._found.get(key, (found, _severity(found), 0))
            self._found[key] = (first, severity, count + 1)

    def differences(self) -> tuple[Difference, ...]:
        if not self._found:
            return ()
        made = [self._difference(key[2], *value) for key, value in self._found.items()]
        return tuple(
            sorted(made, key=lambda difference: (difference.path, difference.kind, difference.excused_by))
        )

    def _difference(self, excused_by: str, found: Found, severity: Severity, count: int) -> Difference:
        secret_free = self._redactor.pair(found.path, *self._outlines.pair(found.control, found.candidate))
        control, candidate = excerpts(*secret_free)
        return Difference(
            writable(path_text(self._redactor.path(found.path))),
            found.kind,
            severity,
            control,
            candidate,
            excused_by,
            count,
        )


def _severity(found: Found) -> Severity:
    if found.kind is Kind.STATUS and found.control // 100 != found.candidate // 100:
        return Severity.HIGH
    return SEVERITY_OF[found.kind]


def _conclude(groups: _Groups, bodies: Bodies) -> Comparison:
    differences = groups.differences()
    unexcused = [each for each in differences if not each.excused_by]
    if unexcused:
        stage = "walk" if any(each.path.startswith("body") for each in unexcused) else "head"
        severity = worst(each.severity for each in unexcused)
        return Comparison(Verdict.MISMATCH, severity, differences, bodies.open, stage)
    stage = bodies.stage if bodies.equal or bodies.open else "walk"
    reason = bodies.open or ("more differences than are looked at" if groups.exhausted else "")
    if reason:
        return Comparison(Verdict.UNDETERMINED, None, differences, reason, stage)
    return Comparison(Verdict.ACCEPTED if differences else Verdict.MATCH, None, differences, "", stage)
