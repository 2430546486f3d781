"""Which shards one process should hold: a fair share of them, and what to take or give up to come to it.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

LEASE: Final = 3.0
"""Seconds after which the shards of a process that says nothing are free for others."""
LOOK: Final = 0.5
"""Seconds between two words of a process."""


class Change(NamedTuple):
    """How many shards to try to take, and which to hand over."""

    wanted: int
    leaving: tuple[int, ...]


def fair_share(process: str, processes: Sequence[str], shards: int) -> int:
    """How many shards are this process's share: shares differ by one at most, and add up to all of them."""
    if process not in processes:
        return 0
    each, rest = divmod(shards, len(processes))
    return each + (sorted(processes).index(process) < rest)


def change(held: Iterable[int], leaving: Iterable[int], share: int) -> Change:
    """What to do about a share. ``leaving``: those of ``held`` that are being handed over already."""
    staying = sorted(set(held) - set(leaving))
    return Change(max(0, share - len(staying)), tuple(staying[share:]))
