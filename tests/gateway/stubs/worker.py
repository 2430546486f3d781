"""A worker without a request path: takes over every change in the page, reports, answers each connection
with its pid.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
from pathlib import Path

import msgspec

from flags import PAGE_NAME, LiveFlags, StatePage
from gateway.config import Config
from gateway.control import CounterRow, HistogramRow, Report, ReportSender, gauge_key, incarnation
from gateway.core.latency import bucket, empty_counts
from gateway.machine import REPLACED


class StubWorker:
    """Counts each connection as one request of the first feature. A line `slow` is answered after half a
    second; a file of the state folder says that it was read.
    """

    def __init__(self, config: Config, index: int, runtime: Path) -> None:
        self.feature = config.features[0].name
        self.begun = Path(config.state.dir) / "slow-begun"
        self.index = index
        self.page = StatePage.open(Path(config.state.dir) / PAGE_NAME)
        self.row = self.page.claim_row(os.getpid())
        self.flags = LiveFlags(self.page, self.row)
        self.sender = ReportSender(runtime, interval=0.05)
        self.requests = 0
        self.in_flight = 0

    def report(self) -> Report:
        counts = empty_counts()
        counts[bucket(0.01)] = self.requests
        labels = (self.feature, "legacy", "percentage", "2xx")
        return Report(
            f"worker-{self.index}",
            incarnation(),
            {"banyan_requests_total": [CounterRow(labels, self.requests)]},
            [HistogramRow("banyan_request_duration_seconds", labels[:2], counts, 0.01 * self.requests)],
            {gauge_key("banyan_breaker_state", self.feature): 0.0},
        )

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.in_flight += 1
        line = await reader.readline()
        if line == b"slow\n":
            self.begun.touch()
            await asyncio.sleep(0.5)
        self.requests += 1
        writer.write(b"%d\n" % os.getpid())
        writer.close()
        self.in_flight -= 1

    async def serve(self, listening: socket.socket, stop: asyncio.Event) -> None:
        self.sender.start(self.report)
        server = await asyncio.start_server(self.answer, sock=listening)
        while not stop.is_set():
            self.flags.beat()
            await asyncio.sleep(0.01)
        server.close()
        while self.in_flight:  # noqa: ASYNC110 -- as short as a stub may be
            await asyncio.sleep(0.01)
        await self.sender.close()
        self.page.release_row(self.row)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--index", type=int)
    parser.add_argument("--runtime", type=Path)
    parser.add_argument("--listen-fd", type=int)
    parser.add_argument("--life-fd", type=int)
    given = parser.parse_args()
    config = msgspec.json.decode((given.runtime / "config.json").read_bytes(), type=Config)
    refused = Path(config.state.dir) / "refuse-workers"
    if refused.exists() and refused.read_text() in ("", str(given.index)):
        raise SystemExit(1)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(REPLACED, stop.set)
    loop.add_reader(given.life_fd, stop.set)
    await StubWorker(config, given.index, given.runtime).serve(socket.socket(fileno=given.listen_fd), stop)


if __name__ == "__main__":
    asyncio.run(main())
