"""One shadow process: wires the exchange channel, the pipeline and the store together. Decides nothing
itself.

Started by the supervisor as ``python -m gateway.shadow_process``. Nothing that happens here can reach a
user's request: workers hand over copies and never wait.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import random
import signal
import socket
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import uvloop

from gateway.capture import AllSaid, Captured, CapturedExchange, SessionGap, WriteBegan, sample_position
from gateway.config import Config
from gateway.control import CounterRow, Report, ReportSender, ShadowProcessView, incarnation
from gateway.core.decision import Side
from gateway.courtesy import GivingWay, let_others_first
from gateway.keys import redaction_key
from gateway.notes import read_config
from gateway.pulse import Pulse
from gateway.shadowing import (
    ControlTwice,
    CopySender,
    Findings,
    Goldens,
    Hearing,
    Intake,
    Keeper,
    Lanes,
    LiveRecorder,
    OpenWrites,
    Parts,
    Pipeline,
    RuleBook,
    ServingWorkers,
    SessionSample,
    TimeLimit,
    Trust,
    in_rounds,
)
from gateway.sinks import DifferingUsers, configure_logging
from gateway.upstreams import host_of, limits_of, pool_of, pseudonym, upstream_of
from gateway.wire import Sweeper
from shadow import Explainer, MirrorBook, Redactor, Results, ResultStore, Verdict

if TYPE_CHECKING:
    from gateway.shared_work import SharedWork
    from gateway.streams.holdings import Entry

STORE_NAME = "shadow.sqlite"
MAX_SESSIONS = 20_000
SESSION_TTL = 3600.0
WAITING_EACH = 100
"""Exchanges that may wait, for each session that may be at work."""
WAITING_BYTES = 64 * 1024 * 1024
GARBAGE = 20_000
"""Objects made and not yet freed, beyond which the collector looks for circles."""
REFUSED_FOR = 0.25
"""Seconds for which a refused connection speaks for the copies that come meanwhile: a side that is down is
not knocked at for each of them, on a processor that users' requests need."""
HOLD = 0.03
"""Seconds that an exchange waits for an earlier one of its session, which another worker had."""
TELL_INTERVAL = 0.05
LOOK_INTERVAL = 1.0
ANOTHER = "the shadow process that knew the session has ended"
PAIR_LIMIT = 0.25
"""Seconds of work over one pair, beyond which it is given up."""

_log = logging.getLogger("banyan.shadow")


class Job(msgspec.Struct, eq=False):
    """What came in, who wants to know its verdict (a worker's connection, or an entry of the shared streams),
    and the lane that wants to go on. A structure because there is one for each exchange.
    """

    captured: CapturedExchange | SessionGap
    intake: Intake | Entry
    differing: DifferingUsers
    done: Callable[[], None] | None = None

    def settled(self, verdict: Verdict) -> None:
        """The exchange has come to its verdict."""
        captured = self.captured
        if isinstance(captured, CapturedExchange):
            if verdict is Verdict.MISMATCH:
                self.differing.differs(captured.feature, captured.key, captured.at)
            self.intake.settle(captured.feature, verdict)
        if self.done is not None:
            self.done()


class ShadowProcess:
    """One process's share of the sessions."""

    def __init__(self, config: Config, index: int, runtime: Path) -> None:
        self._config = config
        self._index = index
        self._socket = runtime / f"shadow-{index}.sock"
        self._sweeper = Sweeper(asyncio.get_running_loop())
        self._rules = RuleBook(Path(config.shadow.rules))
        rules = self._rules.rules
        redactor = Redactor(_redaction_key(config), rules.redact_names)
        self._explainer = Explainer()
        version_field = config.shadow.version_header.lower().encode("latin-1")
        limit = TimeLimit(PAIR_LIMIT)
        self._findings = Findings(redactor, self._explainer, limit, version_field)
        self._keeper = Keeper(_results(config), self._findings)
        senders = {side: self._sender_to(side) for side in Side}
        hosts = {side: host_of(upstream_of(config, side)) for side in Side}
        self._intakes: set[Intake] = set()
        self._hearing = Hearing(self._intakes, ServingWorkers(Path(config.state.dir)))
        self._goldens = Goldens(Path(config.golden.dir))
        self._parts = Parts(
            senders=senders,
            trust=Trust(senders, hosts),
            twice=ControlTwice(senders, config.shadow.control_twice, random.Random()),
            findings=self._findings,
            rules=self._rules,
            redactor=redactor,
            goldens=self._goldens.load(rules),
            mirrors=MirrorBook(MAX_SESSIONS, SESSION_TTL, own_cookie=config.sticky.cookie),
            writes=OpenWrites(),
            all_heard=_at_once if config.state.redis_url else self._hearing.after_all,
            recorder=LiveRecorder(Path(config.state.dir), index, rules, config.shadow.version_header),
            limit=limit,
            deadline=config.shadow.deadline,
            today=_today(),
            give_way=GivingWay(),
        )
        self._pipeline = Pipeline(self._parts)
        most = config.shadow.max_in_flight
        self._lanes: Lanes[Job] = Lanes(
            self._begin,
            in_flight=most,
            limit=WAITING_EACH * most,
            limit_bytes=WAITING_BYTES,
            hold=0.0 if config.state.redis_url else HOLD,  # what comes from the streams is in order already
            lost=self._lost,
        )
        self._sample = SessionSample(WAITING_EACH * most)
        self._differing = DifferingUsers({one.name: one.guard.window for one in config.features})
        self._dropped = 0
        self._asking: set[asyncio.Task[None]] = set()
        self._reports = ReportSender(runtime)
        self._pulse = Pulse(runtime, index)
        self._incarnation = incarnation()
        self._shared = self._sharing() if config.state.redis_url else None

    def _sender_to(self, side: Side) -> CopySender:
        most = self._config.shadow.max_in_flight
        limits = limits_of(upstream_of(self._config, side))._replace(
            connections=most, waiting=most, refused_for=REFUSED_FOR
        )
        pool = pool_of(self._config, side, self._sweeper, limits)
        most_kept = self._config.shadow.max_body
        return CopySender(side.value, pool, pseudonym(self._config), most_kept, self._sweeper)

    def _sharing(self) -> SharedWork:
        """This process's part of what several machines share."""
        from gateway.shared_work import shared_work  # noqa: PLC0415 - a client that others do not need

        return shared_work(
            self._config,
            f"{socket.gethostname()}-{self._incarnation}",
            self._parts.mirrors,
            self._parts.writes,
            deliver=lambda piece: self.take(piece.captured, piece.size, piece.entry),
            lose=self._lose,
            lose_all=self._lose_all,
            waiting=lambda: self._lanes.waiting,
            said=self._said,
            state_ttl=SESSION_TTL,
        )

    async def serve(self, stop: asyncio.Event) -> None:
        """Take exchanges until ``stop`` is set, then finish those that were taken."""
        loop = asyncio.get_running_loop()
        pulse = loop.create_task(self._pulse.beat())
        self._sweeper.start()
        gc.freeze()
        gc.set_threshold(GARBAGE)  # an exchange leaves no circle behind: looking for some is nearly all waste
        self._reports.start(self._report)
        if self._shared is None and _was_here_before(self._socket):
            self._parts.mirrors.begin_late(ANOTHER, time.time())
        self._socket.unlink(missing_ok=True)
        server = await loop.create_unix_server(self._intake, str(self._socket))
        at_work = [loop.create_task(each) for each in (self._tell(), self._look(), self._keeper.keep())]
        if self._shared:
            at_work.append(loop.create_task(self._shared.holdings.run()))
        await stop.wait()
        server.close()
        if self._shared:
            self._shared.holdings.stop_reading()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.shadow.deadline):
                await self._lanes.idle()
        for task in at_work:
            task.cancel()
        await self._findings.idle()
        await self._parts.recorder.look(time.time(), ending=True)
        for intake in list(self._intakes):
            intake.tell(self._sample.level)
        await self._keeper.write()
        if self._shared:
            await self._shared.holdings.hand_over()
        self._sweeper.stop()
        await self._reports.close()
        self._explainer.close()
        self._keeper.close()
        pulse.cancel()

    def _intake(self) -> Intake:
        return Intake(self.take, self._intakes, self._gone)

    def _gone(self, intake: Intake) -> None:
        """A worker has ended, and with it whoever knew how its open writes did."""
        for key in self._parts.writes.forget(intake):
            self._lose(key, "a worker ended while a write of the session was under way")
        self._hearing.look()

    def _lose(self, key: str, reason: str) -> None:
        """A request of the sessions behind a sticky key never came here, or may have come twice."""
        self._parts.recorder.lost(key)
        self._parts.mirrors.lose(key, reason, time.time())

    def _lose_all(self, reason: str, until: float) -> None:
        """Requests of sessions that had begun by then never came here, and nobody knows of which."""
        self._parts.recorder.lost_all()
        self._parts.mirrors.lose_all(reason, until)

    def take(self, captured: Captured | AllSaid, size: int, intake: Intake | Entry) -> None:
        """Something has arrived: into the lane of its session, or dropped and counted."""
        if isinstance(captured, WriteBegan):
            self._parts.writes.begin(captured.key, captured.began, intake)
            return
        if isinstance(captured, AllSaid):
            if isinstance(intake, Intake):
                self._hearing.answered(intake, captured.question)
            return
        if isinstance(captured, SessionGap):  # until its turn comes, it is a write that is under way
            self._parts.writes.begin(captured.key, captured.began, intake)
        job = Job(captured, intake, self._differing)
        if not self._lanes.put(captured.key, job, size, captured.began):
            self._lost(job)

    def _lost(self, job: Job) -> None:
        """There was no room for it: its session's state is not known any more."""
        captured, parts = job.captured, self._parts
        parts.writes.end(captured.key, captured.began)
        parts.recorder.lost(captured.key)
        if isinstance(captured, SessionGap):
            parts.mirrors.lose(captured.key, captured.reason, time.time())
            return
        self._dropped += 1
        parts.findings.not_compared(captured, Verdict.DROPPED)
        parts.mirrors.lose(captured.key, "an exchange of the session was dropped under load", captured.at)
        job.intake.settle(captured.feature, Verdict.DROPPED)

    def _begin(self, job: Job, done: Callable[[], None]) -> None:
        captured, parts = job.captured, self._parts
        if isinstance(captured, SessionGap):
            parts.writes.end(captured.key, captured.began)
            parts.recorder.lost(captured.key)
            parts.mirrors.lose(captured.key, captured.reason, time.time())
            done()
            return
        shared, intake = self._shared, job.intake
        if shared and not isinstance(intake, Intake) and not shared.intake.is_clear(intake, captured):
            self._keep(self._begin_with_leave(shared, intake, captured, job, done))
            return
        self._follow(captured, job, done)

    async def _begin_with_leave(
        self,
        shared: SharedWork,
        entry: Entry,
        captured: CapturedExchange,
        job: Job,
        done: Callable[[], None],
    ) -> None:
        """Find out first whether it is still ours to do, and was not done before."""
        try:
            hindered = await shared.intake.leave(entry, captured)
            if hindered is None:
                self._follow(captured, job, done)
                return
            self._parts.writes.end(captured.key, captured.began)
            if hindered is Verdict.UNDETERMINED:
                self._findings.not_compared(captured, hindered)
                entry.settle(captured.feature, hindered)
        except Exception:  # noqa: BLE001 - one piece of work must not end the lane
            _log.exception("an exchange could not be shadowed")
        done()

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def _follow(self, captured: CapturedExchange, job: Job, done: Callable[[], None]) -> None:
        out_until = self._shared.intake.out_until(captured, time.time()) if self._shared else 0.0
        if not self._sample.is_plain:
            out_until = self._sample.out_until(sample_position(captured.key), time.time())
        job.done = done
        self._pipeline.begin(captured, job.settled, out_until)

    async def _tell(self) -> None:
        await in_rounds(TELL_INTERVAL, self._tell_workers, self._hear)

    async def _look(self) -> None:
        await in_rounds(LOOK_INTERVAL, self._look_at_sample, self._look_at_files)

    async def _tell_workers(self) -> None:
        for intake in list(self._intakes):
            intake.tell(self._sample.level)

    async def _hear(self) -> None:
        self._hearing.look()

    async def _look_at_sample(self) -> None:
        if self._shared:
            if self._shared.intake.look(time.time()):
                _log.warning(
                    "the sample of sessions of some shards is now %g %% of what is configured",
                    self._shared.intake.level / 100,
                )
        elif self._sample.look(time.time(), self._lanes.waiting, self._dropped):
            _log.warning(
                "the sample of sessions is now %g %% of what is configured: %d wait, %d were dropped",
                self._sample.level / 100,
                self._lanes.waiting,
                self._dropped,
            )

    async def _look_at_files(self) -> None:
        self._parts.today = _today()
        if await asyncio.to_thread(self._rules.refresh):
            self._rules.warn(self._parts.today)
        await self._parts.recorder.look(time.time())
        if renewed := await self._goldens.refresh(self._rules.rules, time.time()):
            self._parts.goldens = renewed

    @property
    def _level(self) -> int:
        return self._shared.intake.level if self._shared else self._sample.level

    def _said(self) -> bytes:
        """What this process says of itself to the other machines."""
        return msgspec.json.encode(
            ShadowProcessView(
                machine=socket.gethostname(),
                pid=os.getpid(),
                shards=len(self._shared.holdings.held) if self._shared else 0,
                under_way=self._shared.holdings.under_way if self._shared else 0,
                settled=self._shared.holdings.settled if self._shared else 0,
                sample_percent=self._level / 100,
                not_kept=self._keeper.lost,
            )
        )

    def _report(self) -> Report:
        verdicts = self._findings.golden_verdicts.items()
        rows = [CounterRow((feature, side, str(word)), times) for (feature, side, word), times in verdicts]
        return Report(
            source=f"shadow-{self._index}",
            incarnation=self._incarnation,
            counters={
                "banyan_golden_live_total": rows,
                "banyan_shadow_hung_total": [CounterRow((), int(self._pulse.follows_hung))],
                "banyan_shadow_not_kept_total": [CounterRow((), self._keeper.lost)],
                "banyan_shadow_given_up_total": [
                    CounterRow(("pair",), self._parts.limit.reached),
                    CounterRow(("explanation",), self._explainer.kills),
                ],
            },
            gauges={
                "banyan_shadow_queue": float(self._lanes.waiting),
                "banyan_shadow_sample_percent": self._level / 100,
            },
            users=self._differing.samples(),
        )


def _at_once(then: Callable[[bool], None]) -> None:
    """What comes out of the streams is complete: see `StreamIntake`."""
    then(True)


def _was_here_before(place: Path) -> bool:
    """Whether a process of this place ended, however it did, while the gateway went on."""
    try:
        place.with_suffix(".began").touch(exist_ok=False)
    except FileExistsError:
        return True
    except OSError as trouble:
        _log.warning("it is not known whether another process was here before: %s", trouble)
        return True
    return False


def _today() -> date:
    return datetime.now(UTC).date()


def _results(config: Config) -> Results:
    """Where what comparing found is kept."""
    if config.shadow.store == "sqlite":
        return ResultStore(Path(config.state.dir) / STORE_NAME)
    from gateway.stream_link import blocking_redis_link, stream_names  # noqa: PLC0415 - a client others lack
    from shadow.stores.redis import RedisResults  # noqa: PLC0415 - the same

    return RedisResults(blocking_redis_link(config.state), stream_names(config).store)


def _redaction_key(config: Config) -> bytes:
    """Machines that share a secret write the same tokens; else each has a key of its own."""
    if config.shadow.stream_key_env or config.shadow.stream_key_file:
        from gateway.stream_link import shared_redaction_key  # noqa: PLC0415 - a library that others do not need

        return shared_redaction_key(config)
    return redaction_key(config.state.dir)


def main() -> None:
    """Entry of ``python -m gateway.shadow_process``."""
    parser = argparse.ArgumentParser(prog="gateway.shadow_process")
    parser.add_argument("--index", type=int, required=True)
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--life-fd", type=int, required=True)
    arguments = parser.parse_args()
    configure_logging(f"shadow-{arguments.index}", private=True)
    let_others_first()
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_main(arguments))


async def _main(arguments: argparse.Namespace) -> None:
    config = read_config(arguments.runtime)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(
        signal.SIGINT, lambda: None
    )  # Ctrl-C reaches the whole group; the supervisor decides
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # see `launcher.spawn_child`
    loop.add_reader(arguments.life_fd, stop.set)
    await ShadowProcess(config, arguments.index, arguments.runtime).serve(stop)


if __name__ == "__main__":
    main()
