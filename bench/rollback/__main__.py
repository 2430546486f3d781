"""`python -m bench.rollback`: the tables of `docs/rollback.md`. Exit status 1 when a limit is not held."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

from bench.rollback.machine import Machine, redis_server
from bench.rollback.sides import Side
from bench.rollback.trials import Spread, Trial, in_trouble, many, over_two
from bench.rollback.trouble import TROUBLES, FlagServer, Room, small_disk

IN_TROUBLE = 1.0
ONE_MACHINE = 0.1
"""Limits in seconds: worst of all, and p99."""


def main() -> int:
    """Run what was asked for, and print it as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m bench.rollback", description=__doc__)
    parser.add_argument("--trials", type=int, default=1000, help="on one machine")
    parser.add_argument("--shared", type=int, default=100, help="over two machines")
    parser.add_argument("--each", type=int, default=5, help="of each trouble and each way")
    parser.add_argument("--seconds", type=float, default=3600, help="for the trials on one machine, at most")
    parser.add_argument("--only", choices=TROUBLES, action="append", help="this trouble; may be repeated")
    given = parser.parse_args()
    # Whoever ends us gets what Ctrl-C gets: nothing is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return asyncio.run(
        run(given.trials, given.shared, given.each, given.only or list(TROUBLES), given.seconds)
    )


async def run(trials: int, shared: int, each: int, names: list[str], seconds: float) -> int:
    """Exit status."""
    folder, held = Path(tempfile.mkdtemp(prefix="banyan-rollback-")), True
    legacy, new = Side(), Side()
    await legacy.start()
    await new.start()
    try:
        if each:
            held &= await troubles(folder / "a", (legacy, new), each, names)
        if trials:
            held &= await one_machine(folder / "b", (legacy, new), trials, seconds)
        if shared:
            held &= await two_machines(folder / "c", (legacy, new), shared)
    finally:
        legacy.stop()
        new.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print("all limits are held" if held else "NOT all limits are held")
    return 0 if held else 1


async def troubles(folder: Path, sides: tuple[Side, Side], each: int, names: list[str]) -> bool:
    """The table of troubles."""
    flags, port = FlagServer(), free_port()
    await flags.start()
    keys = f'redis_url = "redis://127.0.0.1:{port}"'
    more = (
        f'[flags]\nsource = "unleash"\n[flags.unleash]\nurl = "http://127.0.0.1:{flags.port}"\n'
        'token_env = "BENCH_UNLEASH"\nrefresh = 1'
    )
    machine = Machine("one", folder, sides, more, keys)
    worst = 0.0
    with ExitStack() as stack:
        is_small = stack.enter_context(small_disk(machine.state))
        room = Room(machine, lambda: start_redis(port), flags)
        try:
            await machine.start()
            print("| broken | by | last request on the new side | tunnel closed | command ended | lost |")
            print("|---|---|---|---|---|---|")
            for name in names:
                if not is_small and ("full" in name):
                    print(f"| {name} | - | not tried: a small file system needs root | | | |")
                    continue
                for by in ("command", "script"):
                    found = [await in_trouble(room, sides[1], name, by) for _ in range(each)]
                    worst = max(worst, *(one.last for one in found))
                    print(row(name, by, found), flush=True)
        finally:
            await machine.stop()
            room.redis.kill()
            room.redis.wait()
            flags.stop()
    return worst < IN_TROUBLE


def row(name: str, by: str, found: list[Trial]) -> str:
    """The worst of each column."""
    way = "`banyan rollback`" if by == "command" else "`rollback.sh`"
    bad = {one.status for one in found} - {0}
    note = f" (exit {', '.join(map(str, sorted(bad)))})" if bad else ""
    columns = (
        max(one.last for one in found),
        max(one.tunnel for one in found),
        max(one.command for one in found),
    )
    times = " | ".join(f"{1000 * value:.0f} ms" for value in columns)
    return f"| {name} | {way}{note} | {times} | {sum(one.failures for one in found)} |"


async def one_machine(folder: Path, sides: tuple[Side, Side], trials: int, seconds: float) -> bool:
    """Dials and rollbacks in a row."""
    machine = Machine("many", folder, sides, "")
    try:
        await machine.start()
        found = await many(machine, sides[1], trials, seconds, progress)
        lost = machine.failures()
    finally:
        await machine.stop()
    print_spreads("one machine, two workers", found)
    print(f"Requests lost: {lost}.\n")
    return found["dial"].p99 < ONE_MACHINE and found["rollback"].p99 < ONE_MACHINE and not lost


async def two_machines(folder: Path, sides: tuple[Side, Side], trials: int) -> bool:
    """The same over Redis."""
    port = free_port()
    redis = start_redis(port)
    keys = f'redis_url = "redis://127.0.0.1:{port}"'
    async with AsyncExitStack() as stack:
        stack.callback(redis.kill)
        machines = [Machine(name, folder, sides, "", keys) for name in ("here", "there")]
        for machine in machines:
            stack.push_async_callback(machine.stop)
            await machine.start()
        found = await over_two(machines[0], machines[1], sides[1], trials, progress)
        lost = sum(machine.failures() for machine in machines)
    redis.wait()
    print_spreads("two machines over Redis", found)
    print(f"Requests lost: {lost}.\n")
    return all(one.worst < IN_TROUBLE for one in found.values()) and not lost


def print_spreads(title: str, found: dict[str, Spread]) -> None:
    """A table."""
    print(f"\n| {title} | trials | p50 | p99 | worst |\n|---|---|---|---|---|")
    for name, one in found.items():
        times = " | ".join(f"{1000 * value:.1f} ms" for value in (one.p50, one.p99, one.worst))
        print(f"| {name} | {one.number} | {times} |")
    print(flush=True)


def progress(number: int) -> None:
    """For whoever waits."""
    if number % 100 == 0:
        print(f"… {number}", file=sys.stderr, flush=True)


def start_redis(port: int) -> subprocess.Popen[bytes]:
    """On loopback, with nothing on a disk."""
    words = [redis_server(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    return subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tempfile.gettempdir()
    )


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
