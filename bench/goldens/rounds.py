"""One side after the other under the same journeys; the order is turned every round, so that what happens to
the machine happens to both.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Side:
    """Where a side answers, and the process whose memory (with its children's) counts; 0 for none."""

    name: str
    url: str
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """One side in one round: seconds of each request, how many failed, the memory in MiB (0: not watched)."""

    side: str
    seconds: tuple[float, ...]
    failed: int
    memory: float


class Sample(NamedTuple):
    """One request: seconds, whether there was a usable answer, `flow/step`, the status (0: no answer)."""

    seconds: float
    well: bool
    step: str
    status: int


def measure(
    sides: Sequence[Side],
    flows: Sequence[Path],
    folder: Path,
    *,
    rounds: int,
    seconds: float,
    users: int,
    tell: Callable[[str], None],
) -> list[Turn]:
    """`rounds` rounds, after one short turn of each side that is thrown away. Raises `RuntimeError`."""
    for side in sides:
        with suppress(RuntimeError):  # it is said when it counts
            play(side, flows, folder, seconds=min(2.0, seconds), users=users)
    played: list[tuple[str, list[Sample], float]] = []
    for number in range(rounds):
        for side in sides if number % 2 == 0 else tuple(reversed(sides)):
            samples, memory = play(side, flows, folder, seconds=seconds, users=users)
            played.append((side.name, samples, memory))
            rate = len(samples) / seconds
            tell(f"round {number + 1}/{rounds}  {side.name:<8} {rate:>7,.0f} requests/s")
    usual = usual_status([one for name, samples, _ in played if name == "legacy" for one in samples])
    return [turn(name, samples, memory, usual) for name, samples, memory in played]


def usual_status(samples: Sequence[Sample]) -> dict[str, int]:
    """For each step, the class of status (2 for 2xx) that legacy nearly always answers with."""
    seen: dict[str, Counter[int]] = {}
    for _, well, step, status in samples:
        if well:
            seen.setdefault(step, Counter())[status // 100] += 1
    return {step: counts.most_common(1)[0][0] for step, counts in seen.items()}


def turn(side: str, samples: Sequence[Sample], memory: float, usual: Mapping[str, int]) -> Turn:
    """What one turn comes to. An answer of another class than legacy's is a failure, however fast: a side
    that answers 404 to everything is not quick.
    """
    good = tuple(
        one.seconds
        for one in samples
        if one.well and usual.get(one.step, one.status // 100) == one.status // 100
    )
    return Turn(side, good, len(samples) - len(good), memory)


def play(
    side: Side, flows: Sequence[Path], folder: Path, *, seconds: float, users: int
) -> tuple[list[Sample], float]:
    """One turn of one side: its samples, and the memory in MiB."""
    samples = folder / "samples.json"
    samples.unlink(missing_ok=True)
    words = [
        "-m",
        "locust",
        "-f",
        "bench/goldens/users.py",
        "--headless",
        "--only-summary",
        "--host",
        side.url,
    ]
    words += [
        "--users",
        str(users),
        "--spawn-rate",
        str(users),
        "--run-time",
        f"{seconds:g}s",
        "--exit-code-on-error",
        "0",
    ]
    env: Mapping[str, str] = {
        **os.environ,
        "FLOWS": os.pathsep.join(str(flow.absolute()) for flow in flows),
        "SAMPLES": str(samples),
        "PYTHONPATH": str(ROOT),
    }
    with _Watch(side.pid) as watch:
        done = subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False
        )
    if not samples.exists():
        raise RuntimeError(f"locust measured nothing against {side.url}:\n{done.stderr[-2000:]}")
    found = json.loads(samples.read_text())
    if not found:
        raise RuntimeError(f"no request to {side.url} came to an end within {seconds:g} s")
    read = [Sample(float(s), bool(ok), str(step), int(status)) for s, ok, step, status in found]
    return read, watch.highest


class _Watch:
    """The most memory of a process and its children, looked at ten times a second."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.highest = 0.0

    def __enter__(self) -> _Watch:
        if self._pid:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._pid:
            self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.1):
            self.highest = max(self.highest, resident(self._pid))


def resident(pid: int) -> float:
    """MiB of a process and everything below it; 0 when it is gone."""
    try:
        own = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1048576
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (OSError, IndexError):
        return 0.0
    return own + sum(resident(int(child)) for child in children)
