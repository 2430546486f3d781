"""A hard limit of time on work over one pair: a pathological one costs its own verdict, not the process.

By an interval timer and its signal, since nothing else interrupts Python code that does not come back; so it
works in the main thread of a process and nowhere else. What counts is processor time (``ITIMER_PROF``), of
the process with all its threads: a pair that had to wait for a busy machine is not poisonous, and a process
that does little is not woken. But not forever: others wait behind it, and whoever watches a process takes one
that stands still for hung. The timer runs on until there was no such work for a tick, so that a pair costs no
system call.
"""

from __future__ import annotations

import atexit
import signal
import time
from types import FrameType, TracebackType

TICK = 0.025
"""Seconds of work between two looks at what is under way: the limit is met within one of them, or as soon as
a call in C that is under way then (a parser, a decompression, one regular expression) has come back."""
ELAPSED = 1.0
"""Seconds, by the clock, that work on a pair may stretch to where it gets little of a processor; a limit that
is longer is one by the clock, too."""
ROOMY = 2 * 1024 * 1024
"""Bytes of a pair above which the limit grows with its size: long because large is no poison."""
_IDLE = -1


class TookTooLong(Exception):
    """The limit was reached; the work was given up where it stood."""


class TimeLimit:
    """``with limit.over(size): …`` raises ``TookTooLong`` inside the block after ``seconds``. ``reached``
    counts how often."""

    __slots__ = ("_left", "_most", "_patience", "_since", "_ticking", "_used", "reached")

    def __init__(self, seconds: float) -> None:
        self._most = max(1, int(seconds / TICK))
        self._left = _IDLE
        self._since = 0.0  # the first tick of what is under way
        self._patience = 0.0
        self._ticking = False
        self._used = False
        self.reached = 0
        signal.signal(signal.SIGPROF, self._ring)
        atexit.register(signal.setitimer, signal.ITIMER_PROF, 0)  # or its last ring would kill us

    def over(self, size: int) -> TimeLimit:
        """The limit for a pair of ``size`` bytes, to be entered at once."""
        self._left = self._most if size <= ROOMY else self._most * size // ROOMY
        self._patience = max(ELAPSED, self._left * TICK)
        self._since = 0.0
        return self

    def __enter__(self) -> None:
        self._used = True
        if not self._ticking:
            self._ticking = True
            signal.setitimer(signal.ITIMER_PROF, TICK, TICK)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left = _IDLE

    def _ring(self, number: int, frame: FrameType | None) -> None:
        if self._left > 0:
            self._left -= 1
            now = time.monotonic()
            self._since = self._since or now
            if self._left == 0 or now - self._since > self._patience:
                self._left = _IDLE
                self.reached += 1
                raise TookTooLong
        elif self._used:
            self._used = False
        elif self._ticking:
            self._ticking = False
            signal.setitimer(signal.ITIMER_PROF, 0)
