"""The bounded way from a worker to one shadow process. When it is full it drops, and says so; it never waits.

What one turn of the loop captures goes out in one write. Knows no request.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import cast

LARGEST_FRAME = 64 * 1024 * 1024
_BACK_OFF = (0.05, 0.1, 0.25, 0.5, 1.0)


class ExchangeChannel(asyncio.Protocol):
    """One Unix socket. ``send`` is the only call of the request path. ``limit`` in bytes waiting to be
    taken."""

    def __init__(self, path: str, limit: int = 16 * 1024 * 1024) -> None:
        self._path = path
        self._limit = limit
        self._transport: asyncio.Transport | None = None
        self._batch: list[bytes] = []
        self._batch_size = 0
        self._task: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()

    def start(self) -> None:
        """Connect, and connect again whenever the other end has gone."""
        self._task = asyncio.get_running_loop().create_task(self._stay_connected(), name="exchange-channel")

    async def close(self) -> None:
        """Send what waits, then hang up."""
        self._flush()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._transport is not None:
            self._transport.close()

    def send(self, frame: bytes) -> bool:
        """Hand over one frame; while nobody is there it is kept. False: too much waits, and the frame is
        dropped."""
        transport = self._transport
        waiting = transport.get_write_buffer_size() if transport is not None else 0
        if waiting + self._batch_size + len(frame) > self._limit:
            return False
        if not self._batch:
            asyncio.get_running_loop().call_soon(self._flush)
        self._batch.append(frame)
        self._batch_size += len(frame)
        return True

    def _flush(self) -> None:
        if self._batch and self._transport is not None:
            self._transport.write(b"".join(self._batch))
            self._batch.clear()
            self._batch_size = 0

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
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._lost.set()


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
