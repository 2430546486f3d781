"""The highest rate at which every pair is compared: rung by rung, up until one does not hold, then between.

A gateway that compares serves its users first, and compares as many sessions as it can beside that. Driven as
fast as it answers, it would compare a part of them, and its rate would say nothing. So the load is offered at
a rate; a rung holds when as much was answered as was offered and, once the books are closed, every exchange
was compared. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from bench.books import Books
from bench.load import Sample

FIRST = 1_000.0
"""Requests a second of the first rung, which tells what one costs."""
SHARE = 0.999
"""Of the exchanges have to be compared."""
ANSWERED = 0.97
"""Of what is offered has to be answered, or the proxy was the limit and not the rate."""
_BOLD = 0.8
"""The second rung, as a share of what the first one's processor time would allow one core. That is little: at
a low rate a request costs twice what it does at a high one, since nothing is done for many at once.
"""
_UP, _DOWN = 1.3, 0.8
_NEAR = 1.06
"""A rung that holds and one that does not, so near each other, have the limit between them."""


class Rung(NamedTuple):
    """What was offered, and what came of it."""

    offered: float
    sample: Sample
    books: Books

    @property
    def share(self) -> float:
        """How much of what was answered was compared, and found equal. What was under way when the load ended
        was never answered, and so dropped.
        """
        return min(1.0, self.books.verdicts["match"] / max(1, self.sample.requests))

    @property
    def holds(self) -> bool:
        """Whether the rate can be kept with every pair compared."""
        return self.sample.rate >= ANSWERED * self.offered and self.share >= SHARE


def climb(step: Callable[[float], Rung], rungs: int, start: float = 0.0) -> Rung:
    """The highest rung that holds, or the lowest one tried where none does. ``step`` measures one; ``rungs``
    are tried at most; ``start``: where to begin, if it is known about where the end will be.
    """
    best = step(FIRST)
    if not best.holds:
        return best
    offered, too_much = start or _BOLD * 1e6 / max(1.0, best.sample.cost), math.inf
    for _ in range(rungs):
        if offered <= best.offered:
            break
        found = step(offered)
        if found.holds:
            best = found
        else:
            too_much = offered
        if too_much <= _NEAR * best.offered:
            break
        middle = math.sqrt(best.offered * too_much)
        offered = _UP * best.offered if too_much == math.inf else max(_DOWN * too_much, middle)
    return best
