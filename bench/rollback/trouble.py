"""What is dead, full or hanging around one gateway while it is taken back, and how that ends again."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

from bench.rollback.machine import Machine

__all__ = ["TROUBLES", "FlagServer", "Room", "around"]


_HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"


class FlagServer:
    """Stands in for an Unleash server: it has `orders` at 100 % for everybody. `hangs`: it takes requests,
    and answers none.
    """

    _BODY = (
        b'{"version":2,"features":[{"name":"orders","enabled":true,"strategies":[{"name":"flexibleRollout",'
        b'"parameters":{"rollout":"100","stickiness":"default","groupId":"orders"},"constraints":[]}]}]}'
    )

    def __init__(self) -> None:
        self.port = 0
        self.hangs = False
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """The second time on the same port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Nobody answers there any more."""
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            while self.hangs:  # noqa: ASYNC110 - a flag that is set from outside
                await asyncio.sleep(0.1)
            writer.write(_HEAD % len(self._BODY) + self._BODY)
        writer.close()


class Room:
    """What a trial has: the machine, the Redis process and its port, the flag server."""

    def __init__(
        self, machine: Machine, redis: Callable[[], subprocess.Popen[bytes]], flags: FlagServer
    ) -> None:
        self.machine = machine
        self._start_redis = redis
        self.redis = redis()
        self.flags = flags
        self.loop = asyncio.get_running_loop()

    def restart_redis(self) -> None:
        """Empty, at the same place."""
        self.redis.kill()
        self.redis.wait()
        self.redis = self._start_redis()


@contextmanager
def _redis_dead(room: Room) -> Iterator[None]:
    room.redis.kill()
    room.redis.wait()
    yield
    room.restart_redis()


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@contextmanager
def _redis_hangs(room: Room) -> Iterator[None]:
    with _stopped(room.redis.pid):
        yield


@contextmanager
def _flags_dead(room: Room) -> Iterator[None]:
    room.flags.stop()
    yield
    room.loop.create_task(room.flags.start())


@contextmanager
def _flags_hang(room: Room) -> Iterator[None]:
    room.flags.hangs = True
    yield
    room.flags.hangs = False


@contextmanager
def _control_dead(room: Room) -> Iterator[None]:
    """And nobody who starts another one: the supervisor stands still."""
    with _stopped(room.machine.supervisor):
        for pid in room.machine.children("gateway.control_process"):
            os.kill(pid, signal.SIGKILL)
        yield


@contextmanager
def _control_hangs(room: Room) -> Iterator[None]:
    with ExitStack() as stack:
        for pid in room.machine.children("gateway.control_process"):
            stack.enter_context(_stopped(pid))
        yield


@contextmanager
def _disk_full(room: Room) -> Iterator[None]:
    """The state folder is a file system of its own; a file takes what is left of it."""
    filler = room.machine.state / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0")
    yield
    filler.unlink()


@contextmanager
def _disk_hangs(room: Room) -> Iterator[None]:
    """Whoever wants to write state or ledger waits: their locks are held."""
    with ExitStack() as stack:
        for name in ("ledger.jsonl", "state.json.lock"):
            held = stack.enter_context((room.machine.state / name).open("ab"))
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


_DEAD = (_redis_dead, _flags_dead, _control_dead, _disk_full)
_HANGING = (_redis_hangs, _flags_hang, _control_hangs, _disk_hangs)
TROUBLES: dict[str, tuple[Callable[[Room], AbstractContextManager[None]], ...]] = {
    "nothing": (),
    "Redis dead": (_redis_dead,),
    "Redis hangs": (_redis_hangs,),
    "Unleash dead": (_flags_dead,),
    "Unleash hangs": (_flags_hang,),
    "control process dead": (_control_dead,),
    "control process hangs": (_control_hangs,),
    "disk full": (_disk_full,),
    "disk hangs": (_disk_hangs,),
    "all four dead or full": _DEAD,
    "all four hang": _HANGING,
}


@contextmanager
def around(room: Room, name: str) -> Iterator[None]:
    """This trouble, while the block runs."""
    with ExitStack() as stack:
        for one in TROUBLES[name]:
            stack.enter_context(one(room))
        yield


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A file system of 24 MiB at `folder` → whether there is one: that needs the rights of root."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "-l", str(folder)], check=False)
