"""wrk for a few seconds, and what it printed."""

from __future__ import annotations

import re
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.processes import LOAD_CORE, pinned
from bench.work import Work

UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
_SCRIPT = """\
local ffi = require("ffi")
ffi.cdef("typedef struct {{ long seconds, micros; }} when_t; int gettimeofday(when_t *, void *);")
local clock = ffi.new("when_t")
local heads, n, sent, began = {{}}, 0, 0, nil
local line = "GET %s HTTP/1.1\\r\\n"
local fields = "Host: 127.0.0.1\\r\\nCookie: session=u-%d\\r\\n\\r\\n"
function init()
  for user = 1, {users} do
    local rest = string.format(fields, user + 4710)
    heads[user] = {varied} and rest or string.format(line, wrk.path) .. rest
  end
end
function request()
  n = n + 1
  local head = heads[n % {users} + 1]
  return {varied} and string.format(line, wrk.path .. n) .. head or head
end
"""
"""Prepared once, so that the load costs its core little."""
_PACE = """\
function delay()
  ffi.C.gettimeofday(clock, nil)
  local now = tonumber(clock.seconds) + tonumber(clock.micros) / 1e6
  began = began or now
  sent = sent + 1
  return math.max(0, math.floor((began + sent / {rate} - now) * 1000))
end
"""
"""Each request has its time, to a millisecond, by one schedule for all connections."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: requests per second, latencies in milliseconds, how many requests, how many went wrong;
    microseconds of processor time for each request behind the port (0: not known).
    """

    rate: float
    p50: float
    p99: float
    requests: int
    errors: int
    cost: float = 0.0

    def as_dict(self) -> dict[str, float]:
        """For the file of results."""
        return asdict(self)


def drive(wrk: Path, port: int, seconds: int, work: Work, folder: Path, rate: float = 0.0) -> Sample:
    """Load a port with keep-alive connections: as fast as it answers, or at a `rate`, in requests a
    second.
    """
    script = folder / "load.lua"
    script.write_text(lua(work, rate))
    command: list[str | Path] = [wrk, "-t1", f"-c{work.connections}", f"-d{seconds}s", "--latency"]
    command += ["-s", script, f"http://127.0.0.1:{port}{work.path}"]
    done = subprocess.run(
        pinned(LOAD_CORE, command), capture_output=True, text=True, timeout=seconds + 60, check=True
    )
    return parse(done.stdout)


def lua(work: Work, rate: float) -> str:
    """What wrk runs."""
    text = _SCRIPT.format(users=work.users, varied=str(work.varied).lower())
    return text + (_PACE.format(rate=rate) if rate else "")


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
