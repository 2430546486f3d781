"""`python -m bench.soak`: a million requests, or as many as `--requests` says. Exit status 1 when anything is
not as it should be."""

from __future__ import annotations

import argparse
import sys

from bench.soak.run import soak


def main() -> int:
    """Run it, and print the account."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--visitors", type=int, default=64)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--shadows", type=int, default=1)
    parser.add_argument("--reloads", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    result = soak(**vars(given))
    tally = result.tally
    print(
        f"{tally.requests:,} requests in {result.seconds:,.0f} s ({tally.requests / result.seconds:,.0f}/s)"
    )
    print(f"asked: {', '.join(f'{count:,} {word}' for word, count in tally.asked.most_common())}")
    print(f"answers: {', '.join(f'{count:,} {code}' for code, count in sorted(tally.classes.items()))}")
    print(f"of these {tally.own.total():,} by the gateway itself, {tally.cut:,} cut off; {tally.left:,} left")
    for name, (before, after) in result.memory.items():
        print(f"memory of {name}: {before / 2**20:.1f} MiB warm, {after / 2**20:.1f} MiB at the end")
    for line in result.wrong:
        print(f"WRONG: {line}")
    print("not everything is accounted for" if result.wrong else "everything is accounted for")
    return 1 if result.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
