"""How the rules are used: rules that are dead, too broad, expired or about to be. Pure.

A rule that excuses too much hides a regression; one that excuses nothing is a promise nobody needs any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import NamedTuple

import msgspec

from shadow.paths import ANY_DEPTH
from shadow.rule import Rule
from shadow.rules import Rules
from shadow.verdict import Kind

ENOUGH = 500
"""Comparisons in a rule's scope, from which on a rule without a hit is called dead."""
BROAD_PATHS = 10
"""Places from which on one rule covers more than its author can have meant."""
SOON = timedelta(days=14)
_GRAVE = (Kind.REMOVED, Kind.TYPE_CHANGED)


class RuleHit(msgspec.Struct, frozen=True):
    """How often a rule excused a difference of one kind at one path. Times in seconds since 1970."""

    rule: str
    feature: str
    path: str
    kind: str
    count: int
    first_seen: float
    last_seen: float


class RuleProblem(NamedTuple):
    """What is wrong with a rule: ``dead``, ``too-broad``, ``expired`` or ``expires-soon``, in a sentence."""

    rule: str
    what: str
    text: str


def lint_rules(
    rules: Rules, hits: Iterable[RuleHit], compared: Mapping[str, int], today: date
) -> list[RuleProblem]:
    """Every problem with the rules. ``compared``: comparisons by feature, which a dead rule is judged by."""
    by_rule: dict[str, list[RuleHit]] = {}
    for hit in hits:
        by_rule.setdefault(hit.rule, []).append(hit)
    problems: list[RuleProblem] = []
    for rule in rules.rules:
        problems += _expiry(rule, today)
        seen = by_rule.get(rule.id, [])
        problems += _breadth(rule, seen) if seen else _death(rule, compared, today)
    return problems


def _expiry(rule: Rule, today: date) -> list[RuleProblem]:
    if rule.expired(today):
        text = f"expired on {rule.expires}; it excuses nothing any more. Owner: {rule.owner}"
        return [RuleProblem(rule.id, "expired", text)]
    if rule.expires - today <= SOON:
        text = f"expires on {rule.expires}. Owner: {rule.owner}"
        return [RuleProblem(rule.id, "expires-soon", text)]
    return []


def _death(rule: Rule, compared: Mapping[str, int], today: date) -> list[RuleProblem]:
    scope = compared.get(rule.feature, 0) if rule.feature else sum(compared.values())
    if rule.expired(today) or scope < ENOUGH:
        return []
    text = f"excused nothing in {scope} comparisons{f' of {rule.feature}' if rule.feature else ''}; remove it"
    return [RuleProblem(rule.id, "dead", text)]


def _breadth(rule: Rule, hits: list[RuleHit]) -> list[RuleProblem]:
    paths = sorted({hit.path for hit in hits})
    grave = sorted({f"{hit.path} ({hit.kind})" for hit in hits if hit.kind in _GRAVE})
    reasons = []
    if len(paths) >= BROAD_PATHS:
        reasons.append(f"excuses {len(paths)} different paths, such as {', '.join(paths[:3])}")
    if rule.op == "ignore" and not rule.kinds and grave:
        reasons.append(f"ignores fields that were removed or changed type: {', '.join(grave[:3])}")
    if rule.op == "ignore" and ANY_DEPTH in rule.pattern and rule.force:
        reasons.append("ignores whole objects wherever they are")
    return [RuleProblem(rule.id, "too-broad", "; ".join(reasons))] if reasons else []
