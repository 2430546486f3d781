"""Keep-alive races: requests with gaps around the applications' own limits (gunicorn 2 s, uvicorn 5 s),
against the two real applications: `python -m bench.soak.gaps`. None may be lost.

The gateway is told to keep connections far longer than the applications do, so that it meets as many closed
ones as possible; with its default of 1.5 s it would hardly meet any.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import uvloop

from bench.soak.visitors import Visit
from deploy.demo.banyan import banyan
from deploy.demo.servers import FEATURE, Servers

SHORTEST, LONGEST = 1.9, 5.1
KEPT = "20s"


async def gaps(port: int, clients: int, each: int, seed: int = 1) -> Counter[int]:
    """``clients`` side by side, each asking ``each`` times with a gap before every request; the statuses."""
    statuses: Counter[int] = Counter()
    loop = asyncio.get_running_loop()

    async def ask(number: int) -> None:
        chance = random.Random(seed * 1_000_003 + number)
        head = b"GET /api/models HTTP/1.1\r\nHost: gaps.test\r\nCookie: banyan_key=%032x\r\n\r\n" % (
            number + 1
        )
        _, visit = await loop.create_connection(Visit, "127.0.0.1", port)
        for _ in range(each):
            await asyncio.sleep(chance.uniform(SHORTEST, LONGEST))
            seen = await visit.ask(head)
            statuses[seen.status if seen.whole else 0] += 1
            if not (seen.whole and seen.goes_on):
                visit.close()
                _, visit = await loop.create_connection(Visit, "127.0.0.1", port)
        visit.close()

    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(ask(number))
    return statuses


def against_the_applications(folder: Path, clients: int, each: int) -> Counter[int]:
    """The same with half of the clients on either side."""
    for side in ("LEGACY", "NEW"):
        os.environ[f"BANYAN_UPSTREAMS__{side}__KEEP_ALIVE"] = KEPT
    try:
        with Servers(folder) as servers:
            servers.start_applications()
            servers.start_gateway()
            done = banyan(servers.config, "dial", FEATURE, "50", "--reason", "gaps")
            if done.code:
                raise RuntimeError(done.text)
            return uvloop.run(gaps(servers.traffic, clients, each))
    finally:
        for side in ("LEGACY", "NEW"):
            del os.environ[f"BANYAN_UPSTREAMS__{side}__KEEP_ALIVE"]


def main() -> int:
    """Run it, and say what came."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak.gaps", description=__doc__)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--each", type=int, default=20)
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="banyan-gaps-") as name:
        statuses = against_the_applications(Path(name), given.clients, given.each)
    print(f"{statuses.total():,} requests in {time.monotonic() - began:.0f} s: {dict(statuses)}")
    return 0 if set(statuses) == {200} else 1


if __name__ == "__main__":
    sys.exit(main())
