"""The route under which findings are grouped: a method and a path without user data. Pure.

A pattern without a wildcard is its own template. Below a wildcard the path itself is taken, with what
looks like an identifier masked, so that a developer reads ``POST /api/orders/{id}/items`` and not ``/api/*``.
"""

from __future__ import annotations

from functools import lru_cache

from gateway.core.message import USUAL_METHODS
from shadow import names_something, written_out

_USUAL = frozenset(method.decode() for method in USUAL_METHODS)
_DEEPEST = 8
_LONGEST = 200
"""Characters of a path that is worth to be remembered."""


class Templates:
    """At most ``limit`` different templates beside the patterns: beyond, a pattern stands for everything
    below it, and ``*`` for every method that is not a usual one. A client may make up both.
    """

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._known: set[str] = set()

    def of(self, method: str, pattern: str, target: str) -> str:
        """The template of one request that ``pattern`` claimed."""
        template, target = pattern, written_out(target)
        if pattern.endswith("*"):
            path = target.partition("?")[0]
            template = _remembered(path) if len(path) <= _LONGEST else _masked(path)
        elif method in _USUAL:
            return f"{method} {pattern}"
        route = f"{method} {template}"
        if route not in self._known:
            if len(self._known) >= self._limit:
                return f"{method if method in _USUAL else '*'} {pattern}"
            self._known.add(route)
        return route


def _masked(path: str) -> str:
    segments = path.split("/")
    before = ["", *segments]
    kept = [
        "{id}" if names_something(segment, before[place]) else segment
        for place, segment in enumerate(segments[: _DEEPEST + 1])
    ]
    return "/".join(kept) + ("/…" if len(segments) > _DEEPEST + 1 else "")


_remembered = lru_cache(maxsize=4096)(_masked)
