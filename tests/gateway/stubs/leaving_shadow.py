"""A shadow process that takes a moment to leave. It says that in files of the state folder, named
by its number, when it begins to and when it has; it needs the runtime folder until then.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from pathlib import Path

MOMENT = 0.5


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--index", type=int)
    parser.add_argument("--runtime", type=Path)
    parser.add_argument("--life-fd", type=int)
    given = parser.parse_args()
    folder = Path(json.loads((given.runtime / "config.json").read_bytes())["state"]["dir"])
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    (given.runtime / f"shadow-{given.index}.sock").touch()
    await stop.wait()
    (folder / f"leaving-{given.index}").touch()
    await asyncio.sleep(MOMENT)
    if (given.runtime / "config.json").exists():
        (folder / f"left-{given.index}").touch()


if __name__ == "__main__":
    asyncio.run(main())
