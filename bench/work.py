"""What each kind of proxy is given to do, as a table."""

from __future__ import annotations

from dataclasses import dataclass

SMALL = "/api/orders/17"
REWRITTEN = "/api/rewritten/17"


@dataclass(frozen=True, slots=True)
class Work:
    """One measurement: a path, how many keep-alive connections, a share of the seconds. `users`: how many
    different ones ask in turn; `varied`: every request has a path of its own.
    """

    name: str
    path: str
    connections: int
    share: float = 1.0
    users: int = 1
    varied: bool = False


USUAL = Work("1 KB, 64 connections", SMALL, 64)
ONE = Work("1 KB, 1 connection", SMALL, 1)
MANY = Work("1 KB, 256 connections", SMALL, 256)
VARIED = Work("1 KB, 64 connections, each request its own path", SMALL, 64, 0.7, 1000, varied=True)
MIDDLE = Work("100 KB, 64 connections", "/bodies/100k", 64, 0.7)
LARGE = Work("10 MB, 8 connections", "/bodies/10m", 8)
STREAM = Work("a stream of 50 events, 64 connections", "/stream", 64, 0.7)
IN_TURNS = Work("1 KB, 64 connections, in turns", SMALL, 64, 0.5)
MANY_IN_TURNS = Work("1 KB, 256 connections, in turns", SMALL, 256, 0.5)
COPIED = Work("1 KB, 64 connections, 1,000 users", SMALL, 64, users=1000)
PARSED = Work("1 KB, 64 connections, 1,000 users, equal after parsing", REWRITTEN, 64, users=1000)

WORK: dict[str, tuple[Work, ...]] = {
    "forward": (USUAL, ONE, MANY, VARIED, MIDDLE, LARGE, STREAM),
    "recipe": (USUAL, ONE, MANY),
    "features": (USUAL,),
    "mirror": (COPIED,),
    "compare": (COPIED, PARSED),
}


def work_for(kind: str, *, quick: bool) -> tuple[Work, ...]:
    """All of it, or what tells most in little time."""
    return tuple(one for one in WORK[kind] if not quick or one in (USUAL, ONE, COPIED, PARSED))
