"""`python -m bench.judge`: the tables of docs/judge.md. `--runs` and `--seed` change what is drawn."""

from __future__ import annotations

import argparse
import sys
from time import process_time

from bench.judge import alarms, detection, keys, limits, users, whole

ALPHA = 0.05


def main(arguments: list[str]) -> int:
    """Draw, watch, print."""
    chosen = parser().parse_args(arguments)
    seed, runs, begun = chosen.seed, chosen.runs, process_time()
    tuning = alarms.highest(seed, runs)
    bars = alarms.tuned(tuning, ALPHA)
    other = alarms.highest(seed, max(1, runs // 4), 3 * alarms.BASE)
    some, few = max(1, runs // 10), max(1, runs // 20)
    print(f"<!-- python -m bench.judge --seed {seed} --runs {runs}; alpha {ALPHA:g} -->\n")
    section(
        "False alarms on the ramp, looked at after every request", alarms.show(tuning, other, bars, ALPHA)
    )
    section("Median requests to detect", detection.show(seed, some, bars))
    section("A regression that comes late", detection.show_late(seed, few, ALPHA))
    section("Limits: false proofs", limits.show_false(seed, runs, ALPHA))
    section("Limits: median units to a proof", limits.show_true(seed, some, ALPHA))
    section("Users whose errors are not independent", users.show(seed, max(1, runs // 4), ALPHA))
    section("The split of users", keys.show(seed, few, ALPHA))
    section("All guards together", whole.show(seed, few, ALPHA))
    print(f"took {process_time() - begun:.0f} s of one core", file=sys.stderr)
    return 0


def section(heading: str, table: str) -> None:
    """One table under its heading."""
    print(f"### {heading}\n\n{table}\n", flush=True)


def parser() -> argparse.ArgumentParser:
    """The options."""
    found = argparse.ArgumentParser(prog="python -m bench.judge", description=__doc__)
    found.add_argument(
        "--runs", type=int, default=1000, help="ramps drawn; the other tables use a part of it"
    )
    found.add_argument("--seed", type=int, default=1, help="the same seed prints the same tables")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
