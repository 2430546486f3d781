"""Waiting for children to be up. It must not know what a child is for, nor how one shows that it is up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from gateway.children import Place
from gateway.machine import StartError

__all__ = ["all_come_up", "comes_up"]

_POLL: Final = 0.02
_LIMIT: Final = 60.0
_LIMIT_OF_ONE: Final = 30.0


async def all_come_up(
    who: str, places: Callable[[], Iterable[Place]], up: Callable[[], bool], ending: asyncio.Event
) -> bool:
    """Wait for every child at the start; False when asked to end meanwhile. `places` and `up` say who they
    are and whether they are all up, each time anew. Raises `StartError`, about `who`, when one says that it
    cannot start, and after a minute.
    """
    limit = asyncio.get_running_loop().time() + _LIMIT
    while not ending.is_set():
        unable = [place.name for place in places() if place.unable]
        if unable:
            raise StartError(f"{who} cannot start: {', '.join(unable)} gave up; see above.")
        if up():
            return True
        if asyncio.get_running_loop().time() > limit:
            raise StartError(f"{who} cannot start: not every process was up within {_LIMIT:.0f} s.")
        await asyncio.sleep(_POLL)
    return False


async def comes_up(place: Place, up: Callable[[], bool], ending: asyncio.Event) -> bool:
    """Wait for one more child, while others serve; False when it dies, takes half a minute, or all is to
    end.
    """
    limit = asyncio.get_running_loop().time() + _LIMIT_OF_ONE
    while not up():
        if place.deaths or ending.is_set() or asyncio.get_running_loop().time() > limit:
            return False
        await asyncio.sleep(_POLL)
    return True
