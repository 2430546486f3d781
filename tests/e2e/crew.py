"""Several gateways and several `banyan shadow`, between the same two applications, around one real Redis."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from tests.e2e.between import PATIENCE, Application, Asked, Between, Says, serving, unbalanced
from tests.support.ports import LOOPBACK, free_port, wait_until
from tests.support.redis import EXECUTABLE, RedisServer, start_redis
from tests.support.spawn import ROOT, Spawned, Spawner, port_open, printed

CONFIG = """
[listen]
traffic = "127.0.0.1:{traffic}"
admin = "127.0.0.1:{admin}"
workers = {workers}
drain_timeout = 5
[upstreams.legacy]
url = "http://127.0.0.1:{legacy}"
[upstreams.new]
url = "http://127.0.0.1:{new}"
[state]
dir = "state"
redis_url = "{redis}"
[sticky]
keys = ["header:X-User"]
[shadow]
control_twice = 0
{shadow}
[[feature]]
name = "orders"
match = ["/*"]
fallback = "off"
shadow = {{ percent = 100, writes = "isolated" }}
guard = {{ min_samples = 10, max_mismatch_rate = 0.9, max_error_rate = 0.9, max_p95 = "10s" }}
"""


class Ledger:
    """An application that says what it is told, honours `Banyan-Shadow`, and remembers in which order the
    copies of each user came: `X-User` and `X-Number`."""

    def __init__(self, pause: float = 0.0, hurt: Callable[[Asked], Says | None] | None = None) -> None:
        self.copies: dict[str, list[int]] = defaultdict(list)
        self.writes: Counter[tuple[str, int]] = Counter()
        self.asked = 0
        self.pause = pause
        self.hurt = hurt
        self._lock = threading.Lock()

    def __call__(self, asked: Asked) -> Says:
        user, number = asked.headers.get("x-user", ""), int(asked.headers.get("x-number", -1))
        if self.pause and asked.is_shadow and number >= 0:
            time.sleep(self.pause)
        with self._lock:
            self.asked += 1
            if asked.is_shadow and number >= 0:
                self.copies[user].append(number)
                if asked.method == "POST":
                    self.writes[user, number] += 1
        said = self.hurt(asked) if self.hurt else None
        if said is not None:
            return said
        body = b'{"user": "%b", "number": %d}' % (user.encode(), number)
        return Says(body, headers=(("Content-Type", "application/json"), ("Banyan-Shadow", "honoured")))


class Machine:
    """A running `banyan shadow`."""

    def __init__(self, process: Spawned, config: Path) -> None:
        self.process = process
        self.config = config

    def workers(self) -> list[int]:
        """Its shadow processes."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(child) for child in listed]

    def all(self, number: int) -> None:
        """Send a signal to the whole machine: what starts the processes first, so that none is replaced."""
        for pid in (self.process.pid, *self.workers()):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        """As when the power fails."""
        self.all(signal.SIGKILL)


class Crew:
    """Everybody, around one Redis."""

    def __init__(self, folder: Path, spawner: Spawner, legacy: int, new: int) -> None:
        self.folder, self.spawner = folder, spawner
        self.legacy, self.new = legacy, new
        self.redis: RedisServer = start_redis(spawner)
        self._kept: Path | None = None
        self.gateways: list[Between] = []
        self.machines: list[Machine] = []

    def _configured(self, name: str, shadow: str, workers: int, traffic: int, admin: int) -> Path:
        home = self.folder / name
        home.mkdir()
        config = home / "banyan.toml"
        text = CONFIG.format(
            traffic=traffic,
            admin=admin,
            workers=workers,
            legacy=self.legacy,
            new=self.new,
            redis=self.redis.url,
            shadow=shadow,
        )
        config.write_text(text)
        return config

    def gateway(
        self, shadow: str = "processes = 0", workers: int = 2, env: Mapping[str, str] | None = None
    ) -> Between:
        """Start a gateway."""
        traffic, admin = free_port(), free_port()
        name = f"gateway-{len(self.gateways)}"
        config = self._configured(name, shadow, workers, traffic, admin)

        def ready(_: object) -> bool:
            with suppress(httpx.HTTPError):
                found = httpx.get(f"http://{LOOPBACK}:{admin}/readyz", timeout=1, trust_env=False)
                return found.status_code == 200
            return False

        command = [sys.executable, "-m", "gateway", "-c", str(config), "run"]
        process = self.spawner(command, name=name, ready=ready, cwd=ROOT, env=env, timeout=4 * PATIENCE)
        self.gateways.append(Between(config.parent, process, traffic, admin))
        return self.gateways[-1]

    def machine(self, shadow: str = "", processes: int = 1, env: Mapping[str, str] | None = None) -> Machine:
        """Start a `banyan shadow`."""
        name = f"shadow-{len(self.machines)}"
        config = self._configured(name, shadow, 1, free_port(), free_port())
        command = [sys.executable, "-m", "gateway", "-c", str(config), "shadow"]
        command += ["--processes", str(processes)]
        process = self.spawner(
            command,
            name=name,
            ready=printed("banyan shadow is ready"),
            cwd=ROOT,
            env=env,
            timeout=4 * PATIENCE,
        )
        self.machines.append(Machine(process, config))
        return self.machines[-1]

    def restart_redis(self) -> None:
        """The same Redis again, empty: it keeps nothing on disk."""
        self.redis.process.signal(signal.SIGKILL)
        self.redis.process.wait()
        self.redis = start_redis(self.spawner, self.redis.port)

    def keep_redis_on_disk(self) -> None:
        """A Redis that keeps every write, in place of the one that keeps none; before anybody uses it."""
        self._kept = self.folder / "redis"
        self._kept.mkdir()
        self.redis.process.stop()
        self._start_kept()

    def restart_kept_redis(self) -> None:
        """The same Redis again, with all that it was told."""
        self.redis.process.signal(signal.SIGKILL)
        self.redis.process.wait()
        self._start_kept()

    def _start_kept(self) -> None:
        words: list[str | Path] = [
            EXECUTABLE,
            "--port",
            str(self.redis.port),
            "--bind",
            LOOPBACK,
            "--save",
            "",
        ]
        words += ["--appendonly", "yes", "--appendfsync", "always", "--dir", str(self._kept)]
        process = self.spawner(words, name="redis", ready=port_open(self.redis.port), cwd=self._kept)
        self.redis = RedisServer(self.redis.port, process)

    def books(self) -> Counter[str]:
        """The books of all gateways, added up, each balanced."""
        total: Counter[str] = Counter()
        for gateway in self.gateways:
            books = gateway.books()
            assert unbalanced(books) == 0, books
            total.update(books)
        return total

    def settled(self, eligible: int, timeout: float = 60.0) -> Counter[str]:
        """The same, once so much was eligible and nothing is in flight."""
        last: list[Counter[str]] = [Counter()]

        def look() -> bool:
            try:
                last[0] = self.books()
            except httpx.HTTPError:  # a control process that was killed is not back yet
                return False
            return last[0]["in_flight"] == 0 and last[0]["eligible"] >= eligible

        try:
            wait_until(look, timeout=timeout, what="the shadow")
        except TimeoutError as error:
            raise AssertionError(f"not settled: {last[0]}, of {eligible}") from error
        return last[0]

    def held(self, shards: int = 32) -> bool:
        """Whether every shard is worked on."""
        shadow = self.gateways[0].banyan("status").data["shadow"]
        return bool(shadow["held"] == shards)


class Load:
    """Users, each with one request after the other, over all gateways in turn."""

    def __init__(self, crew: Crew, users: int = 8, method: Callable[[int], str] = lambda _: "GET") -> None:
        self._crew, self._method = crew, method
        self.sent: Counter[str] = Counter()
        self.failed: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._user, args=(f"user-{n}",)) for n in range(users)]
        for thread in self._threads:
            thread.start()

    def _user(self, name: str) -> None:
        urls = [gateway.url for gateway in self._crew.gateways]
        with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
            while not self._stop.is_set():
                number = self.sent[name]
                url = urls[number % len(urls)]
                headers = {"X-User": name, "X-Number": str(number)}
                try:
                    answer = client.request(self._method(number), f"{url}/things/1", headers=headers)
                except httpx.HTTPError as error:
                    self.failed.append(repr(error))
                    return
                if answer.status_code != 200:
                    self.failed.append(f"{answer.status_code} {answer.text[:200]}")
                self.sent[name] += 1
                time.sleep(0.005)

    def end(self) -> int:
        """Stop: how many requests there were."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert self.failed == []
        return self.sent.total()


@contextmanager
def crew(folder: Path, legacy: Application, new: Application) -> Iterator[Crew]:
    """Redis and both applications; everything ends with the block."""
    logs = folder / "logs"
    logs.mkdir()
    with serving(legacy) as legacy_port, serving(new) as new_port, Spawner(logs) as spawner:
        yield Crew(folder, spawner, legacy_port, new_port)


def in_order(numbers: list[int]) -> bool:
    """Whether each is not before the one in front of it."""
    return numbers == sorted(numbers)
