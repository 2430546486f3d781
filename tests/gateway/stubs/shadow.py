"""A shadow process that compares nothing: it is up, and ends when asked."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--index", type=int)
    parser.add_argument("--runtime", type=Path)
    parser.add_argument("--life-fd", type=int)
    given = parser.parse_args()
    path = given.runtime / f"shadow-{given.index}.sock"
    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(lambda _, writer: writer.close(), str(path))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_reader(given.life_fd, stop.set)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
