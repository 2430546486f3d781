"""One worker's connection to a shadow process: exchanges come in, verdicts and the level of the sample go
back. Knows no way to compare."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import TypeAlias, cast

import msgspec

from gateway.capture import Captured, FrameReader, Settled, decode, encode

_log = logging.getLogger("banyan.shadow")

Take: TypeAlias = "Callable[[Captured, int, Intake], None]"


class Intake(asyncio.Protocol):
    """``take`` gets what comes in, its size in bytes, and this connection, which wants to know the verdict.

    ``open_ones`` holds all connections that are open.
    """

    def __init__(self, take: Take, open_ones: set[Intake]) -> None:
        self._take = take
        self._open = open_ones
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self._verdicts: Counter[tuple[str, str]] = Counter()
        self._told = -1

    def settle(self, feature: str, verdict: str) -> None:
        """An exchange that came in here has come to a verdict."""
        self._verdicts[feature, verdict] += 1

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
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                self._take(decode(frame), len(frame), self)
        except (ValueError, msgspec.MsgspecError) as bad:
            _log.error("what a worker sent is not an exchange: %s", bad)
            if self._transport is not None:
                self._transport.abort()
