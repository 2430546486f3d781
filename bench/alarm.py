"""Waiting in an event loop to some ten microseconds. Its own timers go by milliseconds, so that a request
which is due between two of them is late by up to one, which is more than a proxy adds.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from types import TracebackType
from typing import Final

_MONOTONIC: Final = 1
_BILLION: Final = 1_000_000_000


class _Times(ctypes.Structure):
    """``struct itimerspec``: again after, and first after; seconds and nanoseconds each."""

    _fields_ = (
        ("again", ctypes.c_long),
        ("again_nanoseconds", ctypes.c_long),
        ("first", ctypes.c_long),
        ("first_nanoseconds", ctypes.c_long),
    )


class Alarm:
    """One waiter at a time, in the running event loop. Raises OSError where the system has no such timers
    (timerfd_create(2); Python has a name for it since 3.13)."""

    def __init__(self) -> None:
        self._system = ctypes.CDLL(None, use_errno=True)
        self._file = self._system.timerfd_create(_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._file < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._loop = asyncio.get_running_loop()
        self._rung: asyncio.Future[None] | None = None
        self._loop.add_reader(self._file, self._ring)

    def __enter__(self) -> Alarm:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.remove_reader(self._file)
        os.close(self._file)

    async def wait(self, seconds: float) -> None:
        """Return after so many seconds; at once for none."""
        nanoseconds = int(seconds * _BILLION)
        if nanoseconds <= 0:
            return
        times = _Times(0, 0, *divmod(nanoseconds, _BILLION))
        if self._system.timerfd_settime(self._file, 0, ctypes.byref(times), None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")
        self._rung = self._loop.create_future()
        await self._rung

    def _ring(self) -> None:
        os.read(self._file, 8)
        if self._rung is not None and not self._rung.done():
            self._rung.set_result(None)
