"""A proxy of the table, and where it stands."""

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
    """One proxy in one setting. `start` writes its configuration and returns its command; None for no proxy.

    `kind` says which work it is given (see `bench.work`). Only one that compares counts verdicts at /metrics.
    """

    name: str
    tool: str
    start: Callable[[Rig], list[str | Path]] | None
    kind: str = "forward"

    @property
    def compares(self) -> bool:
        """Whether it compares the two answers."""
        return self.kind == "compare"
