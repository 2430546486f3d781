"""A program that gets only what all others leave of a processor: ``python -m bench.lowest COMMAND…``. For
what stands for another machine on this one, so that its burden holds up nobody here.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


def become_lowest() -> None:
    """From now on this process, and what it starts, runs when nobody else wants to."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    # Linux weighs sessions against each other first, where it groups them (sched(7), autogroup).
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text("19")


if __name__ == "__main__":
    become_lowest()
    os.execvp(sys.argv[1], sys.argv[1:])
