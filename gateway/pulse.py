"""The pulse of a shadow process: by it, whoever started the process knows that its loop still turns. Knows no
exchange.

The process writes its number into a file in the runtime folder and touches it, again and again; one that
stops doing so hangs, and is killed: another takes its place, as ever when one dies, and what it held is
dropped and counted.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL
from typing import Final, Protocol

import msgspec

__all__ = ["HANGS", "Pulse", "PulseWatch"]

_LOG = logging.getLogger("banyan.supervisor")
BEAT: Final = 0.5
HANGS: Final = 10.0
"""A process whose pulse was not heard for so many seconds is replaced."""
_FIRST: Final = 60.0
"""Seconds for a new process until its pulse is heard for the first time."""
_STOOD_STILL: Final = 1.0
"""Seconds between two looks beyond which it was we who stood still, and the whole machine with us perhaps."""


class Place(Protocol):
    """Where a process is: `gateway.children.Place`."""

    @property
    def name(self) -> str: ...

    @property
    def pid(self) -> int: ...

    def signal(self, number: int) -> None: ...


def _pulse_of(runtime: Path, number: int) -> Path:
    return runtime / f"shadow-{number}.pulse"


def _mark_of(runtime: Path, number: int) -> Path:
    return runtime / f"shadow-{number}.hung"


class Pulse:
    """In the process itself. ``follows_hung``: whether it has come in the place of one that hung."""

    def __init__(self, runtime: Path, number: int) -> None:
        self._path = _pulse_of(runtime, number)
        mark = _mark_of(runtime, number)
        self.follows_hung = mark.exists()
        mark.unlink(missing_ok=True)

    async def beat(self) -> None:
        """Show that the loop turns, until cancelled."""
        with suppress(OSError):
            self._path.write_text(str(os.getpid()))
        while True:
            await asyncio.sleep(BEAT)
            with suppress(OSError):
                self._path.touch()


class _Heard(msgspec.Struct):
    touched: int
    at: float
    limit: float


class PulseWatch:
    """In whoever started the processes, which have their numbers in ``runtime``. One without a pulse file is
    not judged.
    """

    def __init__(self, runtime: Path) -> None:
        self._runtime = runtime
        self._heard: dict[int, _Heard] = {}  # by process
        self._looked = 0.0

    def look(self, places: Iterable[tuple[int, Place]], now: float) -> None:
        """Kill what hangs; to be called a few times a second. ``places``: with their numbers; ``now``: on a
        clock that only goes forward, in seconds.
        """
        lag = max(0.0, now - self._looked - _STOOD_STILL) if self._looked else 0.0
        self._looked = now
        before, self._heard = self._heard, {}
        for number, place in places:
            pid = place.pid
            touched = self._touched(number)
            if not pid or touched is None:
                continue
            heard = before.get(pid) or _Heard(touched, now, self._patience_with(number, pid))
            heard.at += lag
            if touched != heard.touched:
                heard = _Heard(touched, now, HANGS)
            self._heard[pid] = heard
            if now - heard.at >= heard.limit:
                self._replace(number, place, now - heard.at)

    def _touched(self, number: int) -> int | None:
        try:
            return _pulse_of(self._runtime, number).stat().st_mtime_ns
        except OSError:
            return None

    def _patience_with(self, number: int, pid: int) -> float:
        """With a process that is looked at for the first time: the pulse may be of the one before it."""
        try:
            own = _pulse_of(self._runtime, number).read_text() == str(pid)
        except OSError:
            own = False
        return HANGS if own else _FIRST

    def _replace(self, number: int, place: Place, silent: float) -> None:
        _LOG.error("%s (process %d) hangs, for %.1f s now, and is replaced", place.name, place.pid, silent)
        with suppress(OSError):
            _mark_of(self._runtime, number).touch()
        del self._heard[place.pid]
        place.signal(SIGKILL)
