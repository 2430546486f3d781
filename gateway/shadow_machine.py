"""`banyan shadow`: shadow processes alone, on any machine that reaches the Redis which gateways share.

1. make the state folder (findings, where they are kept in a file; the key of redaction), and find a number of
its own 2. start the processes and wait until they are up; meanwhile replace one that hangs
3. SIGHUP: read the file again; a good one replaces the processes, one after the other
4. SIGTERM, SIGINT: they finish what they have read, hand their shards over at once, and leave

It must not know HTTP, Redis, or what its processes do.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import shutil
import signal
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from gateway.children import Place
from gateway.config import Config, ConfigError, load_config
from gateway.launcher import Modules, spawn_child
from gateway.machine import StartError, open_many_files
from gateway.notes import leave_config
from gateway.premises import check_streams, check_upstream_tls
from gateway.pulse import PulseWatch
from gateway.start_up import all_come_up

__all__ = ["ShadowMachine", "ShadowReady"]

_LOG = logging.getLogger("banyan.supervisor")
_LOOK: Final = 0.25
_GRACE: Final = 5.0
_MOST: Final = 1000
"""Machines, in this sense, on one state folder; and so many numbers of processes for each."""


class ShadowReady(msgspec.Struct, frozen=True):
    """What is said once the processes are up."""

    processes: int
    pid: int
    state_dir: str
    config: str


class ShadowMachine:
    """The shadow processes of one machine. `processes`: how many; 0: as the configuration says, or one.
    `tell` is called once, when they are up.
    """

    def __init__(
        self,
        config: Config,
        processes: int,
        tell: Callable[[ShadowReady], None],
        modules: Modules | None = None,
    ) -> None:
        if not config.state.redis_url:
            raise StartError(
                "`banyan shadow` takes exchanges from the Redis that gateways share: set state.redis_url. "
                "Without one, the shadow processes of `banyan run` do all the work."
            )
        self._config, self._asked, self._tell = config, processes, tell
        self._module = (modules or Modules()).shadow
        self._ending = asyncio.Event()
        self._reloading: asyncio.Task[None] | None = None
        self._places: list[Place] = []
        self._runtime = Path()
        self._life = self._number = 0

    async def run(self) -> None:
        """From the first process's start to the last one's end. Raises `StartError`."""
        loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as undo:
            self._take(undo)
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._asked_to_end)
            loop.add_signal_handler(signal.SIGHUP, self._asked_to_reload)
            self._places = [self._place(index) for index in range(self._count)]
            for place in self._places:
                place.start()
            watching = loop.create_task(self._watch())
            try:
                if await self._up():
                    self._tell(self._ready())
                    await self._ending.wait()
            finally:
                watching.cancel()
                if self._reloading is not None:
                    self._reloading.cancel()
                    await asyncio.wait({self._reloading})  # before the places are looked at: it changes them
                await asyncio.gather(*(place.stop(self._patience) for place in self._places))

    @property
    def _count(self) -> int:
        return self._asked or self._config.shadow.processes or 1

    @property
    def _patience(self) -> float:
        return self._config.shadow.deadline + _GRACE

    def _take(self, undo: contextlib.ExitStack) -> None:
        check_upstream_tls(self._config)
        if lies_open := check_streams(self._config):
            _LOG.warning("%s", lies_open)
        open_many_files()
        folder = Path(self._config.state.dir)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._number, lock = _number(folder)
            undo.callback(os.close, lock)
            self._runtime = Path(tempfile.mkdtemp(prefix="banyan-shadow-"))
        except OSError as error:
            raise StartError(f"The state folder {folder} cannot be used: {error.strerror}.") from error
        undo.callback(shutil.rmtree, self._runtime, ignore_errors=True)
        self._life, ours = os.pipe()
        undo.callback(os.close, self._life)
        undo.callback(os.close, ours)
        self._write()

    def _write(self) -> None:
        leave_config(self._runtime, self._config)

    def _place(self, index: int) -> Place:
        number = self._number * _MOST + index

        async def spawn() -> Process:
            return await spawn_child(self._module, number, self._runtime, self._life)

        return Place(f"shadow {index}", spawn)

    async def _watch(self) -> None:
        """No process hangs for long."""
        pulses, base = PulseWatch(self._runtime), self._number * _MOST
        while True:
            pulses.look(enumerate(self._places, base), time.monotonic())
            await asyncio.sleep(_LOOK)

    async def _up(self) -> bool:
        first = self._number * _MOST
        sockets = [self._runtime / f"shadow-{first + index}.sock" for index in range(len(self._places))]
        return await all_come_up(
            "`banyan shadow`",
            lambda: self._places,
            lambda: all(socket.exists() for socket in sockets),
            self._ending,
        )

    def _ready(self) -> ShadowReady:
        config = self._config
        return ShadowReady(len(self._places), os.getpid(), config.state.dir, config.source_path)

    def _asked_to_end(self) -> None:
        if self._ending.is_set():
            _LOG.warning("asked to end a second time: ending at once")
            for place in self._places:
                place.kill()
        self._ending.set()

    def _asked_to_reload(self) -> None:
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.get_running_loop().create_task(self._reload())

    async def _reload(self) -> None:
        try:
            config = load_config(self._config.source_path, os.environ)
            if config.state != self._config.state:
                raise StartError("[state] cannot change while the processes run; start them anew.")
            check_streams(config)
        except (ConfigError, StartError) as error:
            for problem in error.problems if isinstance(error, ConfigError) else (error,):
                _LOG.error("configuration not taken over: %s", problem)
            return
        self._config = config
        self._write()
        places, count = self._places, self._count  # in place: whoever ends meanwhile finds old and new ones
        for index in range(max(len(places), count)):
            if index < len(places):  # first: both would have the same number
                await places[index].stop(self._patience)
            if index < count:
                places[index : index + 1] = [self._place(index)]
                places[index].start()
        del places[count:]
        _LOG.info("configuration taken over from %s", config.source_path)


def _number(folder: Path) -> tuple[int, int]:
    """A number that no other one on this folder has, from 1 on, and the descriptor that holds it."""
    for number in range(1, _MOST):
        lock = os.open(folder / f"shadow-{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        return number, lock
    raise StartError(f"{_MOST} `banyan shadow` use the state folder {folder} already.")
