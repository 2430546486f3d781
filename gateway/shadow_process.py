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
import random
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import uvloop

from gateway.capture import Captured, SessionGap, sample_position
from gateway.config import Config
from gateway.control import CounterRow, Report, ReportSender, incarnation
from gateway.core.decision import Side
from gateway.shadowing import (
    ControlTwice,
    CopySender,
    Findings,
    Goldens,
    Intake,
    Keeper,
    Lanes,
    LiveRecorder,
    Pipeline,
    RuleBook,
    SessionSample,
    TimeLimit,
    Trust,
)
from gateway.sinks import configure_logging
from gateway.upstreams import host_of, limits_of, pool_of, pseudonym, upstream_of
from gateway.wire import Sweeper
from shadow import Explainer, MirrorBook, Redactor, ResultStore, Verdict

STORE_NAME = "shadow.sqlite"
KEY_NAME = "redaction-key"
KEY_BYTES = 32
MAX_SESSIONS = 20_000
SESSION_TTL = 3600.0
WAITING_EACH = 100
"""Exchanges that may wait, for each session that may be at work."""
WAITING_BYTES = 64 * 1024 * 1024
HOLD = 0.03
"""Seconds that an exchange waits for an earlier one of its session, which another worker had."""
TELL_INTERVAL = 0.05
LOOK_INTERVAL = 1.0
PAIR_LIMIT = 0.25
"""Seconds of work over one pair, beyond which it is given up."""

_log = logging.getLogger("banyan.shadow")


class Job(NamedTuple):
    """What came in, and the connection that wants to know its verdict."""

    captured: Captured
    intake: Intake


class ShadowProcess:
    """One process's share of the sessions."""

    def __init__(self, config: Config, index: int, runtime: Path) -> None:
        self._config = config
        self._index = index
        self._socket = runtime / f"shadow-{index}.sock"
        self._sweeper = Sweeper(asyncio.get_running_loop())
        self._rules = RuleBook(Path(config.shadow.rules))
        rules = self._rules.rules
        redactor = Redactor(redaction_key(Path(config.state.dir)), rules.redact_names)
        self._explainer = Explainer()
        version_field = config.shadow.version_header.lower().encode("latin-1")
        self._findings = Findings(redactor, self._explainer, version_field)
        self._keeper = Keeper(ResultStore(Path(config.state.dir) / STORE_NAME), self._findings)
        senders = {side: self._sender_to(side) for side in Side}
        hosts = {side: host_of(upstream_of(config, side)) for side in Side}
        self._goldens = Goldens(Path(config.golden.dir))
        self._recorder = LiveRecorder(Path(config.state.dir), index, rules, config.shadow.version_header)
        self._mirrors = MirrorBook(MAX_SESSIONS, SESSION_TTL, own_cookie=config.sticky.cookie)
        self._limit = TimeLimit(PAIR_LIMIT)
        self._pipeline = Pipeline(
            senders,
            Trust(senders, hosts),
            ControlTwice(senders, config.shadow.control_twice, random.Random()),
            self._findings,
            self._rules,
            redactor,
            self._goldens.load(rules),
            self._mirrors,
            self._recorder,
            self._limit,
            config.shadow.deadline,
            lambda: datetime.now(UTC).date(),
        )
        most = config.shadow.max_in_flight
        self._lanes: Lanes[Job] = Lanes(
            self._work, in_flight=most, limit=WAITING_EACH * most, limit_bytes=WAITING_BYTES, hold=HOLD
        )
        self._sample = SessionSample(WAITING_EACH * most)
        self._dropped = 0
        self._intakes: set[Intake] = set()
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
        server = await loop.create_unix_server(lambda: Intake(self.take, self._intakes), str(self._socket))
        at_work = [loop.create_task(each) for each in (self._tell(), self._look(), self._keeper.keep())]
        await stop.wait()
        server.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.shadow.deadline):
                await self._lanes.idle()
        for task in at_work:
            task.cancel()
        await self._recorder.look(time.time(), ending=True)
        for intake in list(self._intakes):
            intake.tell(self._sample.level)
        await self._keeper.write()
        self._sweeper.stop()
        await self._reports.close()
        self._explainer.close()
        self._keeper.close()

    def take(self, captured: Captured, size: int, intake: Intake) -> None:
        """Something has arrived: into the lane of its session, or dropped and counted."""
        if self._lanes.put(captured.key, Job(captured, intake), size, captured.began):
            return
        if isinstance(captured, SessionGap):
            self._mirrors.lose(captured.key, captured.reason, time.time())
            return
        self._dropped += 1
        self._findings.not_compared(captured, Verdict.DROPPED)
        self._recorder.lost(captured.key)
        self._mirrors.lose(captured.key, "an exchange of the session was dropped under load", captured.at)
        intake.settle(captured.feature, Verdict.DROPPED)

    async def _work(self, job: Job) -> None:
        captured = job.captured
        if isinstance(captured, SessionGap):
            self._recorder.lost(captured.key)
            self._mirrors.lose(captured.key, captured.reason, time.time())
            return
        out_until = 0.0
        if not self._sample.is_plain:
            out_until = self._sample.out_until(sample_position(captured.key), time.time())
        verdict = await self._pipeline.run(captured, out_until)
        job.intake.settle(captured.feature, verdict)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(TELL_INTERVAL)
            for intake in list(self._intakes):
                intake.tell(self._sample.level)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_INTERVAL)
            if self._sample.look(time.time(), self._lanes.waiting, self._dropped):
                _log.warning(
                    "the sample of sessions is now %g %% of what is configured: %d wait, %d were dropped",
                    self._sample.level / 100,
                    self._lanes.waiting,
                    self._dropped,
                )
            if await asyncio.to_thread(self._rules.refresh):
                self._rules.warn(datetime.now(UTC).date())
            await self._recorder.look(time.time())
            if renewed := await self._goldens.refresh(self._rules.rules, time.time()):
                self._pipeline.renew(renewed)

    def _report(self) -> Report:
        verdicts = self._findings.golden_verdicts.items()
        rows = [CounterRow((feature, side, str(word)), times) for (feature, side, word), times in verdicts]
        return Report(
            source=f"shadow-{self._index}",
            incarnation=self._incarnation,
            counters={
                "banyan_golden_live_total": rows,
                "banyan_shadow_not_kept_total": [CounterRow((), self._keeper.lost)],
                "banyan_shadow_given_up_total": [
                    CounterRow(("pair",), self._limit.reached),
                    CounterRow(("explanation",), self._explainer.kills),
                ],
            },
            gauges={
                "banyan_shadow_queue": float(self._lanes.waiting),
                "banyan_shadow_sample_percent": self._sample.level / 100,
            },
        )


def redaction_key(state: Path) -> bytes:
    """The key of this state folder's redaction tokens: made once, readable by its owner only. One that is too
    short is no secret, and is made anew.
    """
    path = state / KEY_NAME
    with contextlib.suppress(FileNotFoundError):
        if len(path.read_bytes()) < KEY_BYTES:
            _log.error(
                "%s is too short to be a key and is made anew: earlier tokens will not be met again", path
            )
            path.unlink(missing_ok=True)
    with contextlib.suppress(FileExistsError):
        temporary = path.with_name(f"{KEY_NAME}.{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
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
