"""Shortens the two values of a difference so that they can be shown and stored. It must not know secrets or
rules.

Two long texts are shown around the place where they part, so that the excerpts never look alike.
"""

from __future__ import annotations

from typing import Any

MAX_TEXT = 200
MAX_ITEMS = 20
MAX_NESTING = 4
_BEFORE = 40
_MORE = "…"


def excerpts(control: Any, candidate: Any) -> tuple[Any, Any]:
    """Both values, shortened; numbers beyond 64 bits become text."""
    start = 0
    if (
        isinstance(control, str)
        and isinstance(candidate, str)
        and max(len(control), len(candidate)) > MAX_TEXT
    ):
        start = max(0, parting(control, candidate) - _BEFORE)
    return _short(control, start, 0), _short(candidate, start, 0)


def parting(one: str, other: str) -> int:
    """The position of the first character that is not the same."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


def _short(value: Any, start: int, depth: int) -> Any:
    if isinstance(value, str):
        return _text(value, start)
    if isinstance(value, bool) or value is None or isinstance(value, float):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else str(value)
    return _container(value, depth)


def _text(text: str, start: int) -> str:
    end = start + MAX_TEXT
    return (_MORE if start else "") + writable(text[start:end]) + (_MORE if len(text) > end else "")


def writable(text: str) -> str:
    """``text`` as UTF-8 can write it: half a surrogate pair, which JSON may hold, is shown as its escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _container(value: Any, depth: int) -> Any:
    if depth >= MAX_NESTING:
        return _MORE
    if isinstance(value, list):
        items = [_short(item, 0, depth + 1) for item in value[:MAX_ITEMS]]
        return [*items, _MORE] if len(value) > MAX_ITEMS else items
    pairs = {_text(key, 0): _short(value[key], 0, depth + 1) for key in list(value)[:MAX_ITEMS]}
    return {**pairs, _MORE: _MORE} if len(value) > MAX_ITEMS else pairs
