"""What is written in one turn of the loop, gathered and sent together at its end. Knows no HTTP.

In one turn many connections have something to say. Reading from one and writing to another in alternation has
the interpreter and the system's network push each other out of the processor's caches. Reading everything
first, and writing afterwards, costs less.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

_AT_ONCE = 64 * 1024
"""Bytes of one piece from which on nothing is gained by waiting."""
_MOST = 256 * 1024
"""Bytes that wait at most: whoever is told that a peer takes no more is told so within a turn."""
_MOST_WRITES = 1024
"""Writes that wait for a slow peer at most: each costs the event loop some hundred bytes beside its own."""
_log = logging.getLogger("banyan.wire")


class Writer(Protocol):
    """Whoever has a connection."""

    def write_now(self, data: bytes) -> None:
        """Hand ``data`` to the system. It may be several pieces, joined."""


class Outbox:
    """Keeps what is to be written in order, for no longer than a turn of the loop."""

    __slots__ = ("_loop", "_size", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[tuple[Writer, bytes]] = []
        self._size = 0

    def put(self, writer: Writer, data: bytes) -> None:
        """Have ``writer`` write this at the end of the turn."""
        if len(data) >= _AT_ONCE:
            self.flush()
            _write(writer, data)
            return
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append((writer, data))
        self._size += len(data)
        if self._size >= _MOST:
            self.flush()

    def flush(self) -> None:
        """Have everything written now, for whoever does more with a connection than write."""
        waiting, self._waiting, self._size = self._waiting, [], 0
        at, end = 0, len(waiting)
        while at < end:
            begin = at
            writer, data = waiting[at]
            at += 1
            while at < end and waiting[at][0] is writer:
                at += 1
            if at > begin + 1:
                data = b"".join([piece for _, piece in waiting[begin:at]])
            _write(writer, data)


class Backlog:
    """Counts what waits in one transport for a slow peer, beside its bytes, which the transport counts."""

    __slots__ = ("_writes",)

    def __init__(self) -> None:
        self._writes = 0

    def written(self, transport: asyncio.Transport) -> None:
        """Something has been written. Where too many writes wait, the transport tells its protocol to pause,
        as if they were too many bytes, until they have gone; who resumes sets its limit again."""
        if not transport.get_write_buffer_size():
            self._writes = 0
            return
        self._writes += 1
        if self._writes >= _MOST_WRITES:
            self._writes = 0
            transport.set_write_buffer_limits(high=0)


def _write(writer: Writer, data: bytes) -> None:
    try:
        writer.write_now(data)
    except Exception:  # noqa: BLE001 - one connection's failure must not cost the others their bytes
        _log.exception("a connection could not be written to")
