"""An application in this process and a gateway with one worker in front of it, while a block runs."""

from __future__ import annotations

import asyncio
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.gateway_file import gateway_file
from bench.processes import free_port
from bench.soak.rig import started
from bench.soak.watch import files, processes, resident
from bench.waiting import until

Application = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LOOPBACK = "127.0.0.1"
Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Rig:
    """``worker``: the process that is watched."""

    traffic: int
    worker: int

    def resident(self) -> int:
        """Bytes of memory of the worker."""
        return resident(self.worker)

    def files(self) -> int:
        """Its open files, channels to other processes apart."""
        return len(files(self.worker))

    async def connect(self) -> Client:
        """A client's connection."""
        return await asyncio.open_connection(LOOPBACK, self.traffic)

    @contextmanager
    def peak(self) -> Iterator[Callable[[], int]]:
        """By how many bytes the worker grows at most while the block runs, looked at fifty times a second."""
        before = top = self.resident()

        async def look() -> None:
            nonlocal top
            while True:
                top = max(top, self.resident())
                await asyncio.sleep(0.02)

        watching = asyncio.get_running_loop().create_task(look())
        try:
            yield lambda: max(top, self.resident()) - before
        finally:
            watching.cancel()


@asynccontextmanager
async def rig(application: Application, *, listen: str = "", upstream: str = "") -> AsyncIterator[Rig]:
    """``listen`` and ``upstream``: further lines of those tables."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            tasks.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await application(reader, writer)
        writer.close()

    listening = socket.create_server((LOOPBACK, 0), backlog=4096)
    server = await asyncio.start_server(serve, sock=listening, limit=2**20, backlog=4096)
    traffic, admin, port = free_port(), free_port(), listening.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="banyan-endurance-") as name:
        file = Path(name) / "banyan.toml"
        file.write_text(
            gateway_file(
                traffic=traffic, admin=admin, legacy=port, new=port, in_listen=listen, in_legacy=upstream
            )
        )
        command = [sys.executable, "-m", "gateway", "-c", str(file), "--json", "run"]
        log = Path(name) / "gateway.log"
        with started(command, admin, log) as gateway:
            await until(lambda: b'"ready":' in log.read_bytes(), "the gateway is ready")
            worker = next(pid for pid, kind in processes(gateway.pid).items() if kind == "worker")
            yield Rig(traffic, worker)
            await asyncio.sleep(0.2)  # what the clients have closed is closed before the gateway is ended
    server.close()
    for task in tasks:
        task.cancel()


async def read_head(reader: asyncio.StreamReader) -> bytes:
    """One head with its empty line."""
    return await reader.readuntil(b"\r\n\r\n")
