"""Free ports on loopback, and waiting for somebody to listen on one."""

import itertools
import os
import random
import socket
import time
from collections.abc import Callable
from pathlib import Path

LOOPBACK = "127.0.0.1"
PATIENCE = 30.0
"""Seconds in which what must come true does so on any machine, however busy; only who waits in vain pays."""


def _shuffled() -> list[int]:
    """The ports below those that the kernel gives to whoever wants any, in an order of this process's own."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    below = list(range(11_000, max(lowest, 30_000)))  # browsers refuse some before
    random.Random(os.urandom(16)).shuffle(below)
    return below


_candidates = itertools.cycle(_shuffled())


def free_port() -> int:
    """A port nobody listens on now, another one at each call.

    No connection and no listener that takes any port gets it before the server that it is for, and where no
    server is to listen, none does by chance.
    """
    while True:
        port = next(_candidates)
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port


def accepts(port: int, host: str = LOOPBACK) -> bool:
    """Whether somebody accepts a connection there right now."""
    try:
        socket.create_connection((host, port), timeout=0.5).close()
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], bool], timeout: float = PATIENCE, what: str = "the condition") -> None:
    """Return as soon as `condition` holds; TimeoutError naming `what` when it does not in time."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come true within {timeout} s")
        time.sleep(0.01)
