"""The rounds: every row once per round, one after the other, so that all of them meet the same machine."""

from __future__ import annotations

import re
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from bench.load import Sample, drive
from bench.peers import PEERS, Peer, Rig, upstreams
from bench.processes import LOAD_CORE, PROXY_CORE, free_port, running


def rows(tools: dict[str, Path], only: str) -> list[Peer]:
    """The rows whose program is here, and whose name holds `only`."""
    return [peer for peer in PEERS if peer.tool in tools and only.lower() in peer.name.lower()]


def measure(
    peers: list[Peer], tools: dict[str, Path], rounds: int, seconds: int, connections: int
) -> tuple[dict[str, list[Sample]], dict[str, str]]:
    """All samples by row, and what the comparing rows compared."""
    samples: dict[str, list[Sample]] = {peer.name: [] for peer in peers}
    compared: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="banyan-bench-") as name, ExitStack() as stack:
        folder, legacy, new = Path(name), free_port(), free_port()
        log = folder / "upstream.log"
        command = upstreams(tools["nginx"], folder, legacy, new)
        stack.enter_context(running(command, LOAD_CORE, legacy, log))
        for number in range(rounds):
            for peer in peers:
                rig = Rig(folder, free_port(), free_port(), legacy, new, tools)
                with started(peer, rig) as port:
                    drive(tools["wrk"], port, 1, connections)  # connections made, caches warm
                    before = verdicts(rig.admin) if peer.compares else {}
                    sample = drive(tools["wrk"], port, seconds, connections)
                    if peer.compares:
                        compared[peer.name] = settled(rig.admin, before, sample.requests)
                samples[peer.name].append(sample)
                print(f"round {number + 1}/{rounds}  {peer.name:<22} {sample.rate:>9,.0f} req/s", flush=True)
    return samples, compared


@contextmanager
def started(peer: Peer, rig: Rig) -> Iterator[int]:
    """The row's proxy while the block runs, and the port to load."""
    if peer.start is None:
        yield rig.legacy
        return
    with running(peer.start(rig), PROXY_CORE, rig.port, rig.folder / f"{peer.tool}.log"):
        yield rig.port


def verdicts(admin: int) -> dict[str, int]:
    """The shadow's counters by verdict; empty while nobody answers there."""
    totals: dict[str, int] = {}
    with (
        suppress(OSError),
        urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=5) as answer,
    ):
        text = answer.read().decode()
        for labels, value in re.findall(r"^banyan_(?:shadow|capture)_total\{(.*)\} (\S+)$", text, re.M):
            # what the worker could not hand over was dropped too, before the shadow could count it
            if found := re.search(r'verdict="([^"]+)"|outcome="(dropped)"', labels):
                word = found.group(1) or found.group(2)
                totals[word] = totals.get(word, 0) + int(float(value))
    return totals


def settled(admin: int, before: dict[str, int], requests: int) -> str:
    """What the shadow made of the load, once its counters stand still."""
    last: dict[str, int] = {}
    for _ in range(20):
        time.sleep(0.6)  # reports come four times a second
        now = verdicts(admin)
        if now == last and now:
            break
        last = now
    gained = {verdict: count - before.get(verdict, 0) for verdict, count in last.items()}
    words = ", ".join(f"{count:,} {verdict}" for verdict, count in sorted(gained.items()) if count)
    return f"{words or 'nothing'} of {requests:,}"
