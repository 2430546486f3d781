"""Which rules can excuse something in a folder of recordings; it must not know how answers are compared.

A rule is dead when its path occurs in no recorded answer that it is for, or when it is for a feature or a
route that is not configured. One for a configured route of which nothing is recorded is not: live traffic
goes by the same file.
"""

from collections.abc import Collection, Iterator
from datetime import date
from typing import Any

from golden.journey import Place, default_place
from golden.recording import Recording
from shadow import RequestSnapshot, Rules


class RuleUsage:
    """`note` each recording, then ask."""

    def __init__(
        self, rules: Rules, today: date, place: Place | None = None, features: Collection[str] = ()
    ) -> None:
        self._configured = place is not None
        self._features = features
        self._rules = [rule for rule in rules.rules if not rule.expired(today)]
        self._today = today
        self._place = place or default_place
        self._placed: set[str] = set()
        self._open = list(self._rules)

    def note(self, recording: Recording) -> None:
        """Take one recording into account."""
        if not self._open:
            return
        feature, route = self._place(recording.request)
        held = [rule for rule in self._rules if rule.holds(feature, route, self._today)]
        self._placed.update(rule.id for rule in held)
        mine = [rule for rule in self._open if rule in held]
        if not mine:
            return
        paths = set(_paths(recording))
        met = {rule.id for rule in mine if any(_meets(rule.pattern, path) for path in paths)}
        self._open = [rule for rule in self._open if rule.id not in met]

    def dead(self) -> list[str]:
        """The ids of rules that are for what is recorded here, and meet none of it."""
        return [rule.id for rule in self._open if rule.id in self._placed]

    def elsewhere(self) -> list[str]:
        """The ids of rules for features and routes of which nothing is recorded here."""
        return [name for name, routed in self._unplaced() if routed]

    def nowhere(self) -> list[str]:
        """The ids of rules for features and routes that are not configured: there is nothing to compare."""
        return [name for name, routed in self._unplaced() if not routed]

    def _unplaced(self) -> Iterator[tuple[str, bool]]:
        for rule in self._open:
            if rule.id not in self._placed:
                yield rule.id, not self._configured or self._is_routed(rule.feature, rule.route)

    def _is_routed(self, feature: str, route: str) -> bool:
        if not route:
            return feature in self._features
        method, _, path = route.removesuffix("*").partition(" ")
        return bool(self._place(RequestSnapshot(method, path or "/", (), b""))[0])


def _paths(recording: Recording) -> Iterator[tuple[str, ...]]:
    yield ("status",)
    for name, value in recording.answer.headers:
        yield ("header", name)
        if name == "set-cookie":
            cookie = value.partition("=")[0]
            yield ("header", name, cookie)
            yield from (("header", name, cookie, part.partition("=")[0]) for part in value.split("; ")[1:])
    body = recording.answer.body
    if body.kind == "json":
        yield from _below(body.value, ("body",))
    elif body.kind != "none":
        # How a page is taken apart is the comparison's business: any rule about a part of a text may meet.
        yield ("body", "**")


def _below(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _below(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from _below(item, (*path, "[*]"))


def _meets(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    if path[-1:] == ("**",):
        return pattern[:1] in ((path[0],), ("**",))
    if not pattern or not path:
        return pattern in (path, ("**",))
    if pattern[0] == "**":
        return _meets(pattern[1:], path) or _meets(pattern, path[1:])
    return pattern[0] in ("*", path[0]) and _meets(pattern[1:], path[1:])
