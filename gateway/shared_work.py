"""One shadow process's part of the shadow that several machines share, put together: its shards, and what it
does with what it reads there. Loaded only where machines share a Redis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gateway.config import Config
from gateway.shadowing import OpenWrites
from gateway.shadowing.stream_intake import Piece, StreamIntake
from gateway.stream_link import seal_of, stream_client, stream_names
from gateway.streams.holdings import Holdings
from shadow import MirrorBook

__all__ = ["SharedWork", "shared_work"]

AHEAD_EACH = 4
"""Exchanges that are read ahead, for each session that may be at work."""


class SharedWork(NamedTuple):
    """What comes in, and which shards it comes from."""

    intake: StreamIntake
    holdings: Holdings


def shared_work(
    config: Config,
    process: str,
    mirrors: MirrorBook,
    writes: OpenWrites,
    *,
    deliver: Callable[[Piece], None],
    lose: Callable[[str, str], None],
    lose_all: Callable[[str, float], None],
    waiting: Callable[[], int],
    said: Callable[[], bytes],
    state_ttl: float,
) -> SharedWork:
    """For the process of this name. ``deliver`` gets what is to be worked on, ``lose`` a sticky key whose
    sessions lack a request, ``lose_all`` until when any session may lack one; ``waiting``: exchanges that
    were delivered and not begun; ``said``: what the process says of itself; ``state_ttl``: seconds for which
    the state of a session is kept.
    """
    names, shadow = stream_names(config), config.shadow

    def room() -> int:
        return AHEAD_EACH * shadow.max_in_flight - waiting()

    seal = seal_of(config)
    intake = StreamIntake(names, shadow.shards, mirrors, writes, deliver, lose, lose_all, room, said, seal)
    holdings = Holdings(
        lambda: stream_client(config), names, shadow.shards, process, intake.callbacks, state_ttl=state_ttl
    )
    intake.works_for(holdings)
    return SharedWork(intake, holdings)
