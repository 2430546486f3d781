"""A constant load of safe requests, and what became of each of them."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import httpx

from tests.e2e.between import PATIENCE


@dataclass
class Answered:
    """One request: when it was sent and answered, by whom, or what went wrong. Times of one monotonic
    clock."""

    sent: float
    done: float
    side: str
    status: int
    error: str


@dataclass
class ConstantLoad:
    """``rate`` GET requests a second from many users, in a thread of its own, until the block ends.

    Sent when they are due, whether or not earlier ones were answered.
    """

    url: str
    rate: int = 200
    path: str = "/api/models"
    answered: list[Answered] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(3 * PATIENCE)
        assert not self._thread.is_alive(), "the load did not end"

    def failures(self) -> list[Answered]:
        """Every request that was not answered with 200."""
        return [each for each in self.answered if each.status != 200]

    def count(self, side: str, since: float = 0.0) -> int:
        """How many requests sent after ``since`` this side answered."""
        return sum(1 for each in self.answered if each.side == side and each.sent > since)

    async def _run(self) -> None:
        keys = [secrets.token_hex(16) for _ in range(200)]
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64, keepalive_expiry=5)
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE, limits=limits) as client:
            tasks: set[asyncio.Task[None]] = set()
            began = time.monotonic()
            number = 0
            while not self._stop.is_set():
                due = began + number / self.rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                task = asyncio.create_task(self._one(client, keys[number % len(keys)]))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                number += 1
            if tasks:
                await asyncio.wait(tasks, timeout=2 * PATIENCE)

    async def _one(self, client: httpx.AsyncClient, key: str) -> None:
        sent = time.monotonic()
        side, status, error = "", 0, ""
        try:
            answer = await client.get(self.url + self.path, headers={"Cookie": f"banyan_key={key}"})
            side, status = answer.headers.get("Banyan-Side", ""), answer.status_code
        except httpx.HTTPError as failed:
            error = repr(failed)
        client.cookies.clear()
        self.answered.append(Answered(sent, time.monotonic(), side, status, error))
