"""A row of the table, and where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Rig:
    """What a peer needs to know.

    A folder for its files, its own port, the two upstreams' ports, the programs.
    """

    folder: Path
    port: int
    admin: int
    legacy: int
    new: int
    tools: dict[str, Path]


@dataclass(frozen=True, slots=True)
class Peer:
    """One proxy in one setting. `start` writes its configuration and returns its command.

    None for no proxy.
    """

    name: str
    tool: str
    start: Callable[[Rig], list[str | Path]] | None
    shadows: bool = False  # sends a copy of every request to the other side
    compares: bool = False  # and compares the two answers; it then counts verdicts at /metrics
