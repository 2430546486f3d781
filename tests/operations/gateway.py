"""A whole gateway as a process: supervisor, control, shadow and workers, with its log and its counters."""

from __future__ import annotations

import json
import re
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.ports import LOOPBACK, wait_until
from tests.support.spawn import Spawned, Spawner, printed


def write_config(
    folder: Path, legacy: str, new: str, *, listen: str = "", legacy_keys: str = "", more: str = ""
) -> Path:
    """A configuration in ``folder``. ``listen`` and ``legacy_keys`` are lines of those tables."""
    if "traffic =" not in listen:
        listen += f'\ntraffic = "{LOOPBACK}:0"'
    if "workers =" not in listen:
        listen += "\nworkers = 1"
    path = folder / "banyan.toml"
    path.write_text(
        f'[listen]\nadmin = "{LOOPBACK}:0"\n{listen}\n'
        f'[upstreams.legacy]\nurl = "{legacy}"\n{legacy_keys}\n[upstreams.new]\nurl = "{new}"\n'
        f'[state]\ndir = "state"\n{more}\n'
    )
    return path


class Gateway:
    """Runs from its making on; ended by the spawner. ``files``: how many each of its processes may open."""

    def __init__(
        self, spawn: Spawner, config: Path, env: Mapping[str, str] | None = None, files: int = 0
    ) -> None:
        self.config = config
        command = [sys.executable, "-m", "gateway", "-c", str(config), "--json", "run"]
        if files:
            command = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *command]
        self.process: Spawned = spawn(
            command, ready=printed('"ready":'), name="gateway", env=env, timeout=180
        )
        self.ready: dict[str, Any] = json.loads(
            next(line for line in self.process.output().splitlines() if '"ready":' in line)
        )

    @property
    def port(self) -> int:
        """The traffic port."""
        return int(self.ready["traffic"].rsplit(":", 1)[1])

    def workers(self) -> list[int]:
        """The processes that serve traffic."""
        return self.children("gateway.worker")

    def children(self, module: str) -> list[int]:
        """The gateway's processes that run this module."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [pid for pid in map(int, children) if module.encode() in _command(pid)]

    def reload(self) -> None:
        """SIGHUP, and wait for the outcome to be logged."""
        seen = self.outcomes()
        self.process.signal(1)
        wait_until(lambda: self.outcomes() > seen, 120, "the outcome of a reload")

    def outcomes(self) -> int:
        """How many reloads came to an end."""
        return len(re.findall("configuration (?:not )?taken over", self.process.output()))

    def counters(self) -> dict[str, int]:
        """Every counter of ours in ``/metrics``, by name and labels as they stand there."""
        with urllib.request.urlopen(f"{self.ready['admin']}/metrics", timeout=60) as answer:
            rows = re.findall(r"^(banyan_\w+_total\S*) (\S+)$", answer.read().decode(), re.M)
        return {name: int(float(value)) for name, value in rows}

    def total(self, name: str, *labels: str) -> int:
        """The sum of a counter over the series that hold all of these labels, such as ``code="2xx"``."""
        return sum(
            value
            for key, value in self.counters().items()
            if key.partition("{")[0] == name and all(label in key for label in labels)
        )


def refusal(spawn: Spawner, config: Path) -> str:
    """What a gateway says that cannot start; its exit status is 2."""
    process = spawn([sys.executable, "-m", "gateway", "-c", str(config), "run"], name="gateway")
    assert process.wait(60) == 2
    return process.output().strip()


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
