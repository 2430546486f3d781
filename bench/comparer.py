"""How much faster the comparison is than DeepDiff alone, as ratios: ``python -m bench.comparer``.

The answers are what two frameworks make of one value: one sorts keys and escapes, the other does neither.
"""

from __future__ import annotations

import json
import random
import resource
import statistics
import time
from collections.abc import Callable
from datetime import date
from typing import Any

from deepdiff import DeepDiff

from shadow import DEFAULT_RULES, Observation, RequestSnapshot, compare

REQUEST = RequestSnapshot("GET", "/api/orders", (), b"")
TODAY = date(2030, 1, 1)
JSON = ((b"Content-Type", b"application/json"),)
WANTED = {"1 KB, equal": 100.0, "74 KB, ten leaves differ": 30.0}


def small() -> dict[str, Any]:
    """About 1 KB: an order as an application answers it."""
    lines = [
        {"id": number, "name": f"茶 number {number}", "price": 100.5 + number, "stock": True}
        for number in range(12)
    ]
    return {
        "id": "o-17",
        "at": "2030-01-01T00:00:00Z",
        "lines": lines,
        "shop": {"city": "京都", "open": None},
    }


def large() -> list[dict[str, Any]]:
    """About 74 KB: 1,000 objects."""
    return [
        {"id": number, "name": f"item number {number}", "price": number * 1.25, "tags": ["a", "b"]}
        for number in range(1000)
    ]


def observation(side: Any, value: Any) -> Observation:
    """As Flask writes it (legacy) or as Starlette does (new)."""
    if side == "legacy":
        body = json.dumps(value, sort_keys=True) + "\n"
    else:
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Observation(side, 200, JSON, body.encode())


def deepdiff(control: bytes, candidate: bytes) -> Any:
    """DeepDiff alone, as somebody would use it."""
    return DeepDiff(
        json.loads(control), json.loads(candidate), ignore_private_variables=False, threshold_to_diff_deeper=0
    )


def seconds(work: Callable[[], object], least: float = 0.3) -> float:
    """The median of seven measurements of one call, in processor time: whoever else uses the machine does not
    count.
    """
    work()
    times, rounds = [], 1
    while True:
        began = time.process_time()
        for _ in range(rounds):
            work()
        took = time.process_time() - began
        if took < least / 7:
            rounds *= 2
            continue
        times.append(took / rounds)
        if len(times) == 7:
            return statistics.median(times)


def ratio(name: str, one: Any, other: Any) -> float:
    """Print one row of the table."""
    control, candidate = observation("legacy", one), observation("new", other)
    ours = seconds(lambda: compare(REQUEST, control, candidate, DEFAULT_RULES, today=TODAY))
    theirs = seconds(lambda: deepdiff(control.body, candidate.body), 0.1)
    found = compare(REQUEST, control, candidate, DEFAULT_RULES, today=TODAY)
    count = sum(each.count for each in found.differences)
    print(
        f"{name:28} {len(control.body):>10,} B  {ours * 1e6:>10.1f} µs  {theirs * 1e6:>12.1f} µs"
        f"  {theirs / ours:>6.0f} ×  {count} differences"
    )
    return theirs / ours


def growth() -> None:
    """Time and memory of ever larger answers: linear."""
    for objects in (17_000, 34_000, 68_000, 136_000):
        value = [{"id": number, "name": f"item number {number}", "n": 1.5} for number in range(objects // 2)]
        control, candidate = observation("legacy", value), observation("new", value)
        took = seconds(lambda: compare(REQUEST, control, candidate, DEFAULT_RULES, today=TODAY), 0.05)  # noqa: B023
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        size = len(control.body) / 1e6
        print(
            f"equal JSON of {size:5.1f} MB  {took * 1e3:8.1f} ms  {took * 1e3 / size:6.1f} ms/MB"
            f"  peak {peak} MB"
        )


def main() -> bool:
    """The table; whether every ratio that is wanted was reached."""
    chance = random.Random(7)
    changed = large()
    for number in chance.sample(range(1000), 10):
        changed[number]["price"] += 1
    reached = {
        "1 KB, equal": ratio("1 KB, equal", small(), small()),
        "74 KB, ten leaves differ": ratio("74 KB, ten leaves differ", large(), changed),
    }
    growth()
    return all(reached[name] >= wanted for name, wanted in WANTED.items())


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
