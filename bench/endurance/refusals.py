"""How long a refusal takes where there is no room, at the door and before an application, while accepted work
goes on."""

from __future__ import annotations

import asyncio
import time

from bench.endurance.figures import Figure, delays
from bench.endurance.rig import Client, Rig, read_head, rig

INSIDE = 50
_GET = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n"
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def refusals(count: int) -> list[Figure]:
    """``count`` at the door, ``count`` before an application whose every place is taken."""
    async with rig(_application, listen=f"max_connections = {INSIDE}") as running:
        door, served = await _at_the_door(running, count)
    async with rig(_application, upstream="max_connections = 4\nmax_waiting = 4") as running:
        full = await _before_the_application(running, count)
    return [
        *delays("503 at the door", door, most=50),
        Figure("answers to those inside meanwhile", served, "answers", least=count),
        *delays("503 where every place upstream is taken", full, most=50),
    ]


async def _application(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        head = await read_head(reader)
        if b"/slow" in head:
            await asyncio.sleep(20)
        writer.write(_OK)


async def _at_the_door(running: Rig, count: int) -> tuple[list[float], int]:
    inside = [await running.connect() for _ in range(INSIDE)]
    served = sum([await _asked(client, b"x") for client in inside])
    seconds: list[float] = []
    served = 0
    for number in range(count):
        began = time.perf_counter()
        reader, writer = await running.connect()
        head = await read_head(reader)
        seconds.append(time.perf_counter() - began)
        writer.close()
        if not head.startswith(b"HTTP/1.1 503 "):
            raise RuntimeError(f"not refused: {head!r}")
        served += await _asked(inside[number % INSIDE], b"x")
    for _, writer in inside:
        writer.close()
    return seconds, served


async def _before_the_application(running: Rig, count: int) -> list[float]:
    busy = [await running.connect() for _ in range(8)]
    for _, writer in busy:
        writer.write(_GET % b"slow")
    client = await running.connect()
    while await _asked(client, b"x"):  # not all of them have arrived yet
        pass
    seconds: list[float] = []
    for _ in range(count):
        began = time.perf_counter()
        if await _asked(client, b"x"):
            raise RuntimeError("there was a place")
        seconds.append(time.perf_counter() - began)
    for _, writer in [*busy, client]:
        writer.close()
    return seconds


async def _asked(client: Client, path: bytes) -> bool:
    """Whether it was served; the answer is read whole."""
    reader, writer = client
    writer.write(_GET % path)
    head = await read_head(reader)
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    await reader.readexactly(length)
    return head.startswith(b"HTTP/1.1 200 ")
