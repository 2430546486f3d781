"""How each kind of child is started: its program, its arguments, what it inherits. Knows no reason to
start or end one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from flags import FlagsError
from gateway.children import Place
from gateway.premises import Premises

__all__ = ["Launcher", "Modules", "spawn_child"]

_LOG = logging.getLogger("banyan.supervisor")


_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(16 * 1024 * 1024), "MALLOC_MMAP_THRESHOLD_": str(1024 * 1024)}
"""For glibc's allocator: what one large read takes is kept for the next, not given back and asked for again,
page by page."""


class Modules(msgspec.Struct, frozen=True):
    """The programs of the children, as `python -m` takes them."""

    worker: str = "gateway.worker"
    control: str = "gateway.control_process"
    shadow: str = "gateway.shadow_process"


class Launcher:
    """Makes places for children of one gateway; nothing runs before a place is started."""

    def __init__(self, premises: Premises, modules: Modules) -> None:
        self._premises = premises
        self._modules = modules

    def control(self) -> Place:
        """The place of the control process, which serves the admin socket."""
        admin = self._premises.admin
        return Place("control", lambda: self._spawn_control(admin))

    def worker(self, index: int) -> Place:
        """The place of a worker, which serves the traffic socket."""
        traffic = self._premises.traffic
        return Place(f"worker {index}", lambda: self._spawn(self._modules.worker, index, traffic=traffic))

    def shadow(self, index: int) -> Place:
        """The place of a shadow process, which serves no socket of ours."""
        return Place(f"shadow {index}", lambda: self._spawn(self._modules.shadow, index))

    async def _spawn_control(self, admin: socket.socket) -> Process:
        with _told("the state could not be brought to the new page"):
            self._premises.before_control()
        return await self._spawn(self._modules.control, 0, admin=admin)

    async def _spawn(
        self,
        module: str,
        index: int,
        *,
        traffic: socket.socket | None = None,
        admin: socket.socket | None = None,
    ) -> Process:
        """Start one child: `python -m MODULE --index N --runtime DIR --life-fd N [--listen-fd N |
        --admin-fd N]`.
        """
        with _told("the state page could not be brought back"):
            if wrong := self._premises.look_at_page():
                _LOG.error("%s", wrong)
        handed = {"--listen-fd": traffic, "--admin-fd": admin}
        return await spawn_child(module, index, self._premises.runtime, self._premises.life, handed)


async def spawn_child(
    module: str,
    index: int,
    runtime: Path,
    life: int,
    handed: Mapping[str, socket.socket | None] | None = None,
) -> Process:
    """Start `python -m module`; `handed`: sockets that it inherits, by the flag that names them."""
    command = [sys.executable, "-m", module, "--index", str(index)]
    command += ["--runtime", str(runtime), "--life-fd", str(life)]
    descriptors = [life]
    for flag, listener in (handed or {}).items():
        if listener is not None:
            command += [flag, str(listener.fileno())]
            descriptors.append(listener.fileno())
    # Inherited: who asks for a reload may do so before there is anybody to hear it. It waits until then.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        # A group of its own: Ctrl-C reaches the supervisor alone, which ends the rest in order.
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=DEVNULL,
            stdout=sys.stderr,
            pass_fds=descriptors,
            process_group=0,
            env=_environment(),
        )
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


@contextmanager
def _told(what: str) -> Iterator[None]:
    """A child that cannot work says so itself; that it is never started must not be the reason."""
    try:
        yield
    except FlagsError as error:
        _LOG.error("%s: %s", what, error)


def _environment() -> dict[str, str]:
    """Ours, with the folder that this package was found in: children find it wherever they are started."""
    home = str(Path(__file__).resolve().parents[1])
    known = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    path = os.pathsep.join(known if home in known else [*known, home])
    return {**_MEMORY, **os.environ, "PYTHONPATH": path}
