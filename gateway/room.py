"""How many connections there is room for in one process: every one is an open file, and the system says how
many may be. Pure; knows no socket.

Who runs out of files can neither accept nor connect, and breaks the work that it has already accepted. So the
files are shared out beforehand, and whoever finds no room is told so.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["Room", "share"]

_OWN: Final = 40
"""Files of the process itself: its libraries, page, log, channels."""


class Room(NamedTuple):
    """At most so many clients, connections to each upstream, and clients that are just being turned away."""

    clients: int
    upstreams: tuple[int, ...]
    turned_away: int


def share(files: int, clients: int, upstreams: tuple[int, ...]) -> Room:
    """Share `files` out: what is asked for where there is enough, and otherwise half for either side."""
    reserve = max(_OWN + 8, files // 16)
    room = max(files - reserve, 2 * len(upstreams))
    asked = sum(upstreams)
    if asked > room // 2:
        each = max(1, room // 2 // len(upstreams))
        upstreams = tuple(min(most, each) for most in upstreams)
    return Room(max(1, min(clients, room - sum(upstreams))), upstreams, reserve - _OWN)
