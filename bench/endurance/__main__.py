"""`python -m bench.endurance [PART …]`: figures, one line each. Exit status 1 when a bound does not hold."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from bench.endurance.bodies import bodies
from bench.endurance.events import events
from bench.endurance.figures import MIB, Figure
from bench.endurance.leavers import leavers
from bench.endurance.refusals import refusals
from bench.endurance.storm import storm

PARTS: dict[str, Callable[[int], Coroutine[Any, Any, list[Figure]]]] = {
    "leavers": lambda part: leavers(10_000 // part),
    "bodies": lambda part: bodies(1024 * MIB // part, 200 * MIB // part),
    "events": lambda part: events(50, 10 / part, 60 / part),
    "refusals": lambda part: refusals(1000 // part),
    "storm": lambda part: storm(5_000 // part),
}


def main() -> int:
    """Run the parts that are named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m bench.endurance", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--small", action="store_true", help="a twentieth of the size")
    given = parser.parse_args()
    unknown = [name for name in given.parts if name not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]}; there are {', '.join(PARTS)}")
    held = True
    for name in given.parts or PARTS:
        print(f"{name}", flush=True)
        for figure in uvloop.run(PARTS[name](20 if given.small else 1)):
            print(f"  {figure}", flush=True)
            held = held and figure.holds
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
