"""Start a program on a core, wait until its port answers, end it by its pid."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.request
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


def pinned(core: int | None, command: Sequence[str | Path]) -> list[str]:
    """The command, held to one core, or to none; its children inherit that."""
    if core is None:
        return [str(word) for word in command]
    cores = os.cpu_count() or 1
    return ["taskset", "-c", str(core % cores), *map(str, command)]


@contextmanager
def running(
    command: Sequence[str | Path], core: int | None, port: int, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that serves a port while the block runs.

    RuntimeError with its last words when it does not.
    """
    with log.open("ab") as sink:
        process = subprocess.Popen(
            pinned(core, command),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    try:
        wait_for(port, process, log)
        yield process
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


def answering(port: int, path: str, timeout: float = 30.0) -> None:
    """Return when a request is answered: a port may be open before there is anybody to answer.

    RuntimeError when none is.
    """
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        with (
            suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(f"nobody answers at port {port}")


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    with suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found += tree(int(child))
    return found


def processor_seconds(pid: int) -> float:
    """What a process and all below it have used so far. Ended ones are left out."""
    ticks = 0
    for one in tree(pid):
        with suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def settle(pid: int, patience: float = 20.0) -> None:
    """Return when a program has nothing left to do of its start: what it does for itself is no one's work."""
    deadline = time.monotonic() + patience
    quiet = 0
    while quiet < 2 and time.monotonic() < deadline:
        before = processor_seconds(pid)
        time.sleep(0.3)
        quiet = quiet + 1 if processor_seconds(pid) - before <= 0.03 else 0


def memory(pid: int, worker: str) -> float:
    """MiB that the process whose command line holds `worker` has in memory; else the first one."""
    pids = tree(pid)
    chosen = next((one for one in pids if worker in Path(f"/proc/{one}/cmdline").read_text()), pids[0])
    line = next(line for line in Path(f"/proc/{chosen}/status").read_text().splitlines() if "VmRSS" in line)
    return int(line.split()[1]) / 1024
