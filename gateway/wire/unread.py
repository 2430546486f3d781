"""Connections that are read no further for now, because what they send cannot be passed on.

The event loop does not look at such a connection at all, so nobody would hear that its peer has left. The
sweeper asks the system instead, for all of them at once.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable


class Unread:
    """Knows what to do once the peer of a connection has left, be it in good order or not."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left: dict[asyncio.Transport, Callable[[], None]] = {}

    def add(self, transport: asyncio.Transport, left: Callable[[], None]) -> None:
        """Reading has been paused: have ``left`` called, once, when the peer has left."""
        self._left[transport] = left

    def discard(self, transport: asyncio.Transport) -> None:
        """It is read again."""
        self._left.pop(transport, None)

    def look(self) -> list[Callable[[], None]]:
        """What is to be done now. A connection that we are closing, or that is closed, is forgotten: its
        end has a deadline of its own."""
        if not self._left:
            return []
        looks, by_file = select.poll(), {}
        for transport in list(self._left):
            sock = transport.get_extra_info("socket")
            file = -1 if transport.is_closing() or sock is None else sock.fileno()
            if file < 0:
                del self._left[transport]
                continue
            by_file[file] = transport
            looks.register(file, select.POLLRDHUP)
        return [self._left.pop(by_file[file]) for file, _ in looks.poll(0)]
