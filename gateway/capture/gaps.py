"""The words about sessions of which an exchange could not be handed on over the shared streams.

A write changed one side only; a read gave the client what it may show again, a token, and nobody has learned
what the other side calls that. Of reads a session is told once in a while: where there is no room, words
about each of them would take what room there is left for words. Nothing depends on the ones that are left
out: none of that user's sessions is followed from the first word on, whether it was there by then or not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from typing import Final

from gateway.capture.exchange import CapturedExchange, SessionGap, decode, encode
from shadow import SAFE_METHODS

AGAIN: Final = 60.0
"""Seconds after which one more lost read of a session is worth a word."""
MOST_TOLD: Final = 20_000
"""Sessions of which is known that they were told of: the last ones."""


class Gaps:
    """``clock``: seconds that only ever rise."""

    __slots__ = ("_clock", "_told")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[str, float] = {}  # when

    def word_for(self, frame: bytes) -> bytes | None:
        """The word about the session of an exchange that had to be dropped; None when it needs none, since
        there was one. ``frame`` as `encode` made it.
        """
        lost = decode(frame[4:])
        if not isinstance(lost, CapturedExchange):
            return None
        now, told = self._clock(), self._told.pop(lost.key, -inf)
        if lost.request.method in SAFE_METHODS and now - told < AGAIN:
            self._told[lost.key] = told
            return None
        self._told[lost.key] = now
        if len(self._told) > MOST_TOLD:
            del self._told[next(iter(self._told))]
        return encode(SessionGap(lost.key, "there was no room for it in the shared streams", lost.began))
