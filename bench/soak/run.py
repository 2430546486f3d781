"""One soak from its beginning to its account."""

from __future__ import annotations

import asyncio
import signal
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from bench.soak.account import differences, rows
from bench.soak.rig import Rig, rig
from bench.soak.visitors import Tally, Visitors
from bench.soak.watch import files, grown, processes, resident

WARM = 0.2
"""The share of the requests after which memory has to stay where it is."""
SETTLE = 5.0
"""Seconds for idle connections to be closed and the last reports to be in."""


@dataclass
class Result:
    """``wrong``: every line is something that must not be; nothing when all is well."""

    tally: Tally
    seconds: float
    memory: dict[str, tuple[int, int]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def soak(requests: int, *, visitors: int, workers: int, shadows: int, reloads: int, seed: int) -> Result:
    """Warm up, measure, go on to the end with reloads in between, and account for everything."""
    with (
        tempfile.TemporaryDirectory(prefix="banyan-soak-") as name,
        rig(Path(name), workers=workers, shadows=shadows) as running,
    ):
        began = time.monotonic()
        tally = Tally()
        parts = [max(1, int(requests * WARM))]
        rest = requests - parts[0]
        # Reloads come first: memory is compared within the life of one process.
        for number in range(reloads):
            _load(running, tally, parts[0] // (reloads + 1), visitors, seed + number, reload=True)
        _load(running, tally, parts[0] - tally.requests, visitors, seed + reloads, reload=False)
        time.sleep(SETTLE)
        known = processes(running.gateway.pid)
        before = {pid: resident(pid) for pid in known}
        open_before = {pid: files(pid) for pid, kind in known.items() if kind == "worker"}
        _load(running, tally, rest, visitors, seed + reloads + 1, reload=False)
        time.sleep(SETTLE)
        after = {pid: resident(pid) for pid in known}
        result = Result(tally, time.monotonic() - began)
        result.memory = {f"{kind} {pid}": (before[pid], after[pid]) for pid, kind in known.items()}
        result.wrong += grown(*({p: m[p] for p in open_before} for m in (before, after)))
        result.wrong += [
            f"process {pid} has {len(now)} open files and had {len(then)}: {sorted(set(now) - set(then))}"
            for pid, then in open_before.items()
            if len(now := files(pid)) > len(then)
        ]
        result.wrong += differences(tally, rows(running.metrics()))
        return result


def _load(running: Rig, tally: Tally, requests: int, visitors: int, seed: int, *, reload: bool) -> None:
    if reload:
        running.gateway.send_signal(signal.SIGHUP)
    crowd = Visitors(running.traffic, requests, visitors, seed)
    crowd.tally = tally
    uvloop.run(crowd.run())
    asyncio.set_event_loop(None)
