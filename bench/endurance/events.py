"""Server-sent events: how long each is on its way, a silence of a minute, and a reader that leaves."""

from __future__ import annotations

import asyncio
import time

from bench.endurance.figures import Figure, delays
from bench.endurance.rig import Rig, read_head, rig

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


async def events(streams: int, seconds: float, silence: float) -> list[Figure]:
    """``streams`` at once with twenty events a second each, and one that says nothing for ``silence``."""
    ended: asyncio.Queue[float] = asyncio.Queue()

    async def application(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        writer.write(_HEAD)
        if b"/silence" in head:
            await _say(writer)
            await asyncio.sleep(silence)
            await _say(writer)
        leaving = asyncio.create_task(reader.read(1))
        while not leaving.done():
            if b"/many" in head:
                await _say(writer)
            await asyncio.wait([leaving], timeout=0.05)
        ended.put_nowait(time.perf_counter())

    async with rig(application) as running:
        quiet = asyncio.create_task(_listen(running, b"/silence", events=2))
        readers = [asyncio.create_task(_listen(running, b"/many", seconds=seconds)) for _ in range(streams)]
        found = [delay for delays_of in await asyncio.gather(*readers) for delay in delays_of]
        aborts = [await _abort(running, ended) for _ in range(20)]
        heard = await quiet
    return [
        Figure("events on their way", len(found), "events"),
        *delays("an event", found, most=50),
        Figure("silence before the next event", silence, "s"),
        Figure("events around the silence", len(heard), "events", least=2),
        Figure("the event after the silence", heard[-1] * 1000 if heard else -1, "ms", most=50),
        *delays("a reader that leaves ends the application's stream", aborts, most=1000),
    ]


async def _say(writer: asyncio.StreamWriter) -> None:
    event = b"data: %.9f\n\n" % time.perf_counter()
    writer.write(b"%x\r\n%b\r\n" % (len(event), event))
    await writer.drain()


async def _listen(running: Rig, path: bytes, *, events: int = 0, seconds: float = 0) -> list[float]:
    reader, writer = await running.connect()
    writer.write(b"GET %b HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n" % path)
    await read_head(reader)
    found: list[float] = []
    over = time.perf_counter() + seconds
    while (events and len(found) < events) or (seconds and time.perf_counter() < over):
        line = await reader.readline()
        now = time.perf_counter()
        if not line:
            break
        if line.startswith(b"data: "):
            found.append(now - float(line[6:]))
    writer.close()
    return found


async def _abort(running: Rig, ended: asyncio.Queue[float]) -> float:
    while not ended.empty():
        ended.get_nowait()
    reader, writer = await running.connect()
    writer.write(b"GET /quiet HTTP/1.1\r\nHost: a\r\n\r\n")
    await read_head(reader)
    await asyncio.sleep(0.1)
    while not ended.empty():  # those of the streams before
        ended.get_nowait()
    began = time.perf_counter()
    writer.close()
    return await asyncio.wait_for(ended.get(), 10) - began
