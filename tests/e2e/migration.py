"""The demo's servers as a test wants them: started, dialled by the command line, looked at from outside."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from deploy.demo.banyan import Called, banyan
from deploy.demo.servers import FEATURE, Servers
from flags import PAGE_NAME, StatePage

Found = TypeVar("Found")


class Migration(Servers):
    """``feature`` is the one that claims every route of the applications."""

    feature = FEATURE
    on_failure = "hold"  # what is broken on purpose stays where the test has put it
    min_samples = 10  # a few conversations say enough
    max_p95 = "200ms"  # less than what the seeded slowness costs

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        try:
            self.start_applications()
            self.start_gateway()
        except BaseException:
            self.__exit__(None, None, None)  # nobody else would end what has started
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)

    def banyan(self, *arguments: str) -> Called:
        """One command of the command line, with ``--json``."""
        return banyan(self.config, *arguments)

    def dial(self, percent: float) -> dict[str, Any]:
        """Move the dial, and insist that it was done."""
        return self._done(self.banyan("dial", FEATURE, str(percent), "--reason", "a test"))

    def rollback(self) -> dict[str, Any]:
        """Take the feature back."""
        return self._done(self.banyan("rollback", FEATURE, "--reason", "a test"))

    def restore(self) -> dict[str, Any]:
        """Clear the latch."""
        return self._done(self.banyan("restore", FEATURE, "--reason", "a test"))

    def _done(self, called: Called) -> dict[str, Any]:
        assert called.code == 0, called.text
        assert called.data["complete"], called.text
        data: dict[str, Any] = called.data
        return data

    def worker_pids(self) -> list[int]:
        """The processes that serve traffic."""
        page = StatePage.open(self.folder / "state" / PAGE_NAME)
        try:
            return [row.pid for row in page.rows()]
        finally:
            page.close()

    def child_pids(self, module: str) -> list[int]:
        """The gateway's processes that run ``module``."""
        parent = str(self.process("gateway").pid)
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                status = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_text()
            except OSError:
                continue
            if status[1] == parent and module in command:
                found.append(int(entry.name))
        return found

    def kill_application(self, name: str) -> None:
        """End one application, with its workers, without a word."""
        process = self.process(name)
        os.killpg(process.pid, signal.SIGKILL)  # a session of its own: only its own children are in it
        process.wait()

    def restart_gateway(self) -> None:
        """Stop the gateway in good order and start it again."""
        process = self.process("gateway")
        process.terminate()
        assert process.wait(60) == 0
        self.forget(process)
        self.start_gateway()

    def kill(self, pid: int) -> None:
        """End one of our own processes without a word."""
        os.kill(pid, signal.SIGKILL)

    def side_of(self, client: httpx.Client, key: str, path: str = "/api/models") -> str:
        """Which side answers a user."""
        answer = client.get(self.url + path, headers={"Cookie": f"banyan_key={key}"})
        assert answer.status_code == 200, answer.text
        return answer.headers["Banyan-Side"]


def eventually(look: Callable[[], Found], timeout: float = 60.0) -> Found:
    """What ``look`` finds, once it finds something; else what it found last."""
    deadline = time.monotonic() + timeout
    while True:
        found = look()
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.1)
