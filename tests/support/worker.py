"""One worker of the gateway, alone: a real process on a free port, without supervisor, control or shadow.

For tests of the wire and of the request path, where the other processes would only be noise.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from flags import StatePage, open_state
from gateway.config import Config, parse_config
from tests.support.ports import LOOPBACK, wait_until
from tests.support.spawn import Spawned, Spawner


@dataclass
class WorkerUnderTest:
    """``port``: where it answers. ``page``: the state page it decides by."""

    port: int
    process: Spawned
    page: StatePage
    config: Config
    life: int

    def dial(self, feature: str, percent: float) -> None:
        """Put a dial in force and wait until the worker decides by it."""
        snapshot = self.page.read()
        features = dict(snapshot.features)
        features[feature] = msgspec.structs.replace(snapshot.feature(feature), percent=round(percent * 100))
        stamp = self.page.publish(
            msgspec.structs.replace(snapshot, revision=self.page.revision() + 1, features=features)
        )
        self.wait_for(stamp)

    def latch(self, feature: str | None, on: bool = True) -> None:
        """Roll back (or restore) and wait until the worker decides by it."""
        self.wait_for(self.page.latch(feature, on))

    def wait_for(self, stamp: bytes) -> None:
        """Return when the worker has acknowledged this stamp."""
        wait_until(lambda: [row.stamp for row in self.page.rows()] == [stamp], what="the acknowledgement")

    def descriptors(self) -> int:
        """How many files and sockets the worker has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def resident_bytes(self) -> int:
        """How much memory the worker occupies."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


DEFAULT_FEATURE = """
[[feature]]
name = "orders"
match = ["/orders/*"]
"""


@contextmanager
def running_worker(
    folder: Path,
    legacy: int,
    new: int,
    *,
    settings: str = "",
    features: str = DEFAULT_FEATURE,
    env: Mapping[str, str] | None = None,
) -> Iterator[WorkerUnderTest]:
    """A worker in front of two upstream ports. ``settings`` is TOML put before the upstreams' tables."""
    text = f"""
{settings}
[upstreams.legacy]
url = "http://{LOOPBACK}:{legacy}"
[upstreams.new]
url = "http://{LOOPBACK}:{new}"
[state]
dir = "{folder / "state"}"
{features}
"""
    config = parse_config(text, folder / "banyan.toml", env or {})
    runtime = folder / "runtime"
    runtime.mkdir(exist_ok=True)
    (folder / "state").mkdir(exist_ok=True)
    (runtime / "config.json").write_bytes(msgspec.json.encode(config))
    state = open_state(
        config.state.dir, {feature.name: feature.percent for feature in config.features}, time.time()
    )
    listening = socket.socket()
    listening.bind((LOOPBACK, 0))
    listening.listen(1024)
    listening.setblocking(False)
    life, alive = os.pipe()
    os.set_inheritable(life, True)
    listening.set_inheritable(True)
    command = [sys.executable, "-m", "gateway.worker", "--index", "0", "--runtime", str(runtime)]
    command += ["--listen-fd", str(listening.fileno()), "--life-fd", str(life)]
    logs = folder / "logs"
    logs.mkdir()
    try:
        with Spawner(logs, pass_fds=(listening.fileno(), life)) as spawner:
            process = spawner(command, name="worker", ready=lambda _: bool(state.page.rows()))
            port = listening.getsockname()[1]
            listening.close()
            yield WorkerUnderTest(port, process, state.page, config, alive)
    finally:
        os.close(life)
        os.close(alive)
        listening.close()
        state.page.close()
