"""Whose hand moves a dial: the state of this machine, or another source, which is told first. Knows no HTTP.

Both begin with the ledger: what cannot be recorded is not done.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, NamedTuple, Protocol

from flags import Entry, FlagsError, format_percent
from gateway.control.following import Follower
from gateway.control.record import Record

__all__ = ["Hand", "Moved", "OwnHand", "SourceHand", "Writer"]

_SEEN_LIMIT: Final = 8.0
_LOOK: Final = 0.25


class Moved(NamedTuple):
    """A dial that was moved: the old one in hundredths, and the stamp that workers have to confirm. `note`:
    one sentence about what is still to come, "" when all is done.
    """

    old: int
    revision: int
    stamp: bytes
    note: str = ""


class Hand(Protocol):
    """Moves one dial. `name`: of the source that it writes to."""

    @property
    def name(self) -> str: ...

    async def move(self, feature: str, percent: int, entry: Entry) -> Moved:
        """Raises `FlagsError`; then nothing has changed here."""


class Writer(Protocol):
    """Tells another source a dial in hundredths. Raises `FlagsError` when it did not take it."""

    async def write(self, feature: str, percent: int) -> None: ...


class OwnHand:
    """The state file, the page and the ledger of this machine."""

    name: Final = "dial"

    def __init__(self, record: Record, writing: asyncio.Lock) -> None:
        self._record = record
        self._writing = writing

    async def move(self, feature: str, percent: int, entry: Entry) -> Moved:
        async with self._writing:
            return Moved(*await asyncio.to_thread(self._record.dial, feature, percent, entry))


class SourceHand:
    """Another source: recorded, written there, and in force here as soon as the source says so itself."""

    def __init__(self, writer: Writer, follower: Follower, record: Record, writing: asyncio.Lock) -> None:
        self._writer = writer
        self._follower = follower
        self._record = record
        self._writing = writing
        self.name = follower.view().name

    async def move(self, feature: str, percent: int, entry: Entry) -> Moved:
        async with self._writing:
            old = await asyncio.to_thread(self._record.announced, feature, percent, entry)
        try:
            await self._writer.write(feature, percent)
        except FlagsError as error:
            failed = Entry(
                entry.actor, "dial_failed", feature, format_percent(percent), format_percent(old), str(error)
            )
            async with self._writing:
                await asyncio.to_thread(self._record.noted, failed)
            raise
        seen = await self._follow(feature, percent)
        revision, stamp = self._follower.in_force()
        note = "" if seen else f"{self.name} has it, and has not told it back yet."
        return Moved(old, revision, stamp, note)

    async def _follow(self, feature: str, percent: int) -> bool:
        until = time.monotonic() + _SEEN_LIMIT
        self._follower.expect(feature, percent)
        while True:
            await self._follower.step()
            if self._follower.has(feature, percent):
                return True
            if time.monotonic() >= until:
                return False
            await asyncio.sleep(_LOOK)
