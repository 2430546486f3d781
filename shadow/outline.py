"""What stands in the place of values that are too long to be looked through for secrets: what they are, and a
token of them. It must not know what is secret.

Looking through a text costs far more than comparing it. A part of one would be quick to look through, but
what makes it secret may stand before the part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from shadow.excerpt import parting
from shadow.parse import canonical

MOST: Final = 128 * 1024
"""Characters that are looked through for one comparison: some 60 ms."""

Token = Callable[[str, str], str]


class Outlines:
    """For one comparison. ``token`` makes the token of a text, under a label."""

    __slots__ = ("_left", "_token")

    def __init__(self, token: Token) -> None:
        self._token = token
        self._left = MOST

    def pair(self, control: Any, candidate: Any) -> tuple[Any, Any]:
        """Both values as they are, or an outline of each."""
        ours, theirs = _written(control), _written(candidate)
        size = len(ours) + len(theirs)
        if size <= self._left:
            self._left -= size
            return control, candidate
        same = parting(ours, theirs) if isinstance(control, str) and isinstance(candidate, str) else 0
        return self._outline(control, ours, same), self._outline(candidate, theirs, same)

    def _outline(self, value: Any, written: str, same: int) -> Any:
        if not written:
            return value
        what = "text" if isinstance(value, str) else "array" if isinstance(value, list) else "object"
        more = f", the first {same} as in the other" if same else ""
        return f"{self._token(what, written)} of {len(written)} characters{more}"


def _written(value: Any) -> str:
    """What would be looked through; nothing of a number and its like."""
    if isinstance(value, str):
        return value
    return canonical(value).decode() if isinstance(value, (dict, list)) else ""
