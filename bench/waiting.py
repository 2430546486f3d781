"""Waiting for something to become so: in a coroutine, or in a thread that may block."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

__all__ = ["becomes_so", "block_until", "until"]

_PAUSE = 0.01  # seconds between two looks


async def becomes_so(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Whether it does in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_PAUSE)
    return True


async def until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """RuntimeError when it does not become so in time."""
    if not await becomes_so(condition, seconds):
        raise _late(what, seconds)


def block_until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """The same, for a thread. It may be the thread of a loop that has nothing else to do."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise _late(what, seconds)
        time.sleep(_PAUSE)


def _late(what: str, seconds: float) -> RuntimeError:
    return RuntimeError(f"{what}: not within {seconds:g} s")
