"""The bounded way from a worker to one shadow process. When it is full it drops, and says so; it never waits.

What one turn of the loop captures goes out in one write. The shadow process says on the same connection what
became of it; what it has not accounted for when the connection ends was dropped. Knows no request.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable
from typing import cast

import msgspec

from flags import FULL
from gateway.capture.exchange import decode_settled

LARGEST_FRAME = 64 * 1024 * 1024
_BACK_OFF = (0.05, 0.1, 0.25, 0.5, 1.0)
_log = logging.getLogger("banyan.capture")

OnSettled = Callable[[str, str, int], None]
"""Called with a feature, a verdict, and how many of its exchanges came to it."""


class ExchangeChannel(asyncio.Protocol):
    """One Unix socket. ``send`` and ``tell`` are the only calls of the request path. ``limit`` in bytes
    waiting to be taken. ``level``: the share of sampled sessions the other end can take, in hundredths.
    """

    def __init__(self, path: str, on_settled: OnSettled, limit: int = 16 * 1024 * 1024) -> None:
        self._path = path
        self._on_settled = on_settled
        self._limit = limit
        self._transport: asyncio.Transport | None = None
        self._batch: list[bytes] = []
        self._batch_size = 0
        self._waiting: Counter[str] = Counter()  # by feature: not written yet
        self._unsettled: Counter[str] = Counter()  # by feature: written, no verdict yet
        self._reader = FrameReader()
        self._task: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
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
        transport = self._transport
        waiting = transport.get_write_buffer_size() if transport is not None else 0
        if waiting + self._batch_size + len(frame) > self._limit:
            return False
        self._put(frame)
        self._waiting[feature] += 1
        return True

    def tell(self, frame: bytes) -> None:
        """Hand over a small word about a session, whatever waits. Nobody there: there is nobody to tell."""
        if self._transport is not None and self._batch_size < 2 * self._limit:
            self._put(frame)

    def _put(self, frame: bytes) -> None:
        if not self._batch:
            asyncio.get_running_loop().call_soon(self._flush)
        self._batch.append(frame)
        self._batch_size += len(frame)

    def _flush(self) -> None:
        if self._batch and self._transport is not None:
            self._transport.write(b"".join(self._batch))
            self._batch.clear()
            self._batch_size = 0
            self._unsettled.update(self._waiting)
            self._waiting.clear()

    async def _stay_connected(self) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            try:
                await loop.create_unix_connection(lambda: self, self._path)
            except OSError:
                await asyncio.sleep(_BACK_OFF[min(failures, len(_BACK_OFF) - 1)])
                failures += 1
                continue
            failures = 0
            await self._lost.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._lost.clear()
        self._transport = cast(asyncio.Transport, transport)
        self._reader = FrameReader()
        self.level = FULL
        self._flush()

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                settled = decode_settled(frame)
                self.level = settled.level
                for feature, verdict, times in settled.verdicts:
                    self._unsettled[feature] -= times
                    self._on_settled(feature, verdict, times)
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

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that ``data`` completes.

        Raises:
            ValueError: a frame larger than any that is sent; the stream cannot be trusted.
        """
        buffer = self._buffer + data if self._buffer else data
        frames: list[bytes] = []
        at, end = 0, len(buffer)
        while end - at >= 4:
            size = int.from_bytes(buffer[at : at + 4], "big")
            if size > LARGEST_FRAME:
                raise ValueError(f"a frame of {size} bytes")
            if end - at - 4 < size:
                break
            frames.append(buffer[at + 4 : at + 4 + size])
            at += 4 + size
        self._buffer = buffer[at:]
        return frames
