"""No false mismatch: ``python -m bench.shadow.faithful``. Two runs, each with half of the users on a side.

1. Two identical shops (``twins``) in front of each other, which make up cookies, tokens and ids of their own:
   100,000 requests, reads and writes, sessions of many turns.
2. The two reference applications: 10,000 requests of conversations in all three modes, without a fault.

Exit 1 when anything was called a mismatch, or when hardly anything was compared.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.gateway_file import gateway_file
from bench.processes import free_port, running
from bench.tools import find_tools
from deploy.demo.banyan import banyan
from deploy.demo.servers import FEATURE, Servers
from deploy.demo.users import Crowd

AT_ONCE = 12
COMPARED = """\
[sticky]
keys = ["header:X-User"]
[shadow]
rules = "rules.toml"
[[feature]]
name = "everything"
match = ["/*"]
percent = 50
fallback = "off"
shadow = { writes = "isolated" }
breaker = { failures = 100000 }
guard.on_failure = "hold"
guard.max_mismatch_rate = 0.9
guard.max_error_rate = 0.9
guard.max_p95 = "10s"
guard.max_p95_ratio = 100
"""
RULES = "".join(
    f"""\
[[rule]]
id = "{name}"
owner = "bench"
expires = 2099-12-31
op = "same-type-and-format"
path = "{path}"
reason = "each shop makes up its own"
"""
    for name, path in (
        ("id", "body.id"),
        ("ids", "body.orders[*].id"),
        ("newest", "body.newest"),
        ("token", "body.csrf"),
        ("page-token", "body.**.value"),
    )
)


class Visitor:
    """One user of a shop over one connection; cookies, token and ids are used again as a browser would."""

    def __init__(self, port: int, number: int) -> None:
        self._port = port
        self._number = number
        self._chance = random.Random(number)
        self._cookies: dict[str, str] = {}
        self._csrf = ""
        self._orders: list[int] = []

    async def visit(self, requests: int) -> None:
        """So many requests of one session."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._csrf = json.loads(await self._ask("GET", "/token"))["csrf"]
        for _ in range(requests - 1):
            kind = self._chance.choice(("order", "order", "list", "list", "one", "one", "page", "stranger"))
            if kind == "order":
                item = {"item": f"item {self._chance.randrange(100)}"}
                self._orders.append(json.loads(await self._ask("POST", "/orders", item))["id"])
            elif kind == "one" and self._orders:
                await self._ask("GET", f"/orders/{self._chance.choice(self._orders[-10:])}")
            elif kind == "page":
                await self._ask("GET", "/page")
            elif kind == "stranger":
                await self._ask("GET", "/orders/none")
            else:
                await self._ask("GET", "/orders")
        self._writer.close()

    async def _ask(self, method: str, path: str, value: Any = None) -> bytes:
        body = b"" if value is None else json.dumps(value).encode()
        lines = [f"{method} {path} HTTP/1.1", "Host: shop", f"X-User: user-{self._number}"]
        if self._cookies:
            lines.append("Cookie: " + "; ".join(f"{name}={text}" for name, text in self._cookies.items()))
        if body:
            lines += [
                f"X-CSRF: {self._csrf}",
                "Content-Type: application/json",
                f"Content-Length: {len(body)}",
            ]
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        length = 0
        for line in head[1:]:
            name, _, text = line.partition(":")
            if name.lower() == "content-length":
                length = int(text)
            elif name.lower() == "set-cookie":
                cookie, _, content = text.partition(";")[0].strip().partition("=")
                self._cookies[cookie] = content
        answer = await self._reader.readexactly(length)
        if int(head[0].split()[1]) >= 500 or (method == "POST" and " 201 " not in head[0]):
            raise RuntimeError(f"{head} {answer!r} {lines}")
        return answer


async def in_turn(work: list[Any]) -> None:
    """All of it, so many at once."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(job: Any) -> None:
        async with gate:
            await job

    await asyncio.gather(*(one(job) for job in work))


def twins(requests: int, turns: int = 50) -> bool:
    """Two identical sides; whether nothing was called a mismatch."""
    with tempfile.TemporaryDirectory(prefix="banyan-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        ports = {each: free_port() for each in ("traffic", "admin", "legacy", "new")}
        for side in ("legacy", "new"):
            command: list[str | Path] = [sys.executable, "-m", "bench.shadow.twins", str(ports[side])]
            stack.enter_context(running(command, None, ports[side], folder / f"{side}.log"))
        file = folder / "banyan.toml"
        (folder / "rules.toml").write_text(RULES)
        file.write_text(
            gateway_file(
                traffic=ports["traffic"],
                admin=ports["admin"],
                legacy=ports["legacy"],
                new=ports["new"],
                workers=2,
                rest=COMPARED,
            )
        )
        gateway: list[str | Path] = [find_tools()["banyan"], "-c", file, "run"]
        stack.enter_context(running(gateway, None, ports["traffic"], folder / "gateway.log"))
        ready(file)
        began = time.perf_counter()
        visitors = [Visitor(ports["traffic"], number) for number in range(requests // turns)]
        asyncio.run(in_turn([visitor.visit(turns) for visitor in visitors]))
        print(f"two identical sides: {len(visitors) * turns:,} requests, {time.perf_counter() - began:.0f} s")
        return judged(file, "everything", len(visitors) * turns)


def applications(requests: int) -> bool:
    """The two reference applications; whether nothing was called a mismatch."""
    with tempfile.TemporaryDirectory(prefix="banyan-bench-") as name, Servers(Path(name)) as servers:
        servers.start_applications()
        servers.start_gateway()
        banyan(servers.config, "dial", FEATURE, "50", "--reason", "half of the users on either side")
        began, crowd = time.perf_counter(), Crowd(servers.url, 60)
        while crowd.requests < requests:
            for user in crowd.users:
                user.cookies.clear()  # somebody new each time
            asyncio.run(crowd.converse(crowd.users, turns=6))
        took = time.perf_counter() - began
        print(f"the two applications: {crowd.requests:,} requests, {took:.0f} s, {crowd.failures} failed")
        return judged(servers.config, FEATURE, crowd.requests) and not crowd.failures


def ready(config: Path) -> None:
    """Wait for the gateway's control process, which serves the commands."""
    for _ in range(60):
        if banyan(config, "status").code == 0:
            return
        time.sleep(0.5)
    raise RuntimeError("the gateway's control process does not answer")


def judged(config: Path, feature: str, requests: int) -> bool:
    """Wait until every copy has its verdict, print them, and say whether they are as they should be."""
    shadow: dict[str, Any] = {}
    for _ in range(200):
        shadow = banyan(config, "report", feature).data["shadow"]
        if not shadow["in_flight"] and shadow["eligible"] >= requests:
            break
        time.sleep(0.5)
    time.sleep(2)  # findings are written down once a second
    print("  " + ", ".join(f"{name} {value:,}" for name, value in shadow.items() if isinstance(value, int)))
    found = banyan(config, "diffs", feature).data
    for row in found:
        print("  " + " ".join(str(row[key]) for key in ("count", "route", "status_pair", "path", "kind")))
    return not found and not shadow["mismatch"] and shadow["compared"] > requests // 2


def main(arguments: list[str]) -> int:
    """Both runs."""
    parser = argparse.ArgumentParser(prog="python -m bench.shadow.faithful", description=__doc__)
    parser.add_argument("--twins", type=int, default=100_000, metavar="REQUESTS")
    parser.add_argument("--applications", type=int, default=10_000, metavar="REQUESTS")
    chosen = parser.parse_args(arguments)
    good = [
        run(count) for run, count in ((twins, chosen.twins), (applications, chosen.applications)) if count
    ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.SubprocessError as problem:
        sys.exit(f"a command of the gateway failed: {problem}")
