"""Ten thousand clients that leave at random moments, twice: afterwards there is no connection, no slot and no
task of theirs. A task of a worker's opens a connection, so one that stayed would hold a slot."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from contextlib import suppress

from bench.endurance.figures import MIB, Figure
from bench.endurance.rig import Application, Rig, read_head, rig
from bench.waiting import becomes_so

SLOTS = 32
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
_HEAD = b"Host: a\r\n"
_REQUESTS = (
    b"GET /x HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"GET /big HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"GET /slow HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"POST /x HTTP/1.1\r\n" + _HEAD + b"Content-Length: 5000\r\n\r\n" + b"x" * 5000,
    b"POST /x HTTP/1.1\r\n" + _HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"POST /x HTTP/1.1\r\n" + _HEAD + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    (b"GET /x HTTP/1.1\r\n" + _HEAD + b"\r\n") * 5,
    b"GET /ws HTTP/1.1\r\n" + _HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: x\r\n\r\n" + b"\x82\x85abcdefghi" * 20,
)
_RESET = struct.pack("ii", 1, 0)


async def leavers(count: int) -> list[Figure]:
    """Twice ``count`` clients, a hundred at a time."""
    chance = random.Random(15)
    upstream = f"max_connections = {SLOTS}\nmax_waiting = 64"
    async with rig(_application(chance), upstream=upstream) as running:
        await _leave(running, 500, chance)
        await becomes_so(lambda: False, 3)  # idle connections upstream are closed by then
        files = running.files()
        await _leave(running, count, chance)
        await becomes_so(lambda: running.files() <= files)
        memory = running.resident()
        await _leave(running, count, chance)
        gone = await becomes_so(lambda: running.files() <= files)
        grown = running.resident() - memory
        served = await asyncio.gather(*(_served(running, b"/slow") for _ in range(SLOTS)))
        left = running.files() - files if not gone else 0
    return [
        Figure("clients that left", 2 * count, "clients"),
        Figure("files that stayed open", left, "files", most=0),
        Figure("slots that are free at once", sum(served), "slots", least=SLOTS),
        Figure("memory, by the second half of them", grown / MIB, "MiB", most=4),
    ]


def _application(chance: random.Random) -> Application:
    async def application(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await read_head(reader)
            await asyncio.sleep(0.3 if b"/slow" in head else chance.random() * 0.004)
            if b"/ws" in head:
                writer.write(_SWITCH)
                while data := await reader.read(4096):
                    writer.write(data)
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(0.01 if head.startswith(b"POST") else 0):
                    await reader.read(8192)
            if b"/big" in head:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n")
                for _ in range(50):
                    writer.write(b"y" * 10_000)
                    await writer.drain()
            elif chance.random() < 0.2 and b"/slow" not in head:
                writer.write(_OK[: chance.randrange(1, len(_OK))])
                return
            else:
                writer.write(_OK)

    return application


async def _leave(running: Rig, count: int, chance: random.Random) -> None:
    places = asyncio.Semaphore(100)

    async def one() -> None:
        async with places:
            reader, writer = await running.connect()
            request = chance.choice(_REQUESTS)
            writer.write(request[: chance.randrange(len(request) + 1)])
            with suppress(TimeoutError, OSError):
                async with asyncio.timeout(chance.random() * 0.02):
                    await reader.read(chance.choice((1, 100, 100_000)))
            if chance.random() < 0.5:
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                writer.transport.abort()
            else:
                writer.close()

    await asyncio.gather(*(one() for _ in range(count)))


async def _served(running: Rig, path: bytes) -> bool:
    reader, writer = await running.connect()
    writer.write(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path)
    try:
        return (await read_head(reader)).startswith(b"HTTP/1.1 200 ")
    finally:
        writer.close()
