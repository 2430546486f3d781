"""The bounded way from a worker to one shadow process. When it is full it drops, and says so; it never waits.

What is captured within a few milliseconds goes out in one write. The shadow process says on the same
connection what became of it; what it has not accounted for when the connection ends was dropped. Knows no
request.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from typing import cast

import msgspec

from flags import FULL
from gateway.capture.exchange import AllSaid, decode_settled, encode

LARGEST_FRAME = 64 * 1024 * 1024
_GATHER = 0.004
_BATCH = 256 * 1024
"""Seconds for which what is captured is gathered, and bytes at which it goes at once. Nobody waits for a
verdict, and each write wakes the other process."""
_RETRY = 0.1
"""Seconds between two tries to connect: what is kept meanwhile is late when it comes."""
_log = logging.getLogger("banyan.capture")

OnSettled = Callable[[str, str, int], None]
"""Called with a feature, a verdict, and how many of its exchanges came to it."""


class ExchangeChannel(asyncio.Protocol):
    """One Unix socket. ``send`` and ``tell`` are the only calls of the request path. ``limit`` in bytes
    waiting to be taken. ``level``: the share of sampled sessions the other end can take, in hundredths.
    ``to_another``: what a process is to be told first that has come in the place of another, or that has
    missed a word. A process that takes nothing is hung up on at twice the limit.
    """

    def __init__(self, path: str, on_settled: OnSettled, limit: int = 16 * 1024 * 1024) -> None:
        self._path = path
        self._on_settled = on_settled
        self._limit = limit
        self._transport: asyncio.Transport | None = None
        self._batch: list[bytes] = []
        self._batch_size = 0
        self._behind = 0  # bytes that were written and not taken when it was last looked at
        self._waiting: Counter[str] = Counter()  # by feature: not written yet
        self._unsettled: Counter[str] = Counter()  # by feature: written, no verdict yet
        self._reader = FrameReader()
        self._task: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        self._tells_all = False  # the next process at the other end is to be told all that went before
        self.to_another: Callable[[], Iterable[bytes]] = tuple
        self.level = FULL

    def start(self) -> None:
        """Connect, and connect again whenever the other end has gone."""
        self._task = asyncio.get_running_loop().create_task(self._stay_connected(), name="exchange-channel")

    async def close(self, patience: float = 0.0) -> None:
        """Send what waits, give the other end ``patience`` seconds to account for it, then hang up."""
        self._flush()
        deadline = asyncio.get_running_loop().time() + patience
        while self._unsettled.total() and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # once in a worker's life
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._give_up(self._unsettled)
        self._give_up(self._waiting)
        if self._transport is not None:
            self._transport.close()

    def send(self, frame: bytes, feature: str) -> bool:
        """Hand over one exchange; while nobody is there it is kept. False: too much waits, and it is
        dropped."""
        more = len(frame)
        if self._behind + self._batch_size + more > self._limit and self._is_behind(self._limit - more):
            return False
        self._waiting[feature] += 1
        self._put(frame)
        return True

    def _is_behind(self, limit: int) -> bool:
        """Whether more than that waits to be taken, as of now."""
        transport = self._transport
        self._behind = transport.get_write_buffer_size() if transport is not None else 0
        return self._behind + self._batch_size > limit

    def tell(self, frame: bytes) -> None:
        """Hand over a small word about a session, at once and whatever waits: if this process is killed after
        the request went out, the word about it has been said. While nobody is there it is kept. When the
        words are too many, they are given up, and the next process that is there is told all instead.
        """
        limit = 2 * self._limit - len(frame)
        if self._behind + self._batch_size <= limit or not self._is_behind(limit):
            self._batch.append(frame)
            self._batch_size += len(frame)
            self._flush()
            return
        self._tells_all = True
        if self._transport is not None:
            _log.error("a shadow process takes nothing; what waits for it is dropped")
            self._transport.abort()
            self._transport = None  # from here on nobody is there

    def _put(self, frame: bytes) -> None:
        if not self._batch:
            asyncio.get_running_loop().call_later(_GATHER, self._flush)
        self._batch.append(frame)
        self._batch_size += len(frame)
        if self._batch_size >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._batch and self._transport is not None:
            self._transport.write(b"".join(self._batch))
            self._behind = self._transport.get_write_buffer_size()
            self._batch.clear()
            self._batch_size = 0
            self._unsettled.update(self._waiting)
            self._waiting.clear()

    async def _stay_connected(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await loop.create_unix_connection(lambda: self, self._path)
            except OSError:
                await asyncio.sleep(_RETRY)
                continue
            await self._lost.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._lost.clear()
        self._transport = cast(asyncio.Transport, transport)
        self._reader = FrameReader()
        self.level = FULL
        if self._tells_all:
            self._transport.write(b"".join(self.to_another()))
        self._tells_all = True
        self._flush()

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                settled = decode_settled(frame)
                self.level = settled.level
                for feature, verdict, times in settled.verdicts:
                    self._unsettled[feature] -= times
                    self._on_settled(feature, verdict, times)
                if settled.question:
                    self._put(encode(AllSaid(settled.question)))
                    self._flush()
        except (ValueError, msgspec.MsgspecError) as bad:
            _log.error("what a shadow process sent cannot be read: %s", bad)
            if self._transport is not None:
                self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._give_up(self._unsettled)
        self._lost.set()

    def _give_up(self, exchanges: Counter[str]) -> None:
        """Nobody will ever say what became of these."""
        for feature, times in exchanges.items():
            if times > 0:
                self._on_settled(feature, "dropped", times)
        exchanges.clear()


class FrameReader:
    """Cuts a stream of bytes into frames: ``feed`` gives the whole frames that are there, without their
    lengths."""

    __slots__ = ("_buffer", "_needed")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._needed = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that ``data`` completes. Linear, however many pieces a large one comes in.

        Raises:
            ValueError: a frame larger than any that is sent; the stream cannot be trusted.
        """
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._needed:
                return []
            data = bytes(self._buffer)
            self._buffer.clear()
        frames: list[bytes] = []
        at, end = 0, len(data)
        self._needed = 4
        while end - at >= 4:
            size = int.from_bytes(data[at : at + 4], "big")
            if size > LARGEST_FRAME:
                raise ValueError(f"a frame of {size} bytes")
            if end - at - 4 < size:
                self._needed = 4 + size
                break
            frames.append(data[at + 4 : at + 4 + size])
            at += 4 + size
        if at < end:
            self._buffer += data[at:] if at else data
        return frames
