"""False alarms: the ramp with nothing wrong, looked at after every error (between errors the evidence and the
rates of errors only stand still or fall, so this is looking after every request).
"""

from __future__ import annotations

from random import Random

from bench.judge.rules import RULES
from bench.judge.tables import share, table
from bench.judge.traffic import RAMP, errors

__all__ = ["BASE", "NAIVE_BAR", "highest", "show", "tuned"]

BASE = 0.002
NAIVE_BAR = 1.6448536269514722
"""The 95 % quantile of the normal distribution."""

Highest = dict[str, list[float]]


def highest(seed: int, runs: int, base: float = BASE) -> Highest:
    """For each rule, the highest value that it reached in each run."""
    found: Highest = {name: [] for name in RULES}
    for run in range(runs):
        seen = list(errors(Random(f"{seed} alarms {base} {run}"), RAMP, base))
        for name, rule in RULES.items():
            found[name].append(max(rule(seen), default=0.0))
    return found


def tuned(found: Highest, alpha: float) -> dict[str, float]:
    """The bar of each rule: 1/alpha for the evidence; the textbook's for the z-test; for the other two the
    one that `alpha` of these very runs exceed.
    """
    bars = {"evidence": 1.0 / alpha, "z-test": NAIVE_BAR}
    for name in ("new rate", "rate ratio"):
        ordered = sorted(found[name])
        bars[name] = ordered[len(ordered) - 1 - int(alpha * len(ordered))]
    return bars


def show(found: Highest, other: Highest, bars: dict[str, float], alpha: float) -> str:
    """The table: the traffic that the bars were tuned on, and traffic with three times the errors."""
    rows = []
    for name in RULES:
        counts = [sum(value > bars[name] for value in runs[name]) for runs in (found, other)]
        cells = [share(count, len(runs[name])) for count, runs in zip(counts, (found, other), strict=True)]
        rows.append([name, f"{bars[name]:.4g}", *cells])
    heading = ["rule", f"bar for {alpha:.0%}", "false alarms", "false alarms, base rate three times that"]
    return table(heading, rows)
