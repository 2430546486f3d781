"""What the shadow makes of one user's requests, on a machine that may be too busy to say: tried again with
somebody new, never believed when it is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.e2e.between import Between, unbalanced

WAIT = 60
"""Seconds for what must come true, on however busy a machine."""
TRIES = 6
CLEAR = ("match", "noise", "accepted", "mismatch")
"""What was said of a pair that was compared. A busy machine may keep it from being said, and never makes it
another."""


class Attempts:
    """`gateway`'s requests are all made through it, so that it knows how many were asked."""

    def __init__(self, gateway: Between) -> None:
        self.gateway = gateway
        self.asked = 0
        self.users = 0
        self._before: Counter[str] = Counter()

    def settled(self, requests: int) -> Counter[str]:
        """What has become of the attempt's first so many requests: the books now, less those before it."""
        return self.gateway.settled(WAIT, eligible=self.asked + requests) - self._before

    def until(self, attempt: Callable[[str], object], *expected: dict[str, int]) -> None:
        """Let `attempt` ask as a user whom nobody knows, until its verdicts are those of one of `expected`;
        their sum is how many requests it makes. Those that were missing had no clear verdict: a verdict that
        should not be there fails at once, and so does one that is missing in each of several attempts.
        """
        requests, tried = sum(expected[0].values()), []
        for _ in range(TRIES):
            if self.asked:
                self._before = self.gateway.settled(WAIT, eligible=self.asked)
            self.users += 1
            attempt(f"user-{self.users}")
            books = self.gateway.settled(WAIT, eligible=self.asked + requests)
            assert unbalanced(books) == 0, books
            found = books - self._before
            self.asked = books["eligible"]
            tried.append(found)
            assert any(all(found[name] <= one.get(name, 0) for name in CLEAR) for one in expected), tried
            if any(all(found[name] == one.get(name, 0) for name in (*CLEAR, *one)) for one in expected):
                return
        pytest.fail(f"not {expected} in {TRIES} tries: {tried}")
