"""The rounds: every proxy once per round, one after the other, so that all of them meet the same machine."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.books import closed, whole_sample
from bench.climb import FIRST, Rung, climb
from bench.load import Sample, drive
from bench.peers import PEERS, Peer, Rig, upstreams
from bench.processes import (
    LOAD_CORE,
    PROXY_CORE,
    answering,
    free_port,
    memory,
    pinned,
    processor_seconds,
    running,
    settle,
)
from bench.results import FEATURED, OURS, Key, Memory, Results
from bench.work import IN_TURNS, MANY_IN_TURNS, USUAL, Work, work_for

WORKER = "gateway.worker"
IDLE = 5000
TURNS = ((OURS, IN_TURNS), (OURS, MANY_IN_TURNS), (FEATURED, IN_TURNS))
_STEADY_SHARE = 0.5
_STEADY = ("no proxy", "nginx", "HAProxy", "Envoy", OURS)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured. `seconds` for one measurement; `only`: proxies whose name holds this."""

    rounds: int = 3
    seconds: float = 3.0
    quick: bool = False
    only: str = ""


class Bench:
    """One rig: two sides served by one nginx, and a stream behind it, for all rounds."""

    def __init__(self, plan: Plan, tools: dict[str, Path], folder: Path) -> None:
        self.plan = plan
        self.results = Results()
        self._tools = tools
        self._folder = folder
        self._legacy, self._new, self._events = free_port(), free_port(), free_port()
        self._held: dict[Key, float] = {}

    @contextmanager
    def upstreams(self) -> Iterator[None]:
        """Both sides, on the core of the load."""
        events = [sys.executable, "-m", "bench.events", str(self._events)]
        sides = upstreams(self._tools["nginx"], self._folder, self._legacy, self._new, self._events)
        with ExitStack() as stack:
            log = self._folder / "upstream.log"
            stack.enter_context(running(events, LOAD_CORE, self._events, log))
            stack.enter_context(running(sides, LOAD_CORE, self._legacy, log))
            yield

    def peers(self) -> list[Peer]:
        """Those whose program is here."""
        here = [peer for peer in PEERS if peer.tool in self._tools or peer.tool == "recipe"]
        return [peer for peer in here if self.plan.only.lower() in peer.name.lower()]

    def round(self, number: int) -> None:
        """Everybody once."""
        for peer in self.peers():
            with self._started(peer) as (rig, pid):
                if number == 0 and not self.plan.quick and peer.kind == "forward" and pid:
                    self.results.memory[peer.name] = self._memory(rig.port, pid)
                for work in work_for(peer.kind, quick=self.plan.quick):
                    sample = self._measure(peer, rig, pid, work)
                    self.results.samples.setdefault((peer.name, work.name), []).append(sample)
                    self._say(f"round {number + 1}", peer, work, sample)

    def _say(self, when: str, peer: Peer, work: Work, sample: Sample) -> None:
        told = f"{when:<8} {peer.name:<24} {work.name:<50} {sample.rate:>9,.0f}/s {sample.cost:>8,.1f} µs"
        print(told, flush=True)

    def in_turns(self, turns: int) -> None:
        """One feature and a thousand, and more connections, all up at once, in short turns: their
        rates are to be near each other, and between two rows of a round a machine changes by more.
        """
        both = {peer.name: peer for peer in self.peers() if peer.name in (OURS, FEATURED)}
        if len(both) != 2:
            return
        chance = random.Random(1)
        with ExitStack() as stack:
            up = {name: (peer, *stack.enter_context(self._started(peer))) for name, peer in both.items()}
            for _ in range(turns):
                for name, work in chance.sample(TURNS, len(TURNS)):
                    peer, rig, pid = up[name]
                    sample = self._measure(peer, rig, pid, work)
                    self.results.samples.setdefault((name, work.name), []).append(sample)
                    self._say("in turns", peer, work, sample)

    def steady(self) -> None:
        """Everybody once, at half of what we can: added latency."""
        ours = self.results.median_of(OURS, USUAL.name)
        if ours is None:
            return
        for peer in (peer for peer in self.peers() if peer.name in _STEADY):
            with self._started(peer) as (rig, _):
                words = [str(rig.port), f"{ours.rate * _STEADY_SHARE:.0f}", str(self.plan.seconds)]
                command = [sys.executable, "-m", "bench.open_loop", *words]
                done = subprocess.run(
                    pinned(LOAD_CORE, command), capture_output=True, text=True, timeout=120, check=True
                )
            self.results.steady.setdefault(peer.name, []).append(json.loads(done.stdout))

    @contextmanager
    def _started(self, peer: Peer) -> Iterator[tuple[Rig, int]]:
        place = self._folder / re.sub(r"\W+", "-", peer.name)
        place.mkdir(exist_ok=True)
        rig = Rig(place, free_port(), free_port(), self._legacy, self._new, self._tools)
        if peer.start is None:
            yield replace(rig, port=self._legacy), 0
            return
        log = place / "log"
        with running(peer.start(rig), PROXY_CORE, rig.port, log) as process:
            answering(rig.port, USUAL.path)
            settle(process.pid)
            yield rig, process.pid

    def _measure(self, peer: Peer, rig: Rig, pid: int, work: Work) -> Sample:
        seconds = max(1, round(self.plan.seconds * work.share))
        drive(self._tools["wrk"], rig.port, 1, work, self._folder, FIRST if peer.compares else 0.0)  # warm
        if peer.compares:
            return self._compared(peer, rig, pid, work, seconds)
        used = processor_seconds(pid) if pid else 0.0
        sample = drive(self._tools["wrk"], rig.port, seconds, work, self._folder)
        used = processor_seconds(pid) - used if pid else 0.0
        return replace(sample, cost=used / max(1, sample.requests) * 1e6)

    def _compared(self, peer: Peer, rig: Rig, pid: int, work: Work, seconds: int) -> Sample:
        """The highest rate at which every pair is compared; see `bench.climb`."""

        def step(offered: float) -> Rung:
            whole_sample(rig.admin)
            before = closed(rig.admin)
            used = processor_seconds(pid)
            sample = drive(self._tools["wrk"], rig.port, seconds, work, self._folder, offered)
            books = closed(rig.admin).since(before)
            used = processor_seconds(pid) - used  # with all that was left to do when the load had ended
            return Rung(offered, replace(sample, cost=used / max(1, books.eligible) * 1e6), books)

        key = peer.name, work.name
        found = climb(step, 4 if self.plan.quick else 8, self._held.get(key, 0.0))
        self._held[key] = 0.93 * found.offered  # the next round begins near there
        self.results.compared.setdefault(key, []).append(found)
        return found.sample

    def _memory(self, port: int, pid: int) -> Memory:
        idle = memory(pid, WORKER)
        command = pinned(LOAD_CORE, [sys.executable, "-m", "bench.idle", str(port), str(IDLE), "30"])
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as clients:
            assert clients.stdout
            connected = int(clients.stdout.readline() or 0)
            full = memory(pid, WORKER)
            clients.terminate()
        settle(pid)
        return Memory(idle, full, connected)


def measure(plan: Plan, tools: dict[str, Path]) -> Results:
    """All of it."""
    with tempfile.TemporaryDirectory(prefix="banyan-bench-") as name:
        bench = Bench(plan, tools, Path(name))
        with bench.upstreams():
            for number in range(plan.rounds):
                bench.round(number)
            bench.in_turns(2 if plan.quick else 10)
            for _ in range(1 if plan.quick else 2):
                bench.steady()
        return bench.results
