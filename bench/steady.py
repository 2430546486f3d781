"""A steady load: requests are due at fixed times, whatever became of the ones before (an open loop), and a
time is taken from when a request was due, not from when it could be sent.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from bench.alarm import Alarm

__all__ = ["Load", "undisturbed"]

CONNECTIONS = 32
GET = b"GET /api/orders/%d HTTP/1.1\r\nHost: shop\r\nCookie: banyan_key=%032x\r\n\r\n"


class Connection(asyncio.Protocol):
    """One keep-alive connection of the load; ``answered`` is called when an answer is whole."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._data = b""
        self.due = 0.0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            self._data = b""
            self._load.answered(self, head.startswith(b"HTTP/1.1 200"))


class Load:
    """``rate`` requests a second to a port, each of another user. ``request``: with places for a number and a
    user.
    """

    def __init__(self, port: int, rate: float, request: bytes = GET) -> None:
        self._request = request
        self._port = port
        self._rate = rate
        self._loop = asyncio.get_running_loop()
        self._free: deque[Connection] = deque()
        self._due: deque[float] = deque()
        self._number = 0
        self.times: list[float] = []
        self.wrong = 0

    async def run(self, seconds: float) -> list[float]:
        """The times of all requests, in milliseconds."""
        for _ in range(CONNECTIONS):
            made = await self._loop.create_connection(lambda: Connection(self), "127.0.0.1", self._port)
            self._free.append(made[1])
        began, sent, wanted = time.perf_counter(), 0, int(self._rate * seconds)
        with Alarm() as alarm:
            while sent < wanted:
                due = began + sent / self._rate
                wait = due - time.perf_counter()
                if wait > 0:
                    await alarm.wait(wait)
                    continue
                self._due.append(due)
                sent += 1
                self._send()
        for _ in range(200):
            if len(self.times) == sent:
                break
            await asyncio.sleep(0.05)
        for connection in self._free:
            if connection.transport is not None:
                connection.transport.close()
        if len(self.times) != sent or self.wrong:
            raise RuntimeError(f"{sent - len(self.times)} without an answer, {self.wrong} wrong")
        return self.times

    def _send(self) -> None:
        while self._due and self._free:
            connection = self._free.pop()
            connection.due = self._due.popleft()
            self._number += 1
            if connection.transport is not None:
                connection.transport.write(self._request % (self._number % 100, self._number % 1000))

    def answered(self, connection: Connection, good: bool) -> None:
        """One request is over."""
        self.times.append((time.perf_counter() - connection.due) * 1000)
        self.wrong += not good
        self._free.append(connection)
        self._send()


@contextmanager
def undisturbed() -> Iterator[None]:
    """No collection of garbage while the block runs: it would come in the middle of a request."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
