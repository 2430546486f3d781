"""A place for one child process: started, replaced when it dies, ended when asked. Knows no kind of child
by name.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from signal import SIGKILL, SIGTERM
from typing import Final

__all__ = ["UNABLE", "Place"]

_LOG = logging.getLogger("banyan.supervisor")
_BACK_OFF: Final = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
_SETTLED: Final = 10.0
UNABLE: Final = 2
"""The exit code of a child that says it cannot start: another one would say the same."""


class Place:
    """Keeps one child alive. `name` is for the log; `spawn` starts a process.

    `deaths` counts those in a row, none of which lived long; `unable`: one said that it cannot start.
    """

    def __init__(self, name: str, spawn: Callable[[], Awaitable[Process]]) -> None:
        self.name = name
        self.deaths = 0
        self.unable = False
        self._spawn = spawn
        self._process: Process | None = None
        self._leaving = asyncio.Event()
        self._farewell: int = SIGTERM
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The process that is in this place now; 0 between two."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else 0

    def start(self) -> None:
        """Start the child and keep it alive from now on."""
        self._task = asyncio.get_running_loop().create_task(self._keep(), name=self.name)

    def signal(self, number: int) -> None:
        """Send a signal to the child, if there is one."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def stop(self, grace: float, how: int = SIGTERM) -> None:
        """Ask the child to end, by the signal `how`; after `grace` seconds make it. It is not replaced."""
        self._leaving.set()
        if self._task is None:
            return
        self._farewell = how
        self.signal(how)
        done, _ = await asyncio.wait({self._task}, timeout=grace)
        if not done:
            _LOG.warning("%s did not end within %.1f s and is killed", self.name, grace)
            self.kill()
            await asyncio.wait({self._task})

    def kill(self) -> None:
        """End the child at once."""
        self._leaving.set()
        self.signal(SIGKILL)

    async def _keep(self) -> None:
        while not self._leaving.is_set():
            born = time.monotonic()
            try:
                self._process = await self._spawn()
            except OSError as error:  # no process or descriptor left to have: there may be one in a moment
                await self._mourn(f"could not be started ({error})", 0.0)
                continue
            if self._leaving.is_set():  # asked to end while it was being started
                self.signal(self._farewell)
            code = await self._process.wait()
            self.unable = self.unable or (code == UNABLE and not self._leaving.is_set())
            await self._mourn(f"ended with code {code}", time.monotonic() - born)

    async def _mourn(self, how: str, lived: float) -> None:
        if self._leaving.is_set():
            return
        self.deaths = 1 if lived > _SETTLED else self.deaths + 1
        pause = _BACK_OFF[min(self.deaths - 1, len(_BACK_OFF) - 1)]
        _LOG.error("%s %s and is replaced in %.2f s", self.name, how, pause)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._leaving.wait(), pause)
