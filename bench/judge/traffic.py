"""Errors as they would come, one by one. It must not know who watches them.

Requests without an error change no rule here other than through their number, so only errors are drawn: the
gaps between them are geometric. The base rate drifts up and down in a wave and jumps once, each run at its
own time and to its own height, as a busy hour and an outage of something behind both sides would make it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log, pi, sin
from random import Random
from typing import NamedTuple

__all__ = ["RAMP", "ErrorSeen", "Step", "errors", "steady"]


class Step(NamedTuple):
    """So many requests with this share of users on the new side."""

    share: float
    requests: int


class ErrorSeen(NamedTuple):
    """One error: after how many requests in all, how many of those on the new side, in which step, at which
    share, on which side.
    """

    requests: int
    new_requests: float
    step: int
    share: float
    new: bool


RAMP = (Step(0.01, 30_000), Step(0.1, 30_000), Step(0.5, 30_000), Step(1.0, 30_000))
"""1 → 10 → 50 → 100 %."""


def steady(share: float, requests: int) -> tuple[Step, ...]:
    """One share all the way."""
    return (Step(share, requests),)


def errors(
    random: Random, steps: Sequence[Step], base: float, ratio: float = 1.0, since: int = 0
) -> Iterator[ErrorSeen]:
    """The errors of one run. `base`: legacy's rate, on average; `ratio`: how many times that the new side's
    is, from the request number `since` on.
    """
    total = sum(step.requests for step in steps)
    wave, period = random.random(), random.uniform(20_000, 80_000)
    jump, height = random.uniform(0, total), random.choice((0.5, 2.0, 4.0))
    highest = base * 1.5 * max(1.0, height)
    begun, new_before = 0, 0.0
    for number, (share, requests) in enumerate(steps):
        at = begun
        sides = 1.0 - share + share * ratio
        while (at := at + _gap(random, min(0.9, highest * sides))) <= begun + requests:
            legacy = base * (1.0 + 0.5 * sin(2 * pi * (at / period + wave)))
            legacy *= height if jump <= at < jump + 0.1 * total else 1.0
            new = random.random() < share * ratio / sides
            if random.random() * highest < legacy / (ratio if new and at < since else 1.0):
                yield ErrorSeen(at, new_before + share * (at - begun), number, share, new)
        begun, new_before = begun + requests, new_before + share * requests


def _gap(random: Random, rate: float) -> int:
    return 1 + int(log(1.0 - random.random()) / log(1.0 - rate))
