"""Users whose errors are not independent: some fail in every window, on whichever side they are, and each
error comes as a burst of reloads. Nothing is wrong with the new side. Three ways of counting them, the same
evidence.
"""

from __future__ import annotations

from collections import Counter
from math import log
from random import Random

from bench.judge.tables import share, table
from flags import judge

__all__ = ["WAYS", "alarmed", "draw", "show"]

CHRONIC = 60
CHANCE = 30
DIALS = (1000, 1000, 1000, 2500, 2500, 2500, 5000, 5000, 5000, 5000, 5000, 5000)

Window = dict[int, judge.Seen]


def show(seed: int, runs: int, alpha: float) -> str:
    """How often each way of counting cries wolf."""
    found: Counter[str] = Counter()
    for run in range(runs):
        windows = draw(Random(f"{seed} users {run}"))
        found.update(
            name for name, way in WAYS.items() if way(windows, Random(f"{seed} reloads {run}"), alpha)
        )
    rows = [[name, share(found[name], runs)] for name in WAYS]
    return table(["one unit of evidence is", "false alarms"], rows)


def alarmed(windows: list[Window], random: Random, alpha: float) -> bool:
    """A user, once in each start: as the judge counts. Looked at after every window."""
    history = judge.EvidenceHistory()
    for number, users in enumerate(windows):
        window = judge.EvidenceWindow(number, erring=judge.UserSample(0, users))
        history = history.merged(judge.EvidenceHistory((window,)))
        if judge.log_blended(history.starts(), judge.gathering) >= -log(alpha):
            return True
    return False


def each_window_anew(windows: list[Window], random: Random, alpha: float) -> bool:
    """A user, once in each window, and again in the next."""
    return _added_up(windows, alpha, lambda: 1)


def each_error(windows: list[Window], random: Random, alpha: float) -> bool:
    """An error: one to nine reloads of the same broken page."""
    return _added_up(windows, alpha, lambda: random.randint(1, 9))


def _added_up(windows: list[Window], alpha: float, weight: object) -> bool:
    assert callable(weight)
    counts: Counter[tuple[int, bool]] = Counter()
    for users in windows:
        for seen in users.values():
            counts[seen.share, seen.new] += weight()
        rows = [judge.Row(dial / 10_000, counts[dial, True], counts[dial, False]) for dial in set(DIALS)]
        if judge.log_evidence(rows) >= -log(alpha):
            return True
    return False


def draw(random: Random) -> list[Window]:
    """The users with an error, window by window."""
    always = [(random.getrandbits(64), random.randrange(10_000)) for _ in range(CHRONIC)]
    windows = []
    for number, dial in enumerate(DIALS):
        sometimes = [(random.getrandbits(64), random.randrange(10_000)) for _ in range(CHANCE)]
        windows.append({mark: judge.Seen(number, dial, at < dial) for mark, at in always + sometimes})
    return windows


WAYS = {
    "a user, once since each start (the judge)": alarmed,
    "a user, again in each window": each_window_anew,
    "an error": each_error,
}
