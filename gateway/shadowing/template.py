"""The route under which findings are grouped: a method and a path without user data. Pure.

A pattern without a wildcard is its own template. Below a wildcard the path itself is taken, with what
looks like an identifier masked, so that a developer reads ``POST /api/orders/{id}/items`` and not ``/api/*``.
"""

from __future__ import annotations

import re

_IDENTIFIER = re.compile(
    r"[0-9]+|[0-9a-fA-F]{8,}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[A-Za-z0-9_-]*[0-9][A-Za-z0-9_-]{15,}"
)
_PLAIN = re.compile(r"[A-Za-z0-9._~-]{1,40}")
_DEEPEST = 8


class Templates:
    """At most ``limit`` different templates: beyond, the pattern stands for everything below it."""

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._known: set[str] = set()

    def of(self, method: str, pattern: str, target: str) -> str:
        """The template of one request that ``pattern`` claimed."""
        if not pattern.endswith("*"):
            return f"{method} {pattern}"
        template = f"{method} {_masked(target.partition('?')[0])}"
        if template not in self._known:
            if len(self._known) >= self._limit:
                return f"{method} {pattern}"
            self._known.add(template)
        return template


def _masked(path: str) -> str:
    segments = path.split("/")
    kept = [segment if _is_plain(segment) else "{id}" for segment in segments[: _DEEPEST + 1]]
    return "/".join(kept) + ("/…" if len(segments) > _DEEPEST + 1 else "")


def _is_plain(segment: str) -> bool:
    return not segment or (_PLAIN.fullmatch(segment) is not None and _IDENTIFIER.fullmatch(segment) is None)
