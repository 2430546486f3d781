"""Other sides that behave badly: ``python -m bench.shadow.sides slow|hung PORT``, and one by nginx."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bench.lowest import become_lowest
from bench.peers.direct import BODY, serving

HUGE = """\
    server {{
        listen 127.0.0.1:{port} backlog=4096 sndbuf=16k;
        root {folder};
        sendfile on;
        sendfile_max_chunk 16k;
        default_type application/json;
        location / {{ rewrite ^ /huge break; }}
    }}
"""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


async def slow(writer: asyncio.StreamWriter) -> None:
    """Answers as the other one does, after a second."""
    await asyncio.sleep(1)
    writer.write(HEAD % len(BODY) + BODY.encode())


async def hung(writer: asyncio.StreamWriter) -> None:
    """Takes the request and never answers."""
    await asyncio.sleep(3600)


def huge(nginx: Path, folder: Path, port: int) -> list[str | Path]:
    """The command of a side that answers with 50 MB, as fast as they are taken. By nginx, and in steps as
    small as a network's: on one machine the system would take megabytes at once, in one go that no other
    program can interrupt, on the processor that the users' side is measured on.
    """
    with (folder / "huge").open("wb") as file:
        file.truncate(50_000_000)
    return serving(nginx, folder, HUGE.format(port=port, folder=folder))


SIDES = {"slow": slow, "hung": hung}


async def serve(side: str, port: int) -> None:
    """Serve until ended."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await SIDES[side](writer)
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    become_lowest()  # another machine bears that side's burden
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
