"""Start a program, wait until it answers, end it by its pid, and keep what it printed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.ports import LOOPBACK, PATIENCE, accepts

Ready = Callable[["Spawned"], bool]

ROOT = Path(__file__).resolve().parent.parent.parent


def port_open(port: int, host: str = LOOPBACK) -> Ready:
    """Ready when somebody accepts connections on this port."""
    return lambda _: accepts(port, host)


def http_ok(url: str) -> Ready:
    """Ready when this URL answers with a status below 500."""

    def ready(_: Spawned) -> bool:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return True
        except urllib.error.HTTPError as error:
            return error.code < 500
        except OSError:
            return False

    return ready


def printed(text: str) -> Ready:
    """Ready when the program has printed this."""
    return lambda process: text in process.output()


class Spawned:
    """One running program of ours."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        env: Mapping[str, str],
        cwd: Path,
        pass_fds: Sequence[int] = (),
    ) -> None:
        """Start it in a session of its own, so that ending it ends its children too."""
        self.name = name
        self.command = list(command)
        self.log = log
        with log.open("wb") as sink:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
                pass_fds=tuple(pass_fds),
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def output(self) -> str:
        """Everything it printed so far."""
        return self.log.read_text(errors="replace")

    def tail(self, size: int = 4000) -> str:
        """The last of what it printed."""
        return self.output()[-size:]

    def wait_until_ready(self, ready: Ready, timeout: float) -> None:
        """Return when it is ready; RuntimeError with its output when it ended or took too long."""
        deadline = time.monotonic() + timeout
        while not ready(self):
            if not self.running:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} was not ready within {timeout} s:\n{self.tail()}")
            time.sleep(0.02)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Its exit status, once it has ended."""
        return self.process.wait(timeout)

    def stop(self, timeout: float = 10.0) -> int:
        """Ask it to end, then insist, with whatever it started; its exit status."""
        if self.running:
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)  # the session we made for it: only its own children are in it
        return self.process.returncode


class Spawner:
    """Starts programs and ends them all, the last one first."""

    def __init__(self, folder: Path, pass_fds: Sequence[int] = ()) -> None:
        """Keep the output of each program in this folder; each inherits the descriptors ``pass_fds``."""
        self.folder = folder
        self.pass_fds = pass_fds
        self.started: list[Spawned] = []

    def __enter__(self) -> Self:
        """Nothing runs yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything."""
        self.stop_all()

    def __call__(
        self,
        command: Sequence[str | Path],
        *,
        ready: Ready | None = None,
        name: str = "",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 2 * PATIENCE,
    ) -> Spawned:
        """Start a program from the project's root and wait until it is ready; `env` is added to ours."""
        words = [str(word) for word in command]
        name = name or Path(words[0]).name
        log = self.folder / f"{len(self.started):02}-{name}.log"
        process = Spawned(
            name,
            words,
            log,
            {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            cwd or ROOT,
            self.pass_fds,
        )
        self.started.append(process)
        if ready is not None:
            process.wait_until_ready(ready, timeout)
        return process

    def stop_all(self) -> None:
        """End everything that still runs."""
        for process in reversed(self.started):
            process.stop()
