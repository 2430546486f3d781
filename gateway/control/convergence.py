"""Waiting until every live worker has a change, and measuring it; knows the state page, and not what
changed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from flags import StatePage
from gateway.control.answers import Convergence

__all__ = ["POLL", "wait_for_workers"]

LIMIT: Final = 5.0
POLL: Final = 0.002


async def wait_for_workers(
    page: StatePage,
    stamp: bytes,
    started: float,
    *,
    expected: int = 0,
    limit: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Convergence:
    """Poll the acknowledgement rows until all show `stamp` (or a later one), for `limit` seconds (five)
    at most.

    `expected`: how many workers there should be. That none is there does not mean that all have it: they may
    be deciding by another page. A worker that runs and does not say anything is waited for too.

    `started` is the reading of `clock` from which `seconds` is measured: when the change was asked for.
    """
    until = LIMIT if limit is None else limit
    while True:
        # A worker that shows the page's newest stamp has everything before it too.
        good = {stamp, page.stamp()}
        rows = page.all_rows()
        elapsed = clock() - started
        lagging = tuple(row.pid for row in rows if row.stamp not in good)
        complete = not lagging and (bool(rows) or not expected)
        if complete or elapsed >= until:
            return Convergence(len(rows) - len(lagging), round(elapsed, 6), complete, lagging)
        await asyncio.sleep(POLL)
