"""Two applications and a gateway in front of them, as processes on free ports, while a block runs."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import free_port, wait_for

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = """\
[listen]
traffic = "127.0.0.1:{traffic}"
admin = "127.0.0.1:{admin}"
workers = {workers}
drain_timeout = "10s"
[upstreams.legacy]
url = "http://127.0.0.1:{legacy}"
timeout = "500ms"
[upstreams.new]
url = "http://127.0.0.1:{new}"
timeout = "500ms"
[state]
dir = "state"
[shadow]
processes = {shadows}
[[feature]]
name = "orders"
match = ["/orders/*"]
percent = 50
shadow = {{ percent = 1 }}
breaker = {{ failures = 1000000 }}
[[feature]]
name = "leavers"
match = ["/leavers/*"]
percent = 50
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
    values = {"legacy": legacy, "new": new, "traffic": traffic, "admin": admin}
    file.write_text(CONFIGURATION.format(**values, workers=workers, shadows=shadows))
    with ExitStack() as stack:
        for name, port in (("legacy", legacy), ("new", new)):
            stack.enter_context(_started(["bench.soak.application", str(port)], port, folder / f"{name}.log"))
        log = folder / "gateway.log"
        command = ["gateway", "-c", str(file), "--json", "run"]
        gateway = stack.enter_context(_started(command, admin, log))
        _until(lambda: b'"ready":' in log.read_bytes(), "the gateway")
        yield Rig(traffic, admin, gateway, log)


@contextmanager
def application(log: Path) -> Iterator[int]:
    """One application; its port."""
    port = free_port()
    with _started(["bench.soak.application", str(port)], port, log):
        yield port


@contextmanager
def _started(module: list[str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", *module], stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, cwd=ROOT
        )
    try:
        wait_for(port, process, log, timeout=30)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until(condition: Callable[[], bool], what: str, timeout: float = 30.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} was not ready within {timeout:.0f} s")
        time.sleep(0.05)
