"""One shadow process: wires the exchange channel, the pipeline and the store together. Decides nothing
itself.

Started by the supervisor as ``python -m gateway.shadow_process``. Nothing that happens here can reach a
user's request: workers hand over copies and never wait.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from gateway.capture import CapturedExchange, FrameReader, decode
from gateway.config import Config
from gateway.control import CounterRow, Report, ReportSender, incarnation
from gateway.core.decision import Side
from gateway.shadowing import CopySender, Findings, Lanes, LiveRecorder, Pipeline, Trust
from gateway.sinks import configure_logging
from gateway.upstreams import host_of, limits_of, pool_of, pseudonym, upstream_of
from gateway.wire import Sweeper
from golden import GoldenIndex
from shadow import (
    DEFAULT_RULES,
    Explainer,
    MirrorBook,
    Redactor,
    ResultStore,
    Rules,
    RulesError,
    Verdict,
    load_rules,
)

STORE_NAME = "shadow.sqlite"
KEY_NAME = "redaction-key"
MAX_SESSIONS = 20_000
SESSION_TTL = 3600.0
WAITING_LIMIT = 10_000
COUNT_INTERVAL = 1.0

_log = logging.getLogger("banyan.shadow")


class ShadowProcess:
    """One process's share of the sessions."""

    def __init__(self, config: Config, index: int, runtime: Path) -> None:
        self._config = config
        self._index = index
        self._socket = runtime / f"shadow-{index}.sock"
        self._sweeper = Sweeper(asyncio.get_running_loop())
        rules = read_rules(Path(config.shadow.rules))
        redactor = Redactor(redaction_key(Path(config.state.dir)), rules.redact_names)
        self._store = ResultStore(Path(config.state.dir) / STORE_NAME)
        self._explainer = Explainer()
        self._findings = Findings(self._store, redactor, self._explainer)
        senders = {side: self._sender_to(side) for side in Side}
        hosts = {side: host_of(upstream_of(config, side)) for side in Side}
        self._rules = rules
        self._recorder = LiveRecorder(Path(config.state.dir), index, rules)
        self._pipeline = pipeline = Pipeline(
            senders,
            Trust(senders, hosts),
            self._findings,
            rules,
            redactor,
            GoldenIndex.load(Path(config.golden.dir), rules=rules),
            MirrorBook(MAX_SESSIONS, SESSION_TTL, own_cookie=config.sticky.cookie),
            self._recorder,
            config.shadow.deadline,
            lambda: datetime.now(UTC).date(),
        )
        self._lanes: Lanes[CapturedExchange] = Lanes(
            pipeline.run, in_flight=config.shadow.max_in_flight, limit=WAITING_LIMIT
        )
        self._reports = ReportSender(runtime)
        self._incarnation = incarnation()

    def _sender_to(self, side: Side) -> CopySender:
        most = self._config.shadow.max_in_flight
        limits = limits_of(upstream_of(self._config, side))._replace(connections=most, waiting=most)
        pool = pool_of(self._config, side, self._sweeper, limits)
        return CopySender(side.value, pool, pseudonym(self._config), self._config.shadow.max_body)

    async def serve(self, stop: asyncio.Event) -> None:
        """Take exchanges until ``stop`` is set, then finish those that were taken."""
        loop = asyncio.get_running_loop()
        self._sweeper.start()
        self._reports.start(self._report)
        self._socket.unlink(missing_ok=True)
        server = await loop.create_unix_server(lambda: _Intake(self), str(self._socket))
        counting = loop.create_task(self._count())
        await stop.wait()
        server.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.shadow.deadline):
                await self._lanes.idle()
        counting.cancel()
        await self._recorder.look(time.time(), ending=True)
        self._findings.write_counts(time.time())
        self._sweeper.stop()
        await self._reports.close()
        self._explainer.close()
        self._store.close()

    def take(self, exchange: CapturedExchange) -> None:
        """An exchange has arrived: into the lane of its session, or dropped and counted."""
        if not self._lanes.put(exchange.key, exchange):
            self._findings.not_compared(exchange, Verdict.DROPPED)
            self._recorder.lost(exchange.key)

    async def _count(self) -> None:
        while True:
            await asyncio.sleep(COUNT_INTERVAL)
            self._findings.write_counts(time.time())
            if await self._recorder.look(time.time()):
                folder = Path(self._config.golden.dir)
                self._pipeline.renew(await asyncio.to_thread(GoldenIndex.load, folder, rules=self._rules))

    def _report(self) -> Report:
        findings = self._findings
        return Report(
            source=f"shadow-{self._index}",
            incarnation=self._incarnation,
            counters={
                "banyan_shadow_total": _rows(findings.verdicts.items()),
                "banyan_golden_live_total": _rows(findings.golden_verdicts.items()),
            },
            gauges={"banyan_shadow_queue": float(self._lanes.waiting)},
        )


def _rows(counts: Iterable[tuple[tuple[str, str], int]]) -> list[CounterRow]:
    return [CounterRow((feature, str(verdict)), value) for (feature, verdict), value in counts]


class _Intake(asyncio.Protocol):
    """One worker's connection."""

    def __init__(self, process: ShadowProcess) -> None:
        self._process = process
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                self._process.take(decode(frame))
        except (ValueError, msgspec.MsgspecError) as bad:
            _log.error("what a worker sent is not an exchange: %s", bad)
            if self._transport is not None:
                self._transport.abort()


def read_rules(path: Path) -> Rules:
    """The rule file, or the default rules when there is none. A file that is wrong changes nothing but is
    reported."""
    if not path.exists():
        return DEFAULT_RULES
    try:
        return load_rules(path)
    except RulesError as error:
        _log.error("the rules are not in force: %s", error)
        return DEFAULT_RULES


def redaction_key(state: Path) -> bytes:
    """The key of this state folder's redaction tokens: made once, readable by its owner only."""
    path = state / KEY_NAME
    with contextlib.suppress(FileExistsError):
        temporary = path.with_name(f"{KEY_NAME}.{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(32))
        try:
            os.link(temporary, path)
        finally:
            temporary.unlink()
    return path.read_bytes()


def main() -> None:
    """Entry of ``python -m gateway.shadow_process``."""
    parser = argparse.ArgumentParser(prog="gateway.shadow_process")
    parser.add_argument("--index", type=int, required=True)
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--life-fd", type=int, required=True)
    arguments = parser.parse_args()
    configure_logging(f"shadow-{arguments.index}")
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_main(arguments))


async def _main(arguments: argparse.Namespace) -> None:
    config = msgspec.json.decode((arguments.runtime / "config.json").read_bytes(), type=Config)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(
        signal.SIGINT, lambda: None
    )  # Ctrl-C reaches the whole group; the supervisor decides
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    loop.add_reader(arguments.life_fd, stop.set)
    await ShadowProcess(config, arguments.index, arguments.runtime).serve(stop)


if __name__ == "__main__":
    main()
