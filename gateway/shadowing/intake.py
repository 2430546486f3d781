"""One worker's connection to a shadow process: exchanges come in, verdicts and the level of the sample go
back. Knows no way to compare."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import Counter
from collections.abc import Callable
from typing import TypeAlias, cast

import msgspec

from gateway.capture import AllSaid, Captured, FrameReader, Settled, decode_said, encode

_CREDENTIALS = struct.calcsize("3i")
_log = logging.getLogger("banyan.shadow")

Take: TypeAlias = "Callable[[Captured | AllSaid, int, Intake], None]"


class Intake(asyncio.Protocol):
    """``take`` gets what comes in, its size in bytes, and this connection, which wants to know the verdict.

    ``open_ones`` holds all connections that are open; ``gone`` is told when this one no longer is.
    ``pid``: the worker's process.
    """

    def __init__(self, take: Take, open_ones: set[Intake], gone: Callable[[Intake], None]) -> None:
        self._take = take
        self._gone = gone
        self._open = open_ones
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self._verdicts: Counter[tuple[str, str]] = Counter()
        self._told = -1
        self.pid = 0

    def settle(self, feature: str, verdict: str) -> None:
        """An exchange that came in here has come to a verdict."""
        self._verdicts[feature, verdict] += 1

    def ask(self, question: int) -> None:
        """Have ``AllSaid`` of this question come in behind all that the worker has to say now."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode(Settled([], max(0, self._told), question)))

    def tell(self, level: int) -> None:
        """Say what was settled since the last time, and the level of the sample."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._verdicts or level != self._told:
            rows = [(feature, verdict, times) for (feature, verdict), times in self._verdicts.items()]
            self._transport.write(encode(Settled(rows, level)))
            self._verdicts.clear()
            self._told = level

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.pid = _peer(transport.get_extra_info("socket"))
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)
        self._gone(self)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                self._take(decode_said(frame), len(frame), self)
        except (ValueError, msgspec.MsgspecError) as bad:
            _log.error("what a worker sent is not an exchange: %s", bad)
            if self._transport is not None:
                self._transport.abort()


def _peer(end: socket.socket) -> int:
    """The process at the other end of a Unix socket."""
    found = end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS)
    return int(struct.unpack("3i", found)[0])
