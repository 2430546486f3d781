"""One shadow process by itself: how many exchanges a second it sends and compares, and what processor time
each costs. ``python -m bench.shadow.cost``.

The shadow process has one core, nginx and this program, which plays the worker, the other. Each row is one
kind of pair; 64 sessions, one exchange of each at a time.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.gateway_file import gateway_file
from bench.peers import upstreams
from bench.peers.direct import BODY
from bench.processes import LOAD_CORE, PROXY_CORE, free_port, pinned, running
from bench.tools import find_tools
from gateway.capture import CapturedExchange, FrameReader, decode_settled, encode
from gateway.config import load_config
from shadow import Observation, RequestSnapshot

WANTED = 5_000
SESSIONS = 256
WINDOW = 64
JSON = (b"Content-Type", b"application/json")
BEFORE = (
    (b"Server", b"nginx"),
    (b"Date", b"Fri, 20 Nov 2026 12:00:00 GMT"),
    JSON,
    (b"Content-Length", str(len(BODY)).encode()),
    (b"Connection", b"keep-alive"),
)
COMPARED = """\
[shadow]
control_twice = 0
[[feature]]
name = "orders"
match = ["/*"]
"""


def spelled_differently(value: object) -> bytes:
    """The same value as another framework writes it: sorted keys, escapes, white space."""
    return json.dumps(value, sort_keys=True, indent=1).encode() + b"\n"


def changed(value: dict[str, object]) -> bytes:
    """One leaf differs."""
    return json.dumps(value | {"total": 130.5}).encode()


PAIRS = {
    "equal bytes": BODY.encode(),
    "equal after parsing": spelled_differently(json.loads(BODY)),
    "one leaf differs": changed(json.loads(BODY)),
}


def exchange(number: int, body: bytes, now: float) -> bytes:
    """One frame, as a worker sends it."""
    user = number % SESSIONS
    request = RequestSnapshot(
        "GET",
        f"/api/orders/{number % 50}",
        (
            (b"Host", b"shop.example"),
            (b"User-Agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
            (b"Accept", b"application/json"),
            (b"Accept-Language", b"ja,en;q=0.5"),
            (b"Cookie", b"session=%032x; theme=dark" % user),
        ),
        b"",
    )
    answer = Observation("legacy", 200, BEFORE, body, elapsed=0.001)
    key = f"{user:032x}"
    return encode(
        CapturedExchange(
            f"r{number}", "orders", "/api/orders/{id}", key, number < SESSIONS, now, request, answer, now
        )
    )


@contextmanager
def shadow_process(folder: Path, legacy: int, new: int) -> Iterator[tuple[int, Path]]:
    """A real shadow process on its core: its pid and its socket."""
    file = folder / "banyan.toml"
    traffic, admin = free_port(), free_port()
    file.write_text(
        gateway_file(traffic=traffic, admin=admin, legacy=legacy, new=new, workers=0, rest=COMPARED)
    )
    (folder / "state").mkdir()
    (folder / "config.json").write_bytes(msgspec.json.encode(load_config(file, {})))
    life, ours = os.pipe()
    command = [sys.executable, "-m", "gateway.shadow_process", "--index", "0", "--runtime", str(folder)]
    command += ["--life-fd", str(life)]
    with (folder / "shadow.log").open("wb") as log:
        process = subprocess.Popen(pinned(PROXY_CORE, command), pass_fds=[life], stdout=log, stderr=log)
    os.close(life)
    try:
        path = folder / "shadow-0.sock"
        deadline = time.monotonic() + 20
        while not path.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "shadow.log").read_text()[-2000:])
            time.sleep(0.05)
        yield process.pid, path
    finally:
        os.close(ours)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def processor_time(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def drive(path: Path, pid: int, body: bytes, count: int) -> tuple[float, float, dict[str, int]]:
    """Send ``count`` exchanges, never more than the window unsettled; exchanges a second, microseconds of
    processor time for each, and their verdicts.
    """
    verdicts: dict[str, int] = {}
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(str(path))
        reader, settled, sent = FrameReader(), 0, 0
        frames = [exchange(number, body, time.time()) for number in range(20 * WINDOW)]
        began, used = time.perf_counter(), processor_time(pid)
        while settled < count:
            open_ = sent - settled
            more = min(20 * WINDOW - open_, count - sent)
            if more > WINDOW or (more and not open_):
                channel.sendall(b"".join(frames[(sent + n) % len(frames)] for n in range(more)))
                sent += more
            for frame in reader.feed(channel.recv(1 << 16)):
                for _, verdict, times in decode_settled(frame).verdicts:
                    verdicts[verdict] = verdicts.get(verdict, 0) + times
                    settled += times
        took, used = time.perf_counter() - began, processor_time(pid) - used
    return count / took, used / count * 1e6, verdicts


def main(arguments: list[str]) -> int:
    """The table; 1 when a row is slower than what is wanted of one core."""
    parser = argparse.ArgumentParser(prog="python -m bench.shadow.cost", description=__doc__)
    parser.add_argument("--exchanges", type=int, default=60_000, help="of each row")
    chosen = parser.parse_args(arguments)
    os.sched_setaffinity(0, {LOAD_CORE % (os.cpu_count() or 1)})
    slow = False
    with tempfile.TemporaryDirectory(prefix="banyan-bench-") as name:
        folder, legacy, new = Path(name), free_port(), free_port()
        nginx = upstreams(find_tools()["nginx"], folder, legacy, new)
        for row, body in PAIRS.items():
            place = folder / row.replace(" ", "-")
            place.mkdir()
            with (
                running(nginx, LOAD_CORE, legacy, folder / "nginx.log"),
                shadow_process(place, legacy, new) as (pid, path),
            ):
                drive(path, pid, body, 2 * SESSIONS)
                rate, cost, verdicts = drive(path, pid, body, chosen.exchanges)
            print(f"{row:22} {rate:>9,.0f}/s  {cost:>6.1f} µs of processor time each  {verdicts}", flush=True)
            slow = slow or rate < WANTED
    return int(slow)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
