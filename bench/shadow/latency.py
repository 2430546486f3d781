"""What the shadow does to the users' waiting times: ``python -m bench.shadow.latency``.

For each state of the shadow two gateways, one with it off and one with it on; the same steady load goes to
one and to the other, round after round in changing order, so that both meet the same machine. Worker and
shadow process of a gateway share one core: the hardest case. Load and applications have the other one, the
application that gets the copies with what the others leave, as if it were a machine of its own.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import uvloop

from bench.books import closed, verdicts
from bench.gateway_file import gateway_file
from bench.peers import upstreams
from bench.processes import LOAD_CORE, PROXY_CORE, free_port, running, settle
from bench.shadow.moved import Moved, Round, moved, percentile_of_all
from bench.shadow.sides import huge
from bench.steady import Load, undisturbed
from bench.tools import find_tools

STATES = ("on", "slow", "hung", "dead", "huge")
COMPARED = """\
[shadow]
control_twice = 0
deadline = "2s"
[[feature]]
name = "everything"
match = ["/*"]
shadow = {{ percent = {percent} }}
"""


async def load(port: int, chosen: argparse.Namespace) -> Round:
    """One round at one gateway."""
    return await Load(port, chosen.rate).run(chosen.seconds)


def rounds(ports: list[int], admins: list[int], chosen: argparse.Namespace) -> list[list[Round]]:
    """Both gateways, round by round; each begins when the copies of the one before have come to an end."""
    found: list[list[Round]] = [[], []]
    chance = random.Random(1)
    for number in range(-1, chosen.rounds):  # the first one warms up
        for which in chance.sample([0, 1], 2):
            with undisturbed():
                one = uvloop.run(load(ports[which], chosen))
            if number >= 0:
                found[which].append(one)
            closed(admins[which])
    return found


def other_side(state: str, nginx: Path, folder: Path, port: int) -> list[str | Path] | None:
    """The command of the application that gets the copies; none where it is dead."""
    if state == "dead":
        return None
    if state in ("slow", "hung"):
        return [sys.executable, "-m", "bench.shadow.sides", state, str(port)]
    folder.mkdir()
    command = huge(nginx, folder, port) if state == "huge" else upstreams(nginx, folder, free_port(), port)
    return [sys.executable, "-m", "bench.lowest", *command]


def measured(
    state: str, tools: dict[str, Path], folder: Path, chosen: argparse.Namespace
) -> tuple[list[Round], list[Round], dict[str, int]]:
    """The rounds with the shadow off, those in this state, and what became of the copies."""
    with ExitStack() as stack:
        legacy, new = free_port(), free_port()
        command = upstreams(tools["nginx"], folder, legacy, free_port())
        stack.enter_context(running(command, LOAD_CORE, legacy, folder / "legacy.log"))
        if other := other_side(state, tools["nginx"], folder / "new", new):
            stack.enter_context(running(other, LOAD_CORE, new, folder / "new.log"))
        ports: list[int] = []
        admins: list[int] = []
        for percent in (0, 100):
            place, port, admin = folder / str(percent), free_port(), free_port()
            place.mkdir()
            file = place / "banyan.toml"
            file.write_text(
                gateway_file(
                    traffic=port,
                    admin=admin,
                    legacy=legacy,
                    new=new,
                    state=place / "state",
                    rest=COMPARED.format(percent=percent),
                )
            )
            gateway: list[str | Path] = [tools["banyan"], "-c", file, "run"]
            settle(stack.enter_context(running(gateway, PROXY_CORE, port, place / "log")).pid)
            ports.append(port)
            admins.append(admin)
        off, shadowed = rounds(ports, admins, chosen)
        return off, shadowed, verdicts(admins[1])


def main(arguments: list[str]) -> int:
    """A row for each state; 1 when one surely moved the 99th percentile by more than it may."""
    parser = argparse.ArgumentParser(prog="python -m bench.shadow.latency", description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=1.5, help="of load, for each gateway in each round")
    parser.add_argument("--rate", type=float, default=400.0, help="requests a second")
    parser.add_argument("--state", choices=STATES, action="append", help="default: all of them")
    chosen = parser.parse_args(arguments)
    tools = find_tools()
    os.sched_setaffinity(0, {LOAD_CORE % (os.cpu_count() or 1)})
    found: list[Moved] = []
    for state in chosen.state or STATES:
        with tempfile.TemporaryDirectory(prefix="banyan-bench-") as name:
            off, shadowed, seen = measured(state, tools, Path(name), chosen)
        found.append(moved(off, shadowed))
        print(row(state, off, shadowed, seen), flush=True)
    return int(any(one.judged == "above" for one in found))


def row(state: str, off: list[Round], shadowed: list[Round], seen: dict[str, int]) -> str:
    """What users waited with the shadow off and in a state, by how much that moved, and the copies."""
    waits = "   ".join(
        f"{name} {percentile_of_all(rows, 0.5):.2f}, {percentile_of_all(rows, 0.99):.2f} ms"
        for name, rows in (("off", off), (state, shadowed))
    )
    words = ", ".join(f"{count:,} {verdict}" for verdict, count in sorted(seen.items()) if verdict)
    return f"p50, p99: {waits}   p99 moved by {moved(off, shadowed)}   {words}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
