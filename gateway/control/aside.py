"""Work that nobody waits for, each once at a time. It must not know what the work is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final

__all__ = ["RETRY", "Aside"]

RETRY: Final = 5.0
"""Seconds until what has failed is tried again."""

_LOG = logging.getLogger("banyan.control")


class Aside:
    """A disk or another source may take for ever, and no guard waits for that."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def do(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Begin it, unless the one of that name is still under way; what it raises is logged."""
        if name in self._under_way:
            work.close()
            return
        task = asyncio.create_task(work)
        self._under_way[name] = task

        def ended(done: asyncio.Task[None]) -> None:
            self._under_way.pop(name, None)
            if not done.cancelled() and (failed := done.exception()):
                _LOG.error("%s failed", name, exc_info=failed)

        task.add_done_callback(ended)
