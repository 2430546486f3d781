"""A gateway of stub workers that really runs, and the command line that asks it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx

from flags import PAGE_NAME, StatePage, WorkerRow
from tests.support.ports import PATIENCE, free_port, wait_until
from tests.support.spawn import ROOT, Spawned, Spawner, printed

Found = TypeVar("Found")
FEATURES = ("orders", "reports")
UNHEARD = "does not answer within 2 s"
"""What a command says of a control process that it asked whether it lives, and nothing else yet."""


def write_config(
    folder: Path, *, workers: int = 2, features: tuple[str, ...] = FEATURES, more: str = ""
) -> Path:
    """A configuration in `folder`; nobody listens at the upstreams."""
    listen = (
        f'[listen]\ntraffic = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\nworkers = {workers}\ndrain_timeout = 5\n'
    )
    sides = "".join(
        f'[upstreams.{side}]\nurl = "http://127.0.0.1:{free_port()}"\n' for side in ("legacy", "new")
    )
    tables = "".join(f'[[feature]]\nname = "{name}"\nmatch = ["/api/{name}/*"]\n' for name in features)
    path = folder / "banyan.toml"
    path.write_text(listen + sides + tables + more)
    return path


class Running:
    """One gateway, from its ready line on. `env` of commands has no BANYAN_ variable of ours."""

    def __init__(self, spawn: Spawner, folder: Path, **config: Any) -> None:
        self.folder = folder
        self.state = folder / "var"
        self.config = write_config(folder, **config)
        self._spawn = spawn
        self.process = self.start()

    def start(self) -> Spawned:
        """Start it (again)."""
        self.process = start(self._spawn, self.config, ready=True)
        said = next(line for line in self.process.output().splitlines() if line.startswith("READY "))
        self.ready = json.loads(said.removeprefix("READY "))
        return self.process

    @property
    def admin(self) -> str:
        return str(self.ready["admin"])

    @property
    def token(self) -> str:
        return (self.state / "admin-token").read_text().strip()

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask the admin API as admin."""
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return httpx.request(method, self.admin + path, headers=headers, timeout=60, trust_env=False, **more)

    def connect(self, line: bytes = b"hello\n") -> int:
        """One connection to the traffic port: the process that answered."""
        host, port = self.ready["traffic"].removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as client:
            client.sendall(line)
            return int(client.makefile().readline())

    def rows(self) -> list[WorkerRow]:
        """The live workers' rows in the page."""
        page = StatePage.open(self.state / PAGE_NAME)
        try:
            return page.rows()
        finally:
            page.close()

    def children(self) -> list[int]:
        """The processes that the supervisor started and that run."""
        return children_of(self.process.pid)

    def control_pid(self) -> int:
        """The control process."""
        commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in self.children()}
        return next(pid for pid, command in commands.items() if b"gateway.control_process" in command)

    def wait_for_workers(self, count: int, besides: frozenset[int] = frozenset()) -> frozenset[int]:
        """Wait until that many workers are alive that are none of `besides`; their processes."""
        wait_until(lambda: len(self.pids() - besides) == count, 2 * PATIENCE, f"{count} workers")
        return self.pids()

    def pids(self) -> frozenset[int]:
        """The processes of the live workers."""
        return frozenset(row.pid for row in self.rows())

    def cli(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of `banyan` against it. One that nobody has heard, while the control process stood
        still on a busy machine, is run again.
        """
        return again(
            lambda: self.once(*words, env=env), lambda done: done.returncode == 2 and UNHEARD in done.stderr
        )

    def once(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """The same, once."""
        return banyan("-c", str(self.config), *words, env=env)

    def asked(self, *words: str) -> Any:
        """The JSON that a command answers."""
        return json.loads(self.cli("--json", *words).stdout)


def again(do: Callable[[], Found], spoilt: Callable[[Found], bool], times: int = 10) -> Found:
    """What comes of it; it is done again, so many times at most, where a machine that stood still has spoilt
    it.
    """
    for _ in range(times - 1):
        if not spoilt(found := do()):
            return found
    return do()


def start(spawn: Spawner, config: Path, *, ready: bool) -> Spawned:
    """A supervisor of stub workers; with `ready` wait for its ready line, else for its end or that line."""
    command = [sys.executable, "-m", "tests.gateway.stubs.launch", str(config)]
    return spawn(command, ready=printed("READY ") if ready else None, name="gateway", env=clean(), timeout=60)


def banyan(*words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    command = [sys.executable, "-m", "gateway", *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=ROOT, env=clean(env), check=False
    )


def clean(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our environment without any setting of ours, plus `env`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BANYAN_")}
    return {**kept, "PYTHONPATH": str(ROOT), **(env or {})}


def children_of(pid: int) -> list[int]:
    """The living children of a process."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]
