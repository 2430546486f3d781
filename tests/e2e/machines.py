"""Several gateways that share one Redis, as on several machines: each with a state folder, a page and
processes of its own, over two sides that say which one they are."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from tests.e2e.between import PATIENCE
from tests.support.ports import LOOPBACK, wait_until
from tests.support.spawn import Spawned, Spawner, printed

KEYS = [secrets.token_hex(16) for _ in range(40)]
UNGUARDED = 'guard = { on_failure = "hold" }'
"""However slow the machine is on which both sides and all users are: nothing is taken back by itself."""


class _Side(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *said: Any) -> None:
        """Be quiet."""


@contextmanager
def two_sides() -> Iterator[tuple[str, str]]:
    """Legacy and new, which answer everything with 200 → their addresses."""
    servers = [ThreadingHTTPServer((LOOPBACK, 0), _Side) for _ in range(2)]
    for server in servers:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield (
            f"http://{LOOPBACK}:{servers[0].server_port}",
            f"http://{LOOPBACK}:{servers[1].server_port}",
        )
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


class Said(NamedTuple):
    """What a command did: exit status, its JSON if any, all that it printed."""

    status: int
    data: Any
    text: str


class Machine:
    """One gateway of two workers and the features `orders` and `reports`; `more` are further lines of the
    file, `state` of its table, `feature` of each feature's.
    """

    def __init__(
        self,
        spawn: Spawner,
        folder: Path,
        sides: tuple[str, str],
        *,
        state: str = "",
        more: str = "",
        feature: str = UNGUARDED,
        percent: float = 0,
        env: dict[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.state = folder / "state"
        self._spawn = spawn
        self._env = env or {}
        self.config = folder / "banyan.toml"
        self.config.write_text(
            f'[listen]\ntraffic = "{LOOPBACK}:0"\nadmin = "{LOOPBACK}:0"\nworkers = 2\n'
            f'expose_decision = true\n[upstreams.legacy]\nurl = "{sides[0]}"\n'
            f'[upstreams.new]\nurl = "{sides[1]}"\n[state]\ndir = "state"\n{state}\n{more}\n'
            + "".join(
                f'[[feature]]\nname = "{name}"\nmatch = ["/{name}/*"]\npercent = {percent}\n'
                f"shadow.percent = 0\n{feature}\n"
                for name in ("orders", "reports")
            )
        )
        self.start()

    def start(self) -> None:
        """Start it (again)."""
        command = [sys.executable, "-m", "gateway", "-c", str(self.config), "--json", "run"]
        self.process: Spawned = self._spawn(
            command, name=self.folder.name, env=self._env, ready=printed('"ready":true'), timeout=4 * PATIENCE
        )
        line = next(line for line in self.process.output().splitlines() if '"ready":true' in line)
        self.ready = json.loads(line)

    def child(self, module: str) -> list[int]:
        """The processes of this gateway that run this module."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        found = []
        for pid in map(int, children):
            with suppress(OSError):  # one that has just ended
                if module.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
        return found

    @staticmethod
    def kill(pid: int) -> None:
        """Without a word."""
        os.kill(pid, signal.SIGKILL)

    def banyan(self, *words: str) -> Said:
        """Run a command to its end."""
        done = self._spawn(
            [sys.executable, "-m", "gateway", "-c", self.config, "--json", *words],
            name=words[0],
            env=self._env,
        )
        status, said = done.wait(100), done.output()
        try:
            return Said(status, json.loads(said), said)
        except ValueError:
            return Said(status, None, said)

    def change(self, *words: str) -> Said:
        """A changing command, by Ann."""
        return self.banyan(*words, "--reason", "a test", "--by", "ann")

    def ask(self, method: str, path: str, body: Any = None, timeout: float = PATIENCE) -> Any:
        """The admin API, without the time that a command takes to start."""
        asked = http.client.HTTPConnection(self.ready["admin"].removeprefix("http://"), timeout=timeout)
        token = (self.state / "admin-token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        asked.request(method, f"/api/v1{path}", json.dumps(body) if body is not None else None, headers)
        answer = asked.getresponse().read()
        asked.close()
        return json.loads(answer)

    def status(self) -> Any:
        return self.ask("GET", "/status")

    def metrics(self) -> str:
        asked = http.client.HTTPConnection(self.ready["admin"].removeprefix("http://"), timeout=PATIENCE)
        asked.request("GET", "/metrics")
        text = asked.getresponse().read().decode()
        asked.close()
        return text

    def percent(self, feature: str = "orders") -> float:
        """The dial in force."""
        return float(next(one["percent"] for one in self.status()["features"] if one["name"] == feature))

    def entries(self) -> list[dict[str, Any]]:
        """The ledger, oldest first; without a line that is being written."""
        lines = (self.state / "ledger.jsonl").read_text().rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in lines]

    def side(self, key: str, feature: str = "orders") -> str:
        """Who answers this user, over a connection of its own: any worker may."""
        asked = http.client.HTTPConnection(self.ready["traffic"].removeprefix("http://"), timeout=PATIENCE)
        asked.request("GET", f"/{feature}/x", headers={"Cookie": f"banyan_key={key}"})
        side = asked.getresponse().getheader("Banyan-Side", "")
        asked.close()
        return side

    def latched(self) -> set[str]:
        """The features that are rolled back."""
        return {one["name"] for one in self.status()["features"] if one["latched"]}

    def on_new(self, feature: str = "orders") -> set[str]:
        """Which of our users are on the new side."""
        return {key for key in KEYS if self.side(key, feature) == "new"}

    def crowd(self, feature: str = "orders") -> Crowd:
        """Users who ask all the time."""
        return Crowd(self, feature)


class Crowd:
    """Threads of sticky users, each on one connection. `answers`: when it was sent, and which side answered;
    `failures`: what was not answered with 200.
    """

    def __init__(self, machine: Machine, feature: str, users: int = 6) -> None:
        self.answers: list[tuple[float, str]] = []
        self.failures: list[str] = []
        self._address = machine.ready["traffic"].removeprefix("http://")
        self._feature = feature
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(KEYS[number],)) for number in range(users)]

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def last(self, side: str) -> float:
        """When the last request was sent that this side answered; 0 when there is none."""
        return max((sent for sent, by in list(self.answers) if by == side), default=0.0)

    def waits_for(self, side: str, count: int = 20) -> None:
        """Until so many more requests were answered by this side."""
        before = len(self.answers)
        enough: Callable[[], bool] = lambda: sum(by == side for _, by in self.answers[before:]) >= count  # noqa: E731
        wait_until(enough, 60, f"{count} answers of {side}")

    def _ask(self, key: str) -> None:
        asked = http.client.HTTPConnection(self._address, timeout=PATIENCE)
        while not self._over.is_set():
            sent = time.monotonic()
            try:
                asked.request("GET", f"/{self._feature}/x", headers={"Cookie": f"banyan_key={key}"})
                answer = asked.getresponse()
                answer.read()
                if answer.status == 200:
                    self.answers.append((sent, answer.getheader("Banyan-Side", "")))
                else:
                    self.failures.append(f"{answer.status}")
            except OSError as error:
                self.failures.append(repr(error))
                asked.close()
            time.sleep(0.005)
        asked.close()
