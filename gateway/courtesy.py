"""What is not a user's request lets those go first where they share a processor. A shadow process takes a
small share, too; the control process keeps its own, since a rollback waits for it. Knows nothing but the
system.

A program that is woken may interrupt the one that woke it. So a worker that told the control process how it
does, four times a second, stood still while that was read: of 7,000 times that it wanted to run, in eight
seconds, it waited 20 to 29 times above 0.15 ms for that alone, and 4 to 14 times since the control process
interrupts nobody (`perf sched`, as below).

A program that has begun to run is left alone for its slice (EEVDF), some milliseconds, for which a worker
that gets a request has to wait. One that asks for longer slices is interrupted by any that did not, unless
that one has just had more than its share; if so it waits until the system looks again, up to four
milliseconds. So the worker's share is made large as well, and how often it waits goes with the other's: of
its wake-ups beside a shadow process, one in a hundred waited 0.5 to 1 ms at a quarter of the processor, and
0.15 to 0.6 ms at a tenth (`perf sched`, 400 requests a second, every copy refused).

The rest is for the program to do. A worker that has asked an application often has the answer 20 µs later; by
then a shadow process has begun, and the worker has just had its share. So that one gives way between two
pieces of work (`GivingWay`): of 2,400 requests in six seconds up to 24 waited above 0.15 ms for it before,
and up to 5 since (the same, copies refused or never answered).
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

SLICE: Final = 20_000_000
"""Nanoseconds to ask to run at a time; Linux gives others about three million."""
NICE: Final = 10
"""Niceness of a shadow process above that of whoever starts it: a ninth of a worker's weight
(``sched_prio_to_weight`` in kernel/sched/core.c). Where both want all of a processor, it gets a tenth of it:
comparing does not starve.
"""
LOSS: Final = 0.1
"""Of its time that a program may lose by giving way."""
SAVED: Final = 0.005
"""Seconds of that which it may lose at once."""
OWED: Final = 1.0
"""Seconds that one wait counts for at most: a machine may have stood still."""
_NUMBERS: Final = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
"""Of the system call ``sched_setattr``, for which Python has no name."""
_NOT_INHERITED: Final = 1
"""``SCHED_FLAG_RESET_ON_FORK``."""


class _Attributes(ctypes.Structure):
    """``struct sched_attr``, its first version (linux/sched/types.h)."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    )


def let_others_first() -> None:
    """Ask for a small share, and for this process to be interrupted by others and never to interrupt them.
    What it starts inherits that. Needs no right; where the system knows nothing of it, nothing happens.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.nice(NICE)
            _never_interrupt()


def wait_for_others() -> None:
    """Ask for this process to be interrupted by others and never to interrupt them: who tells it something
    goes on with its own work first. It keeps its share. What it starts inherits that. Where somebody has
    chosen a policy for it, nothing is asked for.
    """
    if sys.platform == "linux" and os.sched_getscheduler(0) == os.SCHED_OTHER:
        with suppress(OSError):
            _never_interrupt()


def let_others_interrupt() -> None:
    """Ask for this process to be interrupted by others. What it starts does not inherit that. Where somebody
    has chosen a policy for it, or put it before others, nothing is asked for: what it starts would lose that.
    """
    if (
        sys.platform == "linux"
        and os.sched_getscheduler(0) == os.SCHED_OTHER
        and os.getpriority(os.PRIO_PROCESS, 0) >= 0
    ):
        with suppress(OSError):
            _ask_for_long_slices(os.SCHED_OTHER, _NOT_INHERITED)


class GivingWay:
    """Call it between two pieces of work: whoever waits for this processor has it first. Costs less than a
    microsecond where nobody does.

    Linux (6.18) takes it for giving up a whole slice, which is long where others want all of the processor;
    and where many do something short, work in batches costs less. So it gives way only as long as what it
    lost by that is no more than ``LOSS`` of its time.
    """

    def __init__(
        self, give: Callable[[], None] = os.sched_yield, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._give = give
        self._clock = clock
        self._at = clock()
        self._may_lose = SAVED

    def __call__(self) -> None:
        now = self._clock()
        may_lose = min(self._may_lose + LOSS * (now - self._at), SAVED)
        self._at = now
        if may_lose > 0.0:
            self._give()
            self._at = self._clock()
            may_lose -= min(self._at - now, OWED)
        self._may_lose = may_lose


def _never_interrupt() -> None:
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    _ask_for_long_slices(os.SCHED_BATCH)


def _ask_for_long_slices(policy: int, flags: int = 0) -> None:
    number = _NUMBERS.get(platform.machine())
    if number is not None:
        ours = _Attributes(ctypes.sizeof(_Attributes), policy, flags)
        ours.nice, ours.runtime = os.getpriority(os.PRIO_PROCESS, 0), SLICE
        ctypes.CDLL(None).syscall(number, 0, ctypes.byref(ours), 0)
