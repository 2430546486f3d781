"""Start a program on a core, wait until its port answers, end it by its pid."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PROXY_CORE = 0
LOAD_CORE = 1


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def pinned(core: int, command: Sequence[str | Path]) -> list[str]:
    """The command, held to one core; its children inherit that."""
    cores = os.cpu_count() or 1
    return ["taskset", "-c", str(core % cores), *map(str, command)]


@contextmanager
def running(command: Sequence[str | Path], core: int, port: int, log: Path) -> Iterator[None]:
    """A program that serves a port while the block runs.

    RuntimeError with its last words when it does not.
    """
    with log.open("ab") as sink:
        process = subprocess.Popen(
            pinned(core, command), stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True
        )
    try:
        wait_for(port, process, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # the session made above: only its own children are in it


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path, timeout: float = 20.0) -> None:
    """Return when somebody listens on the port."""
    deadline = time.monotonic() + timeout
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"did not serve port {port}:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)
