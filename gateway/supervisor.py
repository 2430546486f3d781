"""`banyan run`: occupies the machine, starts the children, replaces them, ends them in order.

1. take the premises: lock, state, sockets, runtime folder                          (`premises`)
2. start control, shadow and worker processes and wait until they are up            (`launcher`, `start_up`)
3. say that the gateway is ready; meanwhile keep the state page in its place, and replace who hangs
4. SIGHUP: read the file again; a good one replaces the workers, all new ones up before an old one leaves
5. SIGTERM, SIGINT: workers finish what is in flight, then shadow, then control; a second one ends all at once

It must not know HTTP, the meaning of flags, or what its children do. They find their configuration in the
runtime folder, and know from the end of the life pipe that their gateway is gone.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Final

import msgspec

from flags import FRESH, FlagsError
from gateway.children import Place
from gateway.config import Config, ConfigError, load_config
from gateway.launcher import Launcher, Modules
from gateway.machine import REPLACED, StartError
from gateway.premises import Premises
from gateway.pulse import PulseWatch
from gateway.start_up import all_come_up, comes_up

__all__ = ["Modules", "Ready", "StartError", "Supervisor"]

_LOG = logging.getLogger("banyan.supervisor")
_GRACE: Final = 5.0
_LOOK: Final = 0.25
HANGS: Final = 10.0
"""A worker that has not said anything for so many seconds is replaced."""
_SURELY: Final = 1.0  # seconds for a worker to speak up again, when the whole machine stood still


class Ready(msgspec.Struct, frozen=True):
    """What is said once every worker is up. Addresses as URLs."""

    traffic: str
    admin: str
    workers: int
    pid: int
    state_dir: str
    config: str


class Supervisor:
    """One gateway on this machine. `tell` is called once, when it is ready."""

    def __init__(self, config: Config, tell: Callable[[Ready], None], modules: Modules | None = None) -> None:
        self._premises = Premises(config)
        self._tell = tell
        self._launcher = Launcher(self._premises, modules or Modules())
        self._ending = asyncio.Event()
        self._workers: list[Place] = []
        self._shadows: list[Place] = []
        self._control = self._launcher.control()
        self._leaving: set[asyncio.Task[None]] = set()
        self._replaced: set[Place] = set()
        self._reloading = asyncio.Lock()
        self._silent: dict[int, float] = {}
        self._page_number = 0
        self._pulses = PulseWatch(self._premises.runtime)

    async def run(self) -> None:
        """From the first child's start to the last one's end. Raises `StartError` when a child cannot
        start.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_end)
        loop.add_signal_handler(signal.SIGHUP, self._asked_to_reload)
        watching: asyncio.Task[None] | None = None
        try:
            for warning in self._premises.warnings:
                _LOG.warning("%s", warning)
            self._start()
            watching = loop.create_task(self._watch())
            if await self._up():
                self._tell(self._ready())
                await self._ending.wait()
        finally:
            if watching is not None:
                watching.cancel()
            await self._end()
            self._premises.close()

    # --- starting -------------------------------------------------------------------------------

    def _start(self) -> None:
        config = self._premises.config
        self._shadows = [self._launcher.shadow(index) for index in range(config.shadow.processes)]
        self._workers = [self._launcher.worker(index) for index in range(config.listen.workers)]
        for place in (self._control, *self._shadows, *self._workers):
            place.start()

    async def _up(self) -> bool:
        """Wait for every child; False when the gateway was asked to end meanwhile."""
        return await all_come_up(
            "The gateway",
            lambda: (self._control, *self._shadows, *self._workers),
            lambda: all(map(self._is_up, self._workers)) and self._others_up(),
            self._ending,
        )

    def _is_up(self, worker: Place) -> bool:
        page = self._premises.page
        return worker.pid != 0 and page.is_whole() and worker.pid in {row.pid for row in page.rows()}

    def _others_up(self) -> bool:
        runtime = self._premises.runtime
        sockets = ["control.sock", *(f"shadow-{index}.sock" for index in range(len(self._shadows)))]
        return all((runtime / name).exists() for name in sockets)

    def _ready(self) -> Ready:
        config = self._premises.config
        return Ready(
            traffic=config.listen.traffic_url,
            admin=f"http://{config.listen.admin}",
            workers=config.listen.workers,
            pid=os.getpid(),
            state_dir=config.state.dir,
            config=config.source_path,
        )

    # --- looking after --------------------------------------------------------------------------

    async def _watch(self) -> None:
        """The state page stays where it belongs, and neither a worker nor a shadow process hangs for long."""
        while True:
            await asyncio.sleep(_LOOK)
            try:
                if wrong := self._premises.look_at_page():
                    _LOG.error("%s", wrong)
            except FlagsError as error:
                _LOG.error("%s", error)
                await asyncio.sleep(_GRACE)
            if self._premises.page_number != self._page_number and not self._reloading.locked():
                self._page_number = self._premises.page_number
                self._later(self._move_to_new_page())
            if self._premises.page.is_whole():
                self._look_at_workers(time.monotonic())
            self._pulses.look(enumerate(self._shadows), time.monotonic())

    async def _move_to_new_page(self) -> None:
        """Everybody who has the old page mapped is replaced."""
        async with self._reloading:
            _LOG.warning("control and workers are replaced, to use the new state page")
            self._control.signal(signal.SIGTERM)
            new, failed = await self._bring_up(self._premises.config.listen.workers)
            # As many as came up take a place, for whoever has the old page obeys nobody.
            self._change_workers(new, self._workers if failed is None else self._workers[: len(new)])
            if failed is not None:
                _LOG.error("a new worker did not start; those that are left use the old state page")
                await failed.stop(_GRACE)

    def _look_at_workers(self, now: float) -> None:
        places = {place.pid: place for place in (*self._workers, *self._replaced) if place.pid}
        found = {row.pid: row for row in self._premises.page.all_rows() if row.age_seconds >= FRESH}
        self._silent = {pid: self._silent.get(pid, now) for pid in found if pid in places}
        for pid, since in self._silent.items():
            place, age = places[pid], found[pid].age_seconds
            if since == now:
                _LOG.warning("%s (process %d) has not said anything for %.1f s", place.name, pid, age)
            if age >= HANGS and now - since >= _SURELY:
                _LOG.error("%s (process %d) hangs, for %.1f s now, and is replaced", place.name, pid, age)
                place.signal(signal.SIGKILL)

    # --- reloading ------------------------------------------------------------------------------

    def _asked_to_reload(self) -> None:
        self._later(self._reload())

    async def _reload(self) -> None:
        async with self._reloading:
            before = self._premises.config
            try:
                self._premises.adopt(load_config(before.source_path, os.environ))
            except ConfigError as error:
                for problem in error.problems:
                    _LOG.error("configuration not taken over: %s", problem)
                return
            except StartError as error:
                _LOG.error("configuration not taken over: %s", error)
                return
            for warning in self._premises.warnings:
                _LOG.warning("%s", warning)
            self._control.signal(signal.SIGHUP)
            new, failed = await self._bring_up(self._premises.config.listen.workers)
            if failed is not None:
                self._go_back(before)
                _LOG.error("configuration not taken over: a new worker did not start; the old ones stay")
                await asyncio.gather(failed.stop(_GRACE), *map(self._see_off, new))
                return
            self._change_workers(new, self._workers)
            await self._change_shadows(self._premises.config.shadow.processes)
            _LOG.info("configuration taken over from %s", before.source_path)

    def _go_back(self, before: Config) -> None:
        try:
            self._premises.adopt(before)
        except StartError as error:
            _LOG.error("the old configuration could not be put back: %s", error)
        self._control.signal(signal.SIGHUP)

    async def _bring_up(self, count: int) -> tuple[list[Place], Place | None]:
        """New workers, one after the other, until one does not come up: those that did, and that one."""
        up: list[Place] = []
        for index in range(count):
            place = self._launcher.worker(index)
            place.start()
            if not await comes_up(place, partial(self._is_up, place), self._ending):
                return up, place
            up.append(place)
        return up, None

    def _change_workers(self, new: list[Place], old: list[Place]) -> None:
        """New ones serve already; the old ones may go."""
        self._workers = [*new, *(place for place in self._workers if place not in old)]
        for place in old:
            self._later(self._see_off(place))

    async def _change_shadows(self, count: int) -> None:
        # One at a time, the old one gone first: both would want the same socket.
        for place in self._shadows:
            await place.stop(self._premises.config.shadow.deadline + _GRACE)
        self._shadows = [self._launcher.shadow(index) for index in range(count)]
        for place in self._shadows:
            place.start()

    async def _see_off(self, place: Place) -> None:
        """A worker leaves, in whose place others serve."""
        self._replaced.add(place)
        how = signal.SIGTERM if self._ending.is_set() else REPLACED
        await place.stop(self._premises.config.listen.drain_timeout + _GRACE, how)
        self._replaced.discard(place)

    # --- ending ---------------------------------------------------------------------------------

    def _asked_to_end(self) -> None:
        if self._ending.is_set():
            _LOG.warning("asked to end a second time: ending at once")
            for place in (*self._workers, *self._replaced, *self._shadows, self._control):
                place.kill()
        self._ending.set()

    async def _end(self) -> None:
        """Workers first, so that nobody's request is lost; control last, so that their last counts arrive."""
        self._premises.stop_listening()
        for place in self._replaced:  # there is nobody any more in whose favour they left
            place.signal(signal.SIGTERM)
        drain = self._premises.config.listen.drain_timeout + _GRACE
        await asyncio.gather(*(place.stop(drain) for place in self._workers), *self._leaving)
        grace = self._premises.config.shadow.deadline + _GRACE
        await asyncio.gather(*(place.stop(grace) for place in self._shadows))
        await self._control.stop(_GRACE)

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
