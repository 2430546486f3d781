"""Writes findings down once a second, in a thread of its own: a slow, full or locked disk never holds up
comparing. What is not kept is counted."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor

from gateway.shadowing.findings import Findings
from shadow import ResultStore

INTERVAL = 1.0
_log = logging.getLogger("banyan.shadow")


class Keeper:
    """``lost``: findings that could not be kept."""

    def __init__(self, store: ResultStore, findings: Findings) -> None:
        self._store = store
        self._findings = findings
        self._thread = ThreadPoolExecutor(1, "results")  # the store wants one thread at a time
        self._said = 0

    @property
    def lost(self) -> int:
        """Findings that could not be kept."""
        return self._store.lost

    async def keep(self) -> None:
        """Write down, until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.write()

    async def write(self) -> None:
        """Write down what was found since the last time."""
        batch = self._findings.take_batch()
        if len(batch):
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, self._store.write, batch, time.time())
        if self._store.lost > self._said:
            self._said = self._store.lost
            _log.error("findings that could not be kept so far: %d; comparing goes on", self._said)

    def close(self) -> None:
        """End the thread and close the file."""
        self._thread.submit(self._store.close)
        self._thread.shutdown()
