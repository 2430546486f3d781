"""What it costs to say of each write that it begins, before it goes out: ``python -m bench.shadow.words``.

Two gateways with ``writes = "isolated"``, both running, in front of the same two sides; the same steady load
of POSTs of 1 KB goes to one after the other, round after round. In one of them the words are not said: a
`sitecustomize` in front of its Python puts nothing in the place of `ExchangeChannel.tell`. What is compared
is the processor time of the worker, and of the shadow process, for each POST.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import uvloop

from bench.books import Books, closed
from bench.gateway_file import gateway_file
from bench.processes import free_port, processor_seconds, running, tree
from bench.steady import Load
from bench.tools import find_tools

STATES = ("said", "unsaid")
PROCESSES = ("gateway.worker", "gateway.shadow_process")
BODY = b'{"order": "%b"}' % (b"x" * 1000)
POST = (
    b"POST /api/orders/%%d HTTP/1.1\r\nHost: shop\r\nCookie: banyan_key=%%032x\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nBanyan-Shadow: honoured\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)
COMPARED = """\
[shadow]
control_twice = 0
[[feature]]
name = "everything"
match = ["/*"]
shadow = { percent = 100, writes = "isolated" }
"""
UNSAID = """\
from gateway.capture.channel import ExchangeChannel
ExchangeChannel.tell = lambda self, frame: None
"""


class Side(asyncio.Protocol):
    """Both sides: the same answer to every request."""

    def __init__(self) -> None:
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if end and len(body) >= length and self._transport is not None:
            self._data = b""
            self._transport.write(ANSWER)


def used(gateway: int) -> dict[str, float]:
    """Seconds of processor time of the worker, and of the shadow process."""
    found = {}
    for pid in tree(gateway)[1:]:
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        found.update({name: processor_seconds(pid) for name in PROCESSES if name in words})
    return found


async def rounds(
    ports: dict[str, int], pids: dict[str, int], sides: tuple[int, int], chosen: argparse.Namespace
) -> dict[str, dict[str, list[float]]]:
    """Microseconds for each POST: state, process, round."""
    loop = asyncio.get_running_loop()
    for port in sides:
        await loop.create_server(Side, "127.0.0.1", port, backlog=1024)
    found: dict[str, dict[str, list[float]]] = {state: {name: [] for name in PROCESSES} for state in STATES}
    chance = random.Random(1)
    for number in range(-1, chosen.rounds):  # the first one warms up
        for state in chance.sample(STATES, len(STATES)):
            before = used(pids[state])
            sent = len(await Load(ports[state], chosen.rate, POST).run(chosen.seconds))
            await asyncio.sleep(1)  # the copies come after the answers
            after = used(pids[state])
            for name in PROCESSES if number >= 0 else ():
                found[state][name].append((after[name] - before[name]) / sent * 1e6)
    return found


def main(arguments: list[str]) -> int:
    """One row for each process; 1 when a POST came to anything but a match."""
    parser = argparse.ArgumentParser(prog="python -m bench.shadow.words", description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0, help="of load, for each state in each round")
    parser.add_argument("--rate", type=float, default=400.0, help="POSTs a second")
    chosen = parser.parse_args(arguments)
    tools = find_tools()
    with tempfile.TemporaryDirectory(prefix="banyan-bench-") as name, ExitStack() as stack:
        folder, sides = Path(name), (free_port(), free_port())
        (folder / "sitecustomize.py").write_text(UNSAID)
        ports, admins, pids = {}, {}, {}
        for state in STATES:
            place = folder / state
            place.mkdir()
            ports[state], admins[state] = free_port(), free_port()
            file = place / "banyan.toml"
            file.write_text(
                gateway_file(
                    traffic=ports[state],
                    admin=admins[state],
                    legacy=sides[0],
                    new=sides[1],
                    state=place / "state",
                    rest=COMPARED,
                )
            )
            gateway: list[str | Path] = [tools["banyan"], "-c", file, "run"]
            if state == "unsaid":
                gateway = ["env", f"PYTHONPATH={folder}", *gateway]
            pids[state] = stack.enter_context(running(gateway, None, ports[state], place / "log")).pid
        found = uvloop.run(rounds(ports, pids, sides, chosen))
        books = {state: closed(admins[state]) for state in STATES}
    return show(found, books)


def show(found: dict[str, dict[str, list[float]]], books: dict[str, Books]) -> int:
    """Medians over the rounds, and of the differences within a round."""
    for name in PROCESSES:
        said, unsaid = (found[state][name] for state in STATES)
        more = [one - other for one, other in zip(said, unsaid, strict=True)]
        print(
            f"{name:24} {statistics.median(said):6.1f} µs with the word, {statistics.median(unsaid):6.1f} µs "
            f"without; {statistics.median(more):+.1f} µs ({min(more):+.1f} to {max(more):+.1f})"
        )
    for state, book in books.items():
        print(f"{state}: {book.eligible} POSTs, {dict(book.verdicts)}")
    return int(any(book.verdicts["match"] != book.eligible for book in books.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
