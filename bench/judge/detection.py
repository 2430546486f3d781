"""How many requests, on both sides together, until a rule sees what is wrong; and what a late regression
costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import tee
from random import Random

from bench.judge.alarms import BASE
from bench.judge.rules import RULES, evidence, single_start
from bench.judge.tables import median_or_more, table
from bench.judge.traffic import ErrorSeen, Step, errors, steady

__all__ = ["COMPARED", "show", "show_late", "until"]

SHARES = (0.01, 0.1, 0.5)
RATIOS = (2.0, 3.0, 5.0, 10.0, 100.0)
COMPARED = ("evidence", "new rate", "rate ratio")
MOST = 1_000_000


def until(
    rule: Callable[[Iterable[ErrorSeen]], Iterator[float]], seen: Iterable[ErrorSeen], bar: float
) -> int | None:
    """After how many requests the rule's number exceeds its bar; None when it never does."""
    ours, theirs = tee(seen)
    for error, value in zip(ours, rule(theirs), strict=False):
        if value >= bar:
            return error.requests
    return None


def show(seed: int, runs: int, bars: dict[str, float]) -> str:
    """Medians by share and ratio, for rules with the same false alarms on the ramp."""
    rows = []
    for share in SHARES:
        for ratio in RATIOS:
            found: dict[str, list[int | None]] = {name: [] for name in COMPARED}
            for run in range(runs):
                for name in COMPARED:
                    random = Random(f"{seed} detection {share} {ratio} {run}")
                    seen = errors(random, steady(share, MOST), BASE, ratio)
                    found[name].append(until(RULES[name], seen, bars[name]))
            cells = [median_or_more(found[name], MOST) for name in COMPARED]
            rows.append([f"{share:.0%}", f"{ratio:g}", *cells])
    return table(["share on new", "error ratio", *COMPARED], rows)


def show_late(seed: int, runs: int, alpha: float) -> str:
    """A regression of ratio 3 at 10 % that begins after so many good windows, with and without fresh
    starts."""
    rows = []
    for good in (0, 3, 7, 13):
        steps = [Step(0.1, 50_000)] * 14 + [Step(0.1, 500_000)]
        since = good * 50_000
        found: dict[str, list[int | None]] = {"with": [], "without": []}
        for run in range(runs):
            for name, rule in (("with", evidence), ("without", single_start)):
                seen = errors(Random(f"{seed} late {good} {run}"), steps, BASE, 3.0, since)
                at = until(rule, seen, 1.0 / alpha)
                found[name].append(None if at is None else max(0, at - since))
        rows.append([str(good), *(median_or_more(found[name], MOST) for name in ("with", "without"))])
    return table(["good windows before", "with fresh starts", "from the beginning only"], rows)
