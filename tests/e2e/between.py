"""A real gateway between two small applications that a test writes: a function each, served over HTTP/1.1."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deploy.demo.banyan import Called, banyan
from tests.support.ports import LOOPBACK, free_port, wait_until
from tests.support.spawn import ROOT, Spawned, Spawner


class Asked(NamedTuple):
    """A request as an application sees it; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def is_shadow(self) -> bool:
        """Whether it is a copy."""
        return self.headers.get("banyan-shadow") == "1"


class Says(NamedTuple):
    """An answer. ``hang_up``: close the connection in its place."""

    body: bytes = b"{}"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    hang_up: bool = False


JSON = (("Content-Type", "application/json"),)
PATIENCE = 30.0
"""Seconds for an answer that must come: a busy machine may let any process wait for some."""
UNTOLD = 5.0
"""Seconds without news after which what was not told is not waited for."""

Application = Callable[[Asked], Says]


@contextmanager
def serving(application: Application) -> Iterator[int]:
    """The application on a free port, a thread for each connection."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            names = {name.lower(): value for name, value in self.headers.items()}
            said = application(Asked(self.command, self.path, names, body))
            if said.hang_up:
                self.close_connection = True
                return
            self.send_response_only(said.status)
            for name, value in said.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said.body)
            self.wfile.flush()

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hangs up is no news."""

    server = Server((LOOPBACK, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


CONFIG = """
[listen]
traffic = "127.0.0.1:{traffic}"
admin = "127.0.0.1:{admin}"
workers = {workers}
drain_timeout = 5
{listen}
[upstreams.legacy]
url = "http://127.0.0.1:{legacy}"
[upstreams.new]
url = "http://127.0.0.1:{new}"
[state]
dir = "state"
[sticky]
keys = ["header:X-User"]
[shadow]
{shadow}
[[feature]]
name = "orders"
match = ["/*"]
percent = {percent}
fallback = "off"
breaker = {{ failures = 1000, failure_rate = 1 }}
shadow = {feature_shadow}
guard.on_failure = "hold"
guard.min_samples = 10
guard.max_mismatch_rate = 0.9
guard.max_error_rate = 0.9
guard.max_p95 = "10s"
"""


class Users:
    """How often the applications were asked for users: what is no copy."""

    def __init__(self) -> None:
        self.asked = 0
        self._lock = threading.Lock()

    def of(self, application: Application) -> Application:
        """The application, with its requests counted."""

        def counted(asked: Asked) -> Says:
            if not asked.is_shadow:
                with self._lock:
                    self.asked += 1
            return application(asked)

        return counted


class Between:
    """The gateway, running. ``folder`` holds all it writes. ``users``: what its applications were asked; all
    zero where they are not a test's own.
    """

    def __init__(
        self, folder: Path, process: Spawned, traffic: int, admin: int, users: Users | None = None
    ) -> None:
        self._users = users or Users()
        self.folder = folder
        self.process = process
        self.url = f"http://{LOOPBACK}:{traffic}"
        self.admin = f"http://{LOOPBACK}:{admin}"
        self.config = folder / "banyan.toml"

    def banyan(self, *arguments: str) -> Called:
        """One command of the command line, with ``--json``."""
        return banyan(self.config, *arguments)

    def report(self) -> dict[str, Any]:
        """What ``banyan report`` says of the shadow."""
        data: dict[str, Any] = self.banyan("report", "orders").data["shadow"]
        return data

    def warnings(self) -> list[str]:
        """What ``banyan status`` warns of."""
        said: list[str] = self.banyan("status").data["warnings"]
        return said

    def metrics(self) -> dict[str, dict[tuple[str, ...], float]]:
        """One scrape: metric → label values in the order of their names → number."""
        text = httpx.get(f"{self.admin}/metrics", trust_env=False, timeout=PATIENCE).text
        found: dict[str, dict[tuple[str, ...], float]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = tuple(sample.labels[name] for name in sorted(sample.labels))
                found.setdefault(sample.name, {})[labels] = sample.value
        return found

    def books(self) -> Counter[str]:
        """One scrape of what the shadow did with the feature: eligible, not_sampled, in_flight, and each
        verdict."""
        scraped = self.metrics()
        books: Counter[str] = Counter()
        for (_, outcome), value in scraped.get("banyan_capture_total", {}).items():
            if outcome in ("eligible", "not_sampled"):
                books[outcome] += int(value)
        for (_, verdict), value in scraped.get("banyan_shadow_total", {}).items():
            books[verdict] += int(value)
        books["in_flight"] = int(sum(scraped.get("banyan_shadow_in_flight", {}).values()))
        return books

    def answered(self) -> int:
        """How many requests of users the workers have told of, one that fell back twice: each side was
        asked."""
        scraped = self.metrics()
        told = (scraped.get(f"banyan_{what}_total", {}) for what in ("requests", "fallbacks"))
        return int(sum(sum(rows.values()) for rows in told))

    def settled(self, timeout: float = 60.0, eligible: int = 0) -> Counter[str]:
        """The books once so much was eligible and nothing is in flight.

        Without a number: once unchanged for a second, and the workers have told of all that the applications
        were asked: they tell only now and then. What a worker that was killed had not told yet nobody tells:
        then once unchanged for long.
        """
        last: list[Counter[str]] = [Counter()]
        since = time.monotonic()

        def look() -> bool:
            nonlocal since
            told = eligible > 0 or self.answered() >= self._users.asked
            now = self.books()
            if now != last[0]:
                since = time.monotonic()
            last[:] = [now]
            quiet = eligible > 0 or time.monotonic() - since > (1 if told else UNTOLD)
            return quiet and now["in_flight"] == 0 and now["eligible"] >= eligible

        try:
            wait_until(look, timeout=timeout, what="the shadow")
        except TimeoutError as error:
            raise AssertionError(f"not settled: {last[0]}, of {eligible or 'all'}") from error
        return last[0]

    def children(self, module: str) -> list[int]:
        """The gateway's own processes that run ``module``."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and module in (entry / "cmdline").read_text():
                    parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                    if parent == str(self.process.pid):
                        found.append(int(entry.name))
            except OSError:
                continue
        return found

    def kill(self, module: str) -> None:
        """End the gateway's processes of one kind without a word."""
        for pid in self.children(module):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def log(self) -> str:
        """What the gateway printed."""
        return self.process.output()


def unbalanced(books: Counter[str]) -> int:
    """What the books do not account for; 0."""
    ended = sum(
        times for name, times in books.items() if name not in ("eligible", "not_sampled", "in_flight")
    )
    return books["eligible"] - books["not_sampled"] - books["in_flight"] - ended


@contextmanager
def between(
    folder: Path,
    legacy: Application,
    new: Application,
    *,
    shadow: str = "",
    feature_shadow: str = '{ percent = 100, writes = "isolated" }',
    workers: int = 2,
    percent: float = 0,
    listen: str = "",
) -> Iterator[Between]:
    """Start all three; everything ends with the block."""
    users = Users()
    with (
        serving(users.of(legacy)) as legacy_port,
        serving(users.of(new)) as new_port,
        between_ports(
            folder,
            legacy_port,
            new_port,
            shadow=shadow,
            feature_shadow=feature_shadow,
            workers=workers,
            percent=percent,
            listen=listen,
            users=users,
        ) as gateway,
    ):
        yield gateway


@contextmanager
def between_ports(
    folder: Path,
    legacy: int,
    new: int,
    *,
    shadow: str = "",
    feature_shadow: str = '{ percent = 100, writes = "isolated" }',
    workers: int = 2,
    percent: float = 0,
    listen: str = "",
    users: Users | None = None,
) -> Iterator[Between]:
    """A gateway in front of two applications that run already."""
    traffic, admin = free_port(), free_port()
    config = folder / "banyan.toml"
    config.write_text(
        CONFIG.format(
            traffic=traffic,
            admin=admin,
            workers=workers,
            legacy=legacy,
            new=new,
            shadow=shadow,
            feature_shadow=feature_shadow,
            percent=percent,
            listen=listen,
        )
    )
    logs = folder / "logs"
    logs.mkdir()

    def ready(_: object) -> bool:
        try:
            answer = httpx.get(f"http://{LOOPBACK}:{admin}/readyz", timeout=1, trust_env=False)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200

    with Spawner(logs) as spawner:
        process = spawner(
            [sys.executable, "-m", "gateway", "-c", str(config), "run"],
            name="gateway",
            ready=ready,
            cwd=ROOT,
            timeout=4 * PATIENCE,
        )
        yield Between(folder, process, traffic, admin, users)
