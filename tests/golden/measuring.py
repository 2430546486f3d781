"""`python -m bench.goldens` as a test wants it: measured longer where a busy machine leaves it undecided."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence

from tests.support.spawn import ROOT

MOST = 20
"""Seconds in one turn from which on a longer one would not help."""
Done = subprocess.CompletedProcess[str]


def measured(words: Sequence[str], seconds: float, enough: Callable[[Done], bool]) -> Done:
    """What it says after turns of so many seconds; of many more, while that was not enough."""
    command = [sys.executable, "-m", "bench.goldens", *words, "--seconds", str(seconds)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done if enough(done) or seconds > MOST else measured(words, 3 * seconds, enough)


def says_broken(done: Done) -> bool:
    """Whether it has come to a judgement, and to which."""
    return done.returncode == 1
