"""Every rule there is, and those that hold for one route on one day. It must not know where rules are read
from.

``Rules.active`` compiles the rules of a scope into a trie once; comparing only looks up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import reduce

from shadow.paths import Tokens
from shadow.profile import PROFILES, STRICT, Profile
from shadow.rule import Rule
from shadow.trie import Trie
from shadow.verdict import Kind
from shadow.walk import Found

_MAX_SCOPES = 1024


class ActiveRules:
    """The rules that hold in one scope on one day, compiled."""

    __slots__ = ("_trie", "has_unordered", "headers", "profile", "renamed_cookies")

    def __init__(self, rules: tuple[Rule, ...], profile: Profile, headers: tuple[str, ...]) -> None:
        self._trie = Trie((rule.pattern, rule) for rule in rules if rule.op != "renamed-cookie")
        self.profile = profile
        self.headers = headers
        self.renamed_cookies = tuple(rule for rule in rules if rule.op == "renamed-cookie")
        self.has_unordered = any(rule.op == "unordered" for rule in rules)

    def excuse(self, found: Found) -> str:
        """The id of the rule that accepts ``found``, or an empty string."""
        if found.kind is Kind.RENAMED:
            names = (found.control, found.candidate)
            return next(rule.id for rule in self.renamed_cookies if (rule.old, rule.new) == names)
        exact, above = self._trie.match(found.path)
        if found.kind is Kind.ORDER:
            return next(rule.id for rule in exact if rule.op == "unordered")
        for rule in exact:
            if rule.excuses(found, True, self.profile):
                return rule.id
        for rule in above:
            if rule.excuses(found, False, self.profile):
                return rule.id
        return ""

    def unordered(self, path: Tokens) -> Rule | None:
        """The rule that says that the order of the list at ``path`` means nothing."""
        return next((rule for rule in self._trie.match(path).exact if rule.op == "unordered"), None)

    def loose(self, path: Tokens) -> bool:
        """Whether the value at ``path`` may differ by some rule, so that it is no use for telling elements
        apart.
        """
        return any(rule.op != "unordered" for rule in self._trie.match(path).exact)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operators accept: rules, profiles, names to redact, and headers to compare beside the usual
    ones.
    """

    rules: tuple[Rule, ...] = ()
    profiles: tuple[str, ...] = ()
    redact_names: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    _scopes: dict[tuple[str, str, date], ActiveRules] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def active(self, feature: str, route: str, today: date) -> ActiveRules:
        """The compiled rules of a scope. An expired rule is not among them."""
        scope = (feature, route, today)
        known = self._scopes.get(scope)
        if known is None:
            if len(self._scopes) >= _MAX_SCOPES:
                self._scopes.clear()
            holding = tuple(rule for rule in self.rules if rule.holds(feature, route, today))
            known = self._scopes[scope] = ActiveRules(holding, self._profile(), self.headers)
        return known

    def problems(self, today: date) -> tuple[str, ...]:
        """One sentence for each rule that no longer does what its author meant."""
        return tuple(
            f"rule {rule.id!r} (owner {rule.owner}) expired on {rule.expires} and excuses nothing any more"
            for rule in self.rules
            if rule.expired(today)
        )

    def _profile(self) -> Profile:
        return reduce(Profile.joined, (PROFILES[name] for name in self.profiles), STRICT)


DEFAULT_RULES = Rules()
"""No rule and no profile: every difference counts."""
