"""`python -m bench.golden_scale`: many recordings, linted and verified beside a bare HTTP client.

A static server answers the same JSON to everything; the bare client sends the same requests with the same
concurrency and reads the answers. One process each, so that the memory measured is that of one of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from bench.processes import free_port
from golden import lint, verify

ANSWER = {
    "id": 17,
    "name": "tea",
    "at": "2025-01-01T10:00:00Z",
    "lines": [{"sku": f"s-{n}", "count": n} for n in range(8)],
}
STEPS = 10


class Static(asyncio.Protocol):
    """Answers every request at once; a body fits into one packet."""

    _BODY = json.dumps(ANSWER).encode()
    _HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_BODY)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """One request, or several."""
        self._transport.write((self._HEAD + self._BODY) * data.count(b"\r\n\r\n"))


async def serve(port: int) -> None:
    """Until it is ended."""
    server = await asyncio.get_running_loop().create_server(Static, "127.0.0.1", port)
    await server.serve_forever()


def write_recordings(folder: Path, count: int) -> None:
    """Journeys of ten steps each."""
    body = json.loads(json.dumps(ANSWER)) | {"at": "⟨iso-timestamp-utc⟩"}
    for number in range(count):
        journey, step = f"flow-{number // STEPS:05d}", number % STEPS + 1
        case = {
            "banyan_recording": 2,
            "flow": journey,
            "number": step,
            "step": f"step-{step}",
            "request": {"method": "GET", "target": f"/items/{number}?page=2", "headers": [], "body": None},
            "answer": {"status": 200, "headers": ["content-type: application/json"], "body": {"json": body}},
            "extract": {},
            "references": {},
            "secrets": {},
            "scrubbed_with": "6e275fc42301",
        }
        path = folder / journey / f"{step:02d}-step-{step}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(case, ensure_ascii=False, indent=2, sort_keys=True) + "\n")


async def bare(url: str, count: int, concurrency: int) -> None:
    """What a short script would do."""
    waiting = iter(range(count))
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:

        async def one() -> None:
            for number in waiting:
                (await client.get(f"/items/{number}?page=2")).raise_for_status()

        await asyncio.gather(*(one() for _ in range(concurrency)))


def work(kind: str, folder: Path, url: str, count: int, concurrency: int) -> dict[str, float]:
    """One measurement in this process: seconds, and the most memory it took in MiB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.perf_counter()
    good = True
    if kind == "bare":
        asyncio.run(bare(url, count, concurrency))
    elif kind == "lint":
        good = lint(folder).exit_code == 0
    else:
        report = verify(folder, url, concurrency=concurrency)
        good = report.exit_code == 0 and report.passed == count
    if not good:
        raise SystemExit(f"{kind} did not end well")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": time.perf_counter() - began, "peak_mib": peak, "grown_mib": peak - before}


def main(arguments: Sequence[str]) -> int:
    """Measure, print, and say whether the marks are met."""
    parser = argparse.ArgumentParser(prog="python -m bench.golden_scale", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--work", nargs=3, metavar=("KIND", "FOLDER", "URL"), help=argparse.SUPPRESS)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.serve:
        asyncio.run(serve(chosen.serve))
        return 0
    if chosen.work:
        kind, folder, url = chosen.work
        print(json.dumps(work(kind, Path(folder), url, chosen.count, chosen.concurrency)))
        return 0
    with tempfile.TemporaryDirectory(prefix="banyan-goldens-") as name:
        return measure(Path(name), chosen.count, chosen.concurrency)


def measure(folder: Path, count: int, concurrency: int) -> int:
    """Everything once for a tenth and once for all, the bare client before and after."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([sys.executable, "-m", "bench.golden_scale", "--serve", str(port)])
    try:
        _wait(url)
        found: dict[str, dict[str, float]] = {}
        for size, label in ((count // 10, "tenth"), (count, "all")):
            write_recordings(folder / label, size)
            for kind in ("bare", "verify", "lint"):
                words = ["--work", kind, str(folder / label), url, "--count", str(size)]
                command = [
                    sys.executable,
                    "-m",
                    "bench.golden_scale",
                    *words,
                    "--concurrency",
                    str(concurrency),
                ]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    print(done.stderr)
                    return 2
                found[f"{kind}-{label}"] = one = json.loads(done.stdout)
                rate = f"{one['seconds']:6.2f} s, {size / one['seconds']:>7,.0f}/s"
                print(f"{kind:>7} {size:>7,}: {rate}, peak {one['peak_mib']:.0f} MiB")
    finally:
        server.terminate()
        server.wait()
    share = found["bare-all"]["seconds"] / found["verify-all"]["seconds"]
    grown = found["verify-all"]["peak_mib"] - found["verify-tenth"]["peak_mib"]
    print(f"verify runs at {share:.0%} of the bare client's rate (mark 50 %)")
    print(f"lint of {count:,} takes {found['lint-all']['seconds']:.1f} s (mark 10 s)")
    print(f"ten times the recordings take {grown:+.0f} MiB more")
    return 0 if share >= 0.5 and found["lint-all"]["seconds"] < 10 else 1


def _wait(url: str) -> None:
    for _ in range(100):
        try:
            httpx.get(url, trust_env=False, timeout=1)
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the static server did not come up")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
