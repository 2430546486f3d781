"""Thousands of connections at once: all are let in and answered, and cost little while they are idle.

With the default of ``max_waiting``, those beyond 1,024 requests at once would be told to come again.
"""

from __future__ import annotations

import asyncio
import resource
import time

from bench.endurance.figures import MIB, Figure, delays
from bench.endurance.rig import Rig, read_head, rig
from bench.waiting import becomes_so

_GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def storm(count: int) -> list[Figure]:
    """``count`` connections opened as fast as they can be, each with a request."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    async with rig(_application, upstream="max_waiting = 10000") as running:
        before, memory = running.files(), running.resident()
        began = time.perf_counter()
        crowd = await asyncio.gather(*(_one(running) for _ in range(count)))
        took = time.perf_counter() - began
        idle = running.resident()
        for _, writer in crowd:
            writer.close()
        await becomes_so(lambda: running.files() <= before)
        left = max(0, running.files() - before)
    return [
        Figure("connections at once, each with a request", count, "connections"),
        Figure("all answered within", took, "s"),
        *delays("connecting and the answer", [seconds for seconds, _ in crowd]),
        Figure("memory of the worker before", memory / MIB, "MiB", most=60),
        Figure("memory of the worker with all of them idle", idle / MIB, "MiB", most=120),
        Figure("files left behind", left, "files", most=0),
    ]


async def _application(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await read_head(reader)
        writer.write(_OK)


async def _one(running: Rig) -> tuple[float, asyncio.StreamWriter]:
    began = time.perf_counter()
    reader, writer = await running.connect()
    writer.write(_GET)
    head = await read_head(reader)
    if not head.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"not served: {head!r}")
    return time.perf_counter() - began, writer
