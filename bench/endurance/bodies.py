"""Large bodies both ways, to and from fast and slow peers: every byte arrives, and the worker stays small."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Awaitable

from bench.endurance.figures import MIB, Figure
from bench.endurance.rig import Rig, read_head, rig

PIECE = bytes(range(256)) * 1024
ALLOWED = 32.0
_SLOW = 64 * 1024
_PAUSE = 0.002


async def bodies(large: int, slow: int) -> list[Figure]:
    """``large`` bytes at full speed, ``slow`` bytes to and from peers that take their time."""
    async with rig(_application, listen='max_body = "64 GiB"', upstream='max_body = "64 GiB"') as running:
        await _download(running, MIB, 0)
        await _upload(running, MIB, 0, "fast")
        transfers = (
            ("a large answer", _download(running, large, 0), large),
            ("a large request", _upload(running, large, 0, "fast"), large),
            ("an answer to a slow reader", _download(running, slow, _PAUSE), slow),
            ("a request by a slow writer", _upload(running, slow, _PAUSE, "fast"), slow),
            ("a request to a slow reader", _upload(running, slow, 0, "slow"), slow),
        )
        return [
            figure for name, each, size in transfers for figure in await _watched(name, running, each, size)
        ]


async def _watched(name: str, running: Rig, transfer: Awaitable[bool], size: int) -> list[Figure]:
    began = time.perf_counter()
    with running.peak() as peak:
        whole = await transfer
        grown = peak() / MIB
    speed = size / MIB / (time.perf_counter() - began)
    return [
        Figure(f"{name}: bytes that arrived as sent", size * whole / MIB, "MiB", least=size / MIB),
        Figure(f"{name}: speed", speed, "MiB/s"),
        Figure(f"{name}: memory", grown, "MiB", most=ALLOWED),
    ]


def _checksum(size: int) -> int:
    check, left = 0, size
    while left:
        piece = PIECE[: min(left, len(PIECE))]
        check, left = zlib.crc32(piece, check), left - len(piece)
    return check


async def _write(writer: asyncio.StreamWriter, size: int, pause: float) -> None:
    at = 0
    step = _SLOW if pause else len(PIECE)
    while at < size:
        offset = at % len(PIECE)
        piece = PIECE[offset : offset + min(step, size - at)]
        writer.write(piece)
        await writer.drain()
        at += len(piece)
        if pause:
            await asyncio.sleep(pause)


async def _read(reader: asyncio.StreamReader, size: int, pause: float) -> int:
    check, left = 0, size
    while left:
        data = await reader.read(min(left, _SLOW if pause else 2**20))
        if not data:
            break
        check, left = zlib.crc32(data, check), left - len(data)
        if pause:
            await asyncio.sleep(pause)
    return check


async def _application(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        head = await read_head(reader)
        word = head.split(b" ")[1].strip(b"/").decode().split("/")
        size = int(word[1])
        if word[0] == "down":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            await _write(writer, size, 0)
        else:
            check = await _read(reader, size, _PAUSE if word[2] == "slow" else 0)
            body = b"%d" % check
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


async def _download(running: Rig, size: int, pause: float) -> bool:
    reader, writer = await running.connect()
    writer.write(b"GET /down/%d HTTP/1.1\r\nHost: a\r\n\r\n" % size)
    await read_head(reader)
    check = await _read(reader, size, pause)
    writer.close()
    return check == _checksum(size)


async def _upload(running: Rig, size: int, pause: float, kind: str) -> bool:
    reader, writer = await running.connect()
    head = b"PUT /up/%d/%b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
    writer.write(head % (size, kind.encode(), size))
    await _write(writer, size, pause)
    head = await read_head(reader)
    check = await reader.read(100)
    writer.close()
    return head.startswith(b"HTTP/1.1 200 ") and int(check) == _checksum(size)
