"""The report channel: the other processes tell the control process their totals; knows no metric by name.

Every report is cumulative: a lost one costs nothing, and the last of a process is the whole truth about it.
Frames on the Unix socket: a length of four bytes (big-endian), then one `Report` as MessagePack.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from flags import Totals, UserSample
from gateway.core.kept import KeptDecision
from gateway.streams.origin import Passage

__all__ = ["CounterRow", "HistogramRow", "Report", "ReportSender", "ReportServer", "gauge_key", "incarnation"]

SOCKET_NAME: Final = "control.sock"
INTERVAL: Final = 0.25
MAX_FRAME: Final = 16 * 1024 * 1024
_DEADLINE: Final = 2.0
_BACK_OFF: Final = (0.05, 0.1, 0.25, 0.5, 1.0)
_LOG = logging.getLogger("banyan.control")


class CounterRow(msgspec.Struct, frozen=True):
    """One series of a counter: label values in the metric's own order, and the total so far."""

    labels: tuple[str, ...]
    value: int


class HistogramRow(msgspec.Struct, frozen=True):
    """One series of a histogram: counts over `LATENCY_BOUNDS` (and one beyond), and the sum of the values."""

    name: str
    labels: tuple[str, ...]
    counts: list[int]
    sum: float


class Report(msgspec.Struct, frozen=True):
    """All that one process has counted since it began. A gauge's key is made by `gauge_key`.

    `evidence`: totals for the judge, by feature. `users`: samples by feature, kind and window; some in each
    report, and again and again. `decisions`: some of those since the last report; these are told once.
    `passage`: what it has counted of what went over the shared streams.
    """

    source: str
    incarnation: str
    counters: dict[str, list[CounterRow]] = {}
    histograms: list[HistogramRow] = []
    gauges: dict[str, float] = {}
    evidence: dict[str, Totals] = {}
    users: dict[str, dict[str, dict[int, UserSample]]] = {}
    decisions: list[KeptDecision] = []
    passage: Passage | None = None


def gauge_key(name: str, *labels: str) -> str:
    """The key of one gauge series in a report: `banyan_breaker_state{orders}`."""
    return f"{name}{{{','.join(labels)}}}" if labels else name


def incarnation() -> str:
    """What tells this process from every other that had or will have its number: `pid-starttime`."""
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    return f"{os.getpid()}-{int(fields[19])}"


class ReportSender:
    """Sends this process's report every 250 ms and once more at the end; never raises, never blocks.

    `ReportSender(runtime_folder)`, then `start(make_report)` on the running loop, `await close()` at the end.
    """

    def __init__(self, runtime: Path, interval: float = INTERVAL) -> None:
        self._path = runtime / SOCKET_NAME
        self._interval = interval
        self._encoder = msgspec.msgpack.Encoder()
        self._make: Callable[[], Report] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    def start(self, make_report: Callable[[], Report]) -> None:
        """Begin to send. `make_report` is called on this loop, between two requests, so it must be quick."""
        self._make = make_report
        self._task = asyncio.get_running_loop().create_task(self._run(), name="report-sender")

    async def close(self) -> None:
        """Stop, send the last totals (a few seconds at most) and hang up."""
        self._stop.set()
        if self._task is not None:
            # Not cancelled: a frame cut in the middle would garble the last one, the one that counts.
            await self._task
        await self._send()
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_DEADLINE):
                    await writer.wait_closed()

    async def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            if await self._send():
                failures = 0
                await self._pause(self._interval)
            else:
                await self._pause(_BACK_OFF[min(failures, len(_BACK_OFF) - 1)])
                failures += 1

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    async def _send(self) -> bool:
        if self._make is None:
            return False
        try:
            async with asyncio.timeout(_DEADLINE):
                if self._writer is None:
                    _, self._writer = await asyncio.open_unix_connection(str(self._path))
                body = self._encoder.encode(self._make())
                # What has been closed under us is asked first: uvloop raises no OSError for a write to it.
                if self._writer.is_closing():
                    raise ConnectionResetError
                self._writer.write(len(body).to_bytes(4, "big") + body)
                await self._writer.drain()
            return True
        except (OSError, TimeoutError):
            self._hang_up()
        except Exception:  # noqa: BLE001 - what fails once must not keep all that comes later from being told
            _LOG.exception("a report could not be sent; the next one is tried in a moment")
            self._hang_up()
        return False

    def _hang_up(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.transport.abort()


class ReportServer:
    """Listens on `<runtime>/control.sock` and hands every report to `on_report`, in the order of sending."""

    def __init__(self, runtime: Path, on_report: Callable[[Report], None]) -> None:
        self._path = runtime / SOCKET_NAME
        self._on_report = on_report
        self._decoder = msgspec.msgpack.Decoder(Report)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Begin to listen; a socket left over by a control process that died is replaced."""
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, str(self._path))

    async def close(self) -> None:
        """Stop listening and drop every connection; the senders come back to whoever listens next."""
        if self._server is None:
            return
        self._server.close()
        for writer in tuple(self._open):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(4), "big")
                if length > MAX_FRAME:
                    return
                self._on_report(self._decoder.decode(await reader.readexactly(length)))
        except (OSError, asyncio.IncompleteReadError, msgspec.MsgspecError):
            return
        finally:
            self._open.discard(writer)
            writer.transport.abort()
