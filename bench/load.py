"""wrk for a few seconds, and what it printed."""

from __future__ import annotations

import re
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.processes import LOAD_CORE, pinned

UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: requests per second, latencies in milliseconds, and how many requests went wrong."""

    rate: float
    p50: float
    p99: float
    requests: int
    errors: int

    def as_dict(self) -> dict[str, float]:
        """For the file of results."""
        return asdict(self)


def drive(wrk: Path, port: int, seconds: int, connections: int) -> Sample:
    """Load a port with keep-alive connections of one user."""
    url = f"http://127.0.0.1:{port}/api/orders/17"
    command: list[str | Path] = [
        wrk,
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--latency",
        "-H",
        "Cookie: session=u-4711",
        url,
    ]
    done = subprocess.run(
        pinned(LOAD_CORE, command), capture_output=True, text=True, timeout=seconds + 60, check=True
    )
    return parse(done.stdout)


def parse(text: str) -> Sample:
    """Read wrk's report."""
    errors = sum(map(int, re.findall(r"(?:connect|read|write|timeout) (\d+)", text)))
    errors += sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", text)))
    return Sample(
        rate=float(captured(r"Requests/sec:\s+([\d.]+)", text)),
        p50=milliseconds(captured(r"\n +50% +(\S+)", text)),
        p99=milliseconds(captured(r"\n +99% +(\S+)", text)),
        requests=int(captured(r"(\d+) requests in", text)),
        errors=errors,
    )


def captured(pattern: str, text: str) -> str:
    """What a pattern captured; ValueError with the text where it is not wrk's report."""
    if found := re.search(pattern, text):
        return found.group(1)
    raise ValueError(f"not a report of wrk:\n{text}")


def milliseconds(text: str) -> float:
    """wrk's `1.23ms`, `950.00us` or `1.02s`."""
    number, unit = captured(r"([\d.]+)", text), captured(r"([a-z]+)", text)
    return float(number) * UNITS[unit]
