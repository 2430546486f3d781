"""Everything is taken back at once, under load: legacy meets new connections one after the other, and nobody
goes without an answer.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from bisect import bisect_left
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.gateway.running import banyan
from tests.operations.gateway import Gateway, write_config
from tests.support.ports import LOOPBACK, wait_until
from tests.support.spawn import Spawner

CLIENTS = 200
CAP = 40
FEATURE = """
[[feature]]
name = "orders"
match = ["/orders/*"]
percent = 100
shadow = { percent = 0 }
guard = { on_failure = "hold" }
"""


class Opened(NamedTuple):
    """A connection: opened after `after`, and accepted by `at`. They lie far apart where this process, which
    accepts it, stood still."""

    after: float
    at: float


class Looks:
    """When this process looked at what waits for it, up to now."""

    def __init__(self) -> None:
        self._last = deque([time.monotonic()], maxlen=6)

    async def run(self) -> None:
        """Note every look."""
        while True:
            self._last.append(time.monotonic())
            await asyncio.sleep(0.002)

    @property
    def surely(self) -> float:
        """What is told now came after this; from accept to telling takes some turns of the loop."""
        return self._last[0]


@dataclass
class Application:
    """Answers with its name after 30 ms, keeps connections, and notes when each was opened."""

    name: bytes
    looks: Looks
    port: int = 0
    opened: list[Opened] = field(default_factory=list)

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._serve, LOOPBACK, 0, backlog=4096)
        self.port = self.server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened.append(Opened(self.looks.surely, time.monotonic()))
        with suppress(asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            while await reader.readuntil(b"\r\n\r\n"):
                await asyncio.sleep(0.03)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(self.name), self.name))
        writer.close()

    def surely_in_a_second(self) -> int:
        """New connections in the fullest second: at least so many."""
        ends = [one.at for one in self.opened]
        return max(bisect_left(ends, one.after + 1.0) - n for n, one in enumerate(self.opened))

    def told_in_a_second(self) -> int:
        """New connections that were accepted in the fullest second."""
        ends = [one.at for one in self.opened]
        return max(bisect_left(ends, at + 1.0) - n for n, at in enumerate(ends))

    def seconds(self) -> float:
        """From before the first of them to behind the last."""
        return self.opened[-1].at - self.opened[0].after


class Everything:
    """Both applications and the clients, on one loop in a thread of its own."""

    def __init__(self) -> None:
        self.looks = Looks()
        self.legacy, self.new = Application(b"legacy", self.looks), Application(b"new", self.looks)
        self.answers: Counter[bytes] = Counter()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self._tasks: list[asyncio.Task[None]] = []
        for application in (self.legacy, self.new):
            asyncio.run_coroutine_threadsafe(application.start(), self.loop).result(60)
        self._looking = asyncio.run_coroutine_threadsafe(self.looks.run(), self.loop)

    def load(self, port: int) -> None:
        """Two hundred clients, each with a request under way at all times."""

        def start() -> None:
            self._tasks = [self.loop.create_task(self._client(port)) for _ in range(CLIENTS)]

        self.loop.call_soon_threadsafe(start)

    async def _client(self, port: int) -> None:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        try:
            while True:
                writer.write(b"GET /orders/1 HTTP/1.1\r\nHost: a\r\nCookie: session=a\r\n\r\n")
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
                self.answers[(await reader.readexactly(length)) if b" 200 " in head else head[9:12]] += 1
        finally:
            writer.close()

    def close(self) -> None:
        async def end() -> None:
            for application in (self.legacy, self.new):
                application.server.close()
            await asyncio.sleep(0.05)
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(60)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(60)
        self.loop.close()


@pytest.mark.parametrize("capped", [True, False])
def test_a_rollback_under_load_opens_connections_one_after_the_other(
    spawn: Spawner, tmp_path: Path, capped: bool
) -> None:
    """200 users at once, 40 connections a second: never more in any second nor in all of them, give or take
    what was accepted together; without the cap nearly all of them."""
    everything = Everything()
    try:
        sides = [f"http://{LOOPBACK}:{one.port}" for one in (everything.legacy, everything.new)]
        keys = f"max_connects = {CAP if capped else 100_000}"
        gateway = Gateway(spawn, write_config(tmp_path, *sides, legacy_keys=keys, more=FEATURE))
        everything.load(gateway.port)
        wait_until(lambda: everything.answers[b"new"] > 2000, 120, "the load on the new side")
        assert not everything.answers[b"legacy"]

        def rolled_back() -> bool:
            """Whether every worker has confirmed it, which a busy one does a moment late."""
            done = banyan("-c", str(gateway.config), "--json", "rollback", "--reason", "wrong totals")
            return bool(json.loads(done.stdout)["complete"])

        wait_until(rolled_back, 120, "the rollback")
        wait_until(lambda: everything.answers[b"legacy"] > 2000, 120, "legacy's answers")
        assert set(everything.answers) == {b"new", b"legacy"}
        legacy = everything.legacy
        if capped:
            assert legacy.surely_in_a_second() <= CAP * 1.25
            assert len(legacy.opened) <= CAP * (legacy.seconds() + 0.25)
        else:
            assert legacy.told_in_a_second() > 2 * CAP
    finally:
        everything.close()
