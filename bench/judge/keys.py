"""Users who are not split as the dial says, sampled as a worker samples them; looked at after every fiftieth
user.
"""

from __future__ import annotations

from math import log
from random import Random

from bench.judge.tables import median_or_more, share, table
from flags import judge

__all__ = ["found_after", "show"]

MOST = 5_000
SPLITS = ((1000, 0.1), (1000, 0.15), (1000, 0.2), (5000, 0.5), (5000, 0.45), (5000, 0.4), (5000, 0.3))
"""The dial in hundredths, and the true share on the new side."""


def show(seed: int, runs: int, alpha: float) -> str:
    """How often a split is found not to be the dial's, and after how many users."""
    rows = []
    for dial, true in SPLITS:
        found = [found_after(Random(f"{seed} {dial} {true} {run}"), dial, true, alpha) for run in range(runs)]
        count = sum(at is not None for at in found)
        rows.append(
            [f"{dial / 100:g} %", f"{100 * true:g} %", share(count, runs), median_or_more(found, MOST)]
        )
    return table(["dial", "true share", "found", "median users"], rows)


def found_after(random: Random, dial: int, true: float, alpha: float) -> int | None:
    """After how many users the split is found not to be the dial's."""
    recorder = judge.UserRecorder()
    for number in range(1, MOST + 1):
        recorder.see(random.getrandbits(64), 0, dial, random.random() < true)
        if number % 50 == 0:
            window = judge.EvidenceWindow(0, keys=recorder.samples()[0])
            if judge.log_blended(judge.EvidenceHistory((window,)).starts(), judge.skewed) >= -log(alpha):
                return number
    return None
