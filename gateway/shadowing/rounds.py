"""What is done again and again, whatever becomes of one round. Knows no exchange."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

_log = logging.getLogger("banyan.shadow")


async def in_rounds(interval: float, *steps: Callable[[], Awaitable[None]]) -> None:
    """Do all ``steps`` every ``interval`` seconds until cancelled. One that fails is repeated in the next
    round and costs no other; that it fails is said when it begins.
    """
    failing: set[int] = set()
    while True:
        await asyncio.sleep(interval)
        for number, step in enumerate(steps):
            try:
                await step()
                failing.discard(number)
            except Exception:  # noqa: BLE001 - one round must not be the last
                if number not in failing:
                    _log.exception("what is done again and again failed, and is repeated")
                failing.add(number)
