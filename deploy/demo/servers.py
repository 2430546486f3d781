"""Both applications and the gateway as processes of their own, on free ports, ended whatever happens."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[2]
GOLDENS = ROOT / "legacy_app" / "goldens"
FEATURE = "practice"
READY_SECONDS = 120.0

CONFIG = """\
# The reference migration. One feature: its routes share a session and a CSRF token, so they move together.
[listen]
traffic = "127.0.0.1:{traffic}"
admin = "127.0.0.1:{admin}"
workers = 2
expose_decision = true

[upstreams.legacy]
url = "http://127.0.0.1:{legacy}"
[upstreams.new]
url = "http://127.0.0.1:{new}"

[state]
dir = "state"

[sticky]
keys = []

[shadow]
rules = "{rules}"

[golden]
dir = "{goldens}"

[[feature]]
name = "{feature}"
match = ["/", "/chat", "/scenarios", "/scenario/*", "/watch", "/api/*"]
percent = 0
shadow = {{ percent = 100, direction = "both", writes = "isolated" }}

[feature.guard]
max_error_rate = 0.001
max_p95 = "{max_p95}"
max_mismatch_rate = 0.01
min_samples = {min_samples}
window = "5s"  # of hours in which a release is watched; here it all takes a minute
on_failure = "{on_failure}"
"""


class DidNotStart(Exception):
    """A server did not come up; the text says which, and the last it printed."""


def free_port(preferred: int = 0) -> int:
    """``preferred`` if nobody has it, else any that is free."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise DidNotStart("there is no free port on 127.0.0.1")


class Servers:
    """The three servers in ``folder``. Everything they write lies below it."""

    on_failure = "rollback"
    min_samples = 200
    max_p95 = "5s"  # a machine that is busy with something else is no reason to take the users back

    def __init__(self, folder: Path, *, usual_ports: bool = False) -> None:
        self.folder = folder
        usual = (5001, 5002, 8080, 8081) if usual_ports else (0, 0, 0, 0)
        self.legacy, self.new, self.traffic, self.admin = (free_port(port) for port in usual)
        self.config = folder / "banyan.toml"
        self.faults = folder / "faults"
        self.goldens = folder / "recordings"
        self.rules = GOLDENS / "shadow-rules.toml"
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, process in reversed(self._running):
            process.send_signal(signal.SIGTERM)
        for _, process in reversed(self._running):
            _await_end(process)

    @property
    def url(self) -> str:
        """Where users go."""
        return f"http://127.0.0.1:{self.traffic}"

    @property
    def legacy_url(self) -> str:
        """The legacy application itself."""
        return f"http://127.0.0.1:{self.legacy}"

    @property
    def new_url(self) -> str:
        """The new application itself."""
        return f"http://127.0.0.1:{self.new}"

    @property
    def dashboard_url(self) -> str:
        """Where operators look."""
        return f"http://127.0.0.1:{self.admin}/"

    def start_applications(self) -> None:
        """Both applications, with storage of their own."""
        self._start(
            "legacy",
            ["-m", "legacy_app", "--bind", f"127.0.0.1:{self.legacy}", "--workers", "2"],
            {"SESSION_DIR": str(self.folder / "legacy-sessions")},
        )
        self._start(
            "new",
            ["-m", "new_app", "--host", "127.0.0.1", "--port", str(self.new)],
            {
                "NEW_APP_SESSION_DIR": str(self.folder / "new-sessions"),
                "NEW_APP_FAULTS_FILE": str(self.faults),
                "NEW_APP_STREAM_DELAY_MS": "5",
            },
        )
        self._await("legacy", f"{self.legacy_url}/health")
        self._await("new", f"{self.new_url}/health")

    def start_gateway(self) -> None:
        """The gateway in front of both."""
        self.config.write_text(
            CONFIG.format(
                traffic=self.traffic,
                admin=self.admin,
                legacy=self.legacy,
                new=self.new,
                feature=FEATURE,
                rules=self.rules,
                goldens=self.goldens,
                on_failure=self.on_failure,
                min_samples=self.min_samples,
                max_p95=self.max_p95,
            )
        )
        self._start("gateway", ["-m", "gateway", "-c", str(self.config), "run"], {})
        self._await("gateway", f"http://127.0.0.1:{self.admin}/readyz")

    def switch_fault(self, name: str) -> None:
        """Let the new application make this mistake from its next request on; an empty name ends it."""
        temporary = self.faults.with_suffix(".new")
        temporary.write_text(name)
        temporary.replace(self.faults)

    def process(self, name: str) -> subprocess.Popen[bytes]:
        """The running process of one server: the one started last."""
        return [process for running, process in self._running if running == name][-1]

    def forget(self, process: subprocess.Popen[bytes]) -> None:
        """A server that was ended on purpose: nobody is to wonder about it."""
        self._running = [each for each in self._running if each[1] is not process]

    def log_of(self, name: str) -> str:
        """What a server printed."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def check_alive(self) -> None:
        """Raise when a server has ended by itself."""
        for name, process in self._running:
            if process.poll() is not None:
                raise DidNotStart(
                    f"{name} ended with {process.returncode}; the last it said:\n{self.log_of(name)[-2000:]}"
                )

    def _start(self, name: str, arguments: Sequence[str], extra: Mapping[str, str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env={**os.environ, **extra},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours: we end the servers in order
            )
        self._running.append((name, process))

    def _await(self, name: str, url: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            self.check_alive()
            try:
                with urlopen(url, timeout=1):
                    return
            except (URLError, OSError):
                time.sleep(0.03)
        raise DidNotStart(f"{name} was not ready within {READY_SECONDS:.0f} s:\n{self.log_of(name)[-2000:]}")


def _await_end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
