"""Lines up two lists of different length, so that one element more is one difference and not a change of
every element after it.

It must not know paths or rules. Equal elements at both ends are set aside; what lies between is paired in
order, and what is left over on the longer side was added or removed. Linear, unlike a search for the best
alignment, which an answer could make explode.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from shadow.parse import canonical


class Aligned(NamedTuple):
    """Two lists of equal length to be compared pairwise, and the elements that only one side has."""

    control: list[Any]
    candidate: list[Any]
    removed: list[Any]
    added: list[Any]


def align(control: list[Any], candidate: list[Any]) -> Aligned:
    """Pair up ``control`` and ``candidate``."""
    head = _equal_run(control, candidate)
    tail = _equal_run(control[head:][::-1], candidate[head:][::-1])
    ours = control[head : len(control) - tail]
    theirs = candidate[head : len(candidate) - tail]
    shared = min(len(ours), len(theirs))
    return Aligned(ours[:shared], theirs[:shared], ours[shared:], theirs[shared:])


def _equal_run(control: list[Any], candidate: list[Any]) -> int:
    """How many elements are strictly equal from the start on."""
    run = 0
    for one, other in zip(control, candidate, strict=False):
        if one is not other and canonical(one) != canonical(other):
            break
        run += 1
    return run
