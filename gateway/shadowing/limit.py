"""A hard limit of time on work over one pair: a pathological one costs its own verdict, not the process.

By an interval timer and its signal, since nothing else interrupts Python code that does not come back; so it
works in the main thread of a process and nowhere else.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TookTooLong(Exception):
    """The limit was reached; the work was given up where it stood."""


class TimeLimit:
    """``with limit(): …`` raises ``TookTooLong`` inside the block after ``seconds``."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._armed = False
        self.reached = 0
        signal.signal(signal.SIGALRM, self._ring)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self._armed = True
        signal.setitimer(signal.ITIMER_REAL, self._seconds)
        try:
            yield
        finally:
            self._armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        if self._armed:  # late: the block has ended already
            self._armed = False
            self.reached += 1
            raise TookTooLong
