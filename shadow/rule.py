"""One rule that excuses a difference, and the table of what each operation excuses. It must not know files.

A rule says which kinds of difference it excuses: a field that is noisy as a value is still held to its
type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

import msgspec

from shadow.formats import same_format
from shadow.paths import Tokens
from shadow.profile import Profile
from shadow.verdict import Kind
from shadow.walk import Found


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """An explicit, owned, expiring decision that a difference is accepted.

    ``feature`` and ``route`` narrow where it holds (empty: everywhere; a route may end in ``*``). ``pattern``
    is the parsed path. The last day it holds is ``expires``. The other fields belong to single operations:
    ``absolute`` and ``relative`` to tolerance, ``control`` and ``candidate`` to equal-to, ``old`` and ``new``
    to renamed-cookie. ``force`` lets ``ignore`` cover a container.
    """

    id: str
    owner: str
    expires: date
    op: str
    pattern: Tokens
    feature: str = ""
    route: str = ""
    reason: str = ""
    force: bool = False
    kinds: frozenset[Kind] = frozenset()
    absolute: float = 0.0
    relative: float = 0.0
    control: Any = None
    candidate: Any = None
    old: str = ""
    new: str = ""

    def holds(self, feature: str, route: str, today: date) -> bool:
        """Whether the rule applies there and then."""
        return not self.expired(today) and self.feature in ("", feature) and _covers(self.route, route)

    def expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return today > self.expires

    def excuses(self, found: Found, exact: bool, profile: Profile) -> bool:
        """Whether it accepts ``found``; ``exact`` says that its path is met in full, not only a container
        above.
        """
        if self.kinds and found.kind not in self.kinds:
            return False
        return OPERATIONS[self.op](self, found, exact, profile)


def _covers(scope: str, route: str) -> bool:
    if scope.endswith("*"):
        return route.startswith(scope[:-1])
    return scope in ("", route)


def is_container(value: object) -> bool:
    """Whether ``value`` is an object or an array."""
    return isinstance(value, (dict, list))


_CHANGED = frozenset({Kind.VALUE_CHANGED, Kind.HEADER})


def _ignore(rule: Rule, found: Found, exact: bool, profile: Profile) -> bool:
    if rule.force:
        return True
    return exact and not is_container(found.control) and not is_container(found.candidate)


def _same_format(rule: Rule, found: Found, exact: bool, profile: Profile) -> bool:
    return exact and found.kind in _CHANGED and same_format(found.control, found.candidate)


def _tolerance(rule: Rule, found: Found, exact: bool, profile: Profile) -> bool:
    numbers = (found.control, found.candidate)
    if not exact or any(
        isinstance(number, bool) or not isinstance(number, (int, float)) for number in numbers
    ):
        return False
    if type(found.control) is not type(found.candidate) and not profile.whole_floats:
        return False
    return _near(found.control, found.candidate, rule)


def _near(control: Any, candidate: Any, rule: Rule) -> bool:
    try:
        return bool(abs(control - candidate) <= max(rule.absolute, rule.relative * abs(control)))
    except OverflowError:  # an integer beyond every float
        return False


def _equal_to(rule: Rule, found: Found, exact: bool, profile: Profile) -> bool:
    pairs = ((rule.control, found.control), (rule.candidate, found.candidate))
    return exact and all(type(wanted) is type(seen) and wanted == seen for wanted, seen in pairs)


def _never(rule: Rule, found: Found, exact: bool, profile: Profile) -> bool:
    """Operations that act before the walk (order, names of cookies) excuse nothing after it."""
    return False


OPERATIONS: Mapping[str, Callable[[Rule, Found, bool, Profile], bool]] = MappingProxyType(
    {
        "ignore": _ignore,
        "same-type-and-format": _same_format,
        "tolerance": _tolerance,
        "equal-to": _equal_to,
        "unordered": _never,
        "renamed-cookie": _never,
    }
)
