"""Two applications and a gateway in front of them, as processes on free ports, while a block runs."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.gateway_file import gateway_file
from bench.processes import free_port, wait_for
from bench.waiting import block_until

ROOT = Path(__file__).resolve().parents[2]
IMPATIENT = 'timeout = "500ms"'
FEATURES = """\
[shadow]
processes = {shadows}
[[feature]]
name = "orders"
match = ["/orders/*"]
percent = 50
shadow = {{ percent = 1 }}
breaker = {{ failures = 1000000, failure_rate = 1 }}
guard = {{ on_failure = "hold" }}
[[feature]]
name = "leavers"
match = ["/leavers/*"]
percent = 50
guard = {{ on_failure = "hold" }}
"""


@dataclass(frozen=True, slots=True)
class Rig:
    """Where everything is. ``gateway`` is the supervisor's process."""

    traffic: int
    admin: int
    gateway: subprocess.Popen[bytes]
    log: Path

    def metrics(self) -> str:
        """The gateway's page of metrics."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=10) as answer:
            return str(answer.read().decode())


@contextmanager
def rig(folder: Path, *, workers: int, shadows: int) -> Iterator[Rig]:
    """Start everything in ``folder``, and end it."""
    legacy, new, traffic, admin = (free_port() for _ in range(4))
    file = folder / "banyan.toml"
    file.write_text(
        gateway_file(
            traffic=traffic,
            admin=admin,
            legacy=legacy,
            new=new,
            workers=workers,
            in_listen='drain_timeout = "10s"',
            in_legacy=IMPATIENT,
            in_new=IMPATIENT,
            rest=FEATURES.format(shadows=shadows),
        )
    )
    with ExitStack() as stack:
        for name, port in (("legacy", legacy), ("new", new)):
            stack.enter_context(
                started(_python("bench.soak.application", str(port)), port, folder / f"{name}.log")
            )
        log = folder / "gateway.log"
        command = _python("gateway", "-c", str(file), "--json", "run")
        gateway = stack.enter_context(started(command, admin, log))
        block_until(lambda: b'"ready":' in log.read_bytes(), "the gateway is ready")
        yield Rig(traffic, admin, gateway, log)


@contextmanager
def application(log: Path) -> Iterator[int]:
    """One application; its port."""
    port = free_port()
    with started(_python("bench.soak.application", str(port)), port, log):
        yield port


def _python(*words: str) -> list[str]:
    return [sys.executable, "-m", *words]


@contextmanager
def started(command: list[str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that serves a port, while the block runs."""
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, cwd=ROOT)
    try:
        wait_for(port, process, log, timeout=60)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
