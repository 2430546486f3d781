"""Writes findings down once a second, in a thread of its own: a slow, full or locked disk never holds up
comparing. What is not kept is counted."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor

from gateway.shadowing.findings import Findings
from gateway.shadowing.rounds import in_rounds
from shadow import Results

INTERVAL = 1.0
_log = logging.getLogger("banyan.shadow")


class Keeper:
    """``lost``: findings that could not be kept."""

    def __init__(self, store: Results, findings: Findings) -> None:
        self._store = store
        self._findings = findings
        self._thread = ThreadPoolExecutor(1, "results")  # the store wants one thread at a time
        self._known = self._said = 0
        self._lost = 0

    @property
    def lost(self) -> int:
        """Findings that could not be kept."""
        return self._store.lost + self._lost

    async def keep(self) -> None:
        """Write down, until cancelled."""
        await in_rounds(INTERVAL, self.write)

    async def write(self) -> None:
        """Write down what was found since the last time."""
        batch = self._findings.take_batch()
        if len(batch):
            self._lost += batch.left_out
            loop = asyncio.get_running_loop()
            try:
                await loop.run_in_executor(self._thread, self._store.write, batch, time.time())
            except Exception:  # noqa: BLE001 - one batch costs itself, and not all that come after it
                self._lost += len(batch)
                _log.exception("findings could not be written down")
            self._say(self.lost)

    def _say(self, lost: int) -> None:
        """When it begins, whenever it is twice as many, and when it is over."""
        if lost > self._known and lost >= 2 * self._said:
            _log.error("findings that could not be kept so far: %d; comparing goes on", lost)
            self._said = lost
        elif lost == self._known and self._said:
            _log.info("findings are kept again; %d could not be", lost)
            self._said = 0
        self._known = lost

    def close(self) -> None:
        """End the thread and close the file."""
        self._thread.submit(self._store.close)
        self._thread.shutdown()
