"""The recordings that live answers are held against, read anew when their folder has
changed. Knows no exchange.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

from golden import GoldenIndex
from shadow import Rules

_EVERY = 3.0


class Goldens:
    """``refresh`` is called every second or so and looks at the folder every few seconds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._looked = 0.0
        self._stamp = stamp(folder)

    def load(self, rules: Rules) -> GoldenIndex:
        """The recordings as they are now."""
        return GoldenIndex.load(self._folder, rules=rules)

    async def refresh(self, rules: Rules, now: float) -> GoldenIndex | None:
        """The recordings, when they are others than before."""
        if now - self._looked < _EVERY:
            return None
        self._looked = now
        found = await asyncio.to_thread(stamp, self._folder)
        if found == self._stamp:
            return None
        self._stamp = found
        return await asyncio.to_thread(self.load, rules)


def stamp(folder: Path) -> int:
    """Another number when a file below was made, replaced or removed: a file is replaced as a whole, so its
    folder shows it.
    """
    found = []
    with contextlib.suppress(OSError):
        found.append(folder.stat().st_mtime_ns)
        with os.scandir(folder) as entries:
            found += [entry.stat().st_mtime_ns for entry in entries if entry.is_dir()]
    return hash(tuple(sorted(found)))
