"""The control process: wires report channel, desk and admin API together and serves the admin socket it
was given.

Started by the supervisor as `python -m gateway.control_process`. It ends on SIGTERM or when the
supervisor is gone; on SIGHUP it reads the configuration in the runtime folder again. Traffic does not
need it: while it is away workers go on deciding by the state page, and a rollback is written there
directly.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import uvicorn

from flags import PAGE_NAME, FlagsError, Ledger, StateFile, StatePage
from gateway.admin import TokenBook, TokensUnreadable, create_app
from gateway.alerts import AlertWatch, Trouble, channels_of
from gateway.config import Config
from gateway.control import (
    ControlError,
    ControlService,
    CounterRow,
    EvidenceBook,
    MetricsBoard,
    Record,
    Report,
    ReportServer,
    SharedShadow,
    Switch,
    bury,
    incarnation,
    keep,
)
from gateway.control.decisions import DecisionBook
from gateway.control.past import PastDecisions
from gateway.core.kept import KeyHash
from gateway.courtesy import wait_for_others
from gateway.keys import force_key, sticky_key
from gateway.notes import read_config
from gateway.runtime_note import read_runtime
from gateway.sinks import configure_logging, log_event
from gateway.sources import machine_name, open_sources
from shadow import Results, ResultStore

__all__ = ["RESULTS_FILE", "ControlProcess", "main"]

RESULTS_FILE: Final = "shadow.sqlite"
TOTALS_FILE: Final = "totals"
DECISIONS_FILE: Final = "decisions.sqlite"
EVIDENCE_FILE: Final = "evidence"
BOOKS_KEPT: Final = 86_400.0
"""Seconds for which other machines still count what a gateway that has ended had found."""
_KEEPING: Final = 0.5
_SETTLED: Final = 20.0
"""Seconds that a source may take to be told of a rollback before somebody is woken for it."""
_JUDGING: Final = 0.25
_EVIDENCE_KEPT: Final = 5.0
_UNABLE: Final = 2
_LOG = logging.getLogger("banyan.control")


class ControlProcess:
    """From the first report to the last. Raises `FlagsError` or `TokensUnreadable` when it cannot begin."""

    def __init__(self, config: Config, runtime: Path) -> None:
        folder = Path(config.state.dir)
        self._runtime = runtime
        self._page = StatePage.open(folder / PAGE_NAME)
        self._board = MetricsBoard(time.monotonic, bury)
        self._board.load(runtime / TOTALS_FILE)
        ledger = self._ledger = Ledger(folder)
        self._book = EvidenceBook(time.time, _home(config), lambda: uuid.uuid4().hex)
        self._evidence = folder / EVIDENCE_FILE
        self._book.load(self._evidence)
        explain = config.explain
        self._decisions = DecisionBook(folder / DECISIONS_FILE, explain.keep, explain.max, time.time)
        self._reports = ReportServer(runtime, self._take)
        record = Record(self._page, StateFile(folder), ledger, time.time)
        writing = asyncio.Lock()
        self._config = config
        self._incarnation = incarnation()
        self._problems: tuple[str, ...] = ()
        self._sources = open_sources(
            lambda: self._config, self._page, record, writing, _born(folder).isoformat(), self._book
        )
        self._alerts = AlertWatch(
            channels_of(config.alerts),
            frozenset(config.alerts.events),
            ledger,
            folder,
            machine=machine_name(),
            troubles=self._troubles,
            clock=time.time,
            new_id=lambda: uuid.uuid4().hex,
        )
        self._switch = Switch(
            self._page,
            record,
            self._sources.hand,
            writing,
            lambda: self._config.listen.workers,
            self._sources.sharing,
            self._alerts.rolled_back,
            self._sources.accord,
        )
        self._shadow = _shared_shadow(config, self._board) if config.state.redis_url else None
        self._desk = ControlService(
            config=config,
            page=self._page,
            switch=self._switch,
            ledger=ledger,
            board=self._board,
            book=self._book,
            results=_results(config, folder),
            force_key=force_key(folder),
            past=PastDecisions(self._decisions, KeyHash(_secret(folder))),
            started_at=_born(folder),
            follower=self._sources.follower,
            sharing=self._sources.sharing,
            alerts=self._alerts,
            teller=self._sources.teller,
            compiled=self._sources.compiled,
            shadow=self._shadow,
            machines=self._sources.machines,
        )
        app = create_app(self._desk, TokenBook.open(folder), config.listen.admin.host)
        # The library's own log lines and signal handlers stay out: both belong to this process as a whole.
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                lifespan="off",
            )
        )
        self._flushed = b""
        self._ledger_seen = (0, 0)

    def reload(self) -> None:
        """Go on with the configuration that now lies in the runtime folder."""
        self._config = read_config(self._runtime)
        self._decisions.keep, self._decisions.most = self._config.explain.keep, self._config.explain.max
        self._desk.reload(self._config)
        if self._shadow:
            self._shadow.features = [feature.name for feature in self._config.features]
        if self._sources.follower:
            self._sources.follower.accept()

    def stop(self) -> None:
        """Answer what was asked already, then end `serve`."""
        self._server.should_exit = True

    async def serve(self, admin: socket.socket) -> None:
        """Take reports and answer operators until `stop`."""
        keeper = asyncio.create_task(self._keep())
        following = [asyncio.create_task(self._follow()), asyncio.create_task(self._share())]
        following += [asyncio.create_task(self._tell()), asyncio.create_task(self._keep_evidence())]
        judging = asyncio.create_task(self._judge())
        shadow = asyncio.create_task(self._shadow.run()) if self._shadow else None
        answering = asyncio.create_task(self._server.serve([admin]))
        if self._sources.follower:
            # What the disk knows, before anybody is told that we are ready.
            await self._sources.follower.take_over()
        # Last, because its socket tells the supervisor that this process is up.
        await self._reports.start()
        await answering
        judging.cancel()
        keeper.cancel()
        for task in following:
            task.cancel()
        await self._reports.close()
        if self._sources.machines:
            await self._sources.machines.leave()
        if self._sources.evidence:
            await self._sources.evidence.close()
        if self._shadow and shadow:
            shadow.cancel()
            await self._shadow.close()
        self._board.save(self._runtime / TOTALS_FILE)
        keep(self._book.packed(), self._evidence)
        self._decisions.close()
        self._page.close()

    async def _keep(self) -> None:
        """Every half second: what holds in the page is on the disk, and totals outlive this process."""
        works = (self._keep_in_step, self._keep_totals, self._look_at_ledger, self._keep_decisions)
        while True:
            for work in works:
                try:
                    await work()
                except Exception:  # noqa: BLE001 - what fails once must end neither itself nor the others
                    _LOG.exception("keeping what is in force failed; it goes on in a moment")
            await asyncio.sleep(_KEEPING)

    async def _keep_in_step(self) -> None:
        self._say(await self._switch.keep_in_step())

    async def _keep_totals(self) -> None:
        self._count_alerts()
        self._board.save(self._runtime / TOTALS_FILE)
        await asyncio.to_thread(self._flush)

    async def _keep_decisions(self) -> None:
        await asyncio.to_thread(self._decisions.write)

    def _count_alerts(self) -> None:
        rows = [CounterRow(labels, number) for labels, number in self._alerts.counts().items()]
        self._board.add(Report("control", self._incarnation, {"banyan_alerts_total": rows}))

    def _take(self, report: Report) -> None:
        self._book.add(report)
        self._decisions.add(report.decisions)
        self._board.add(msgspec.structs.replace(report, evidence={}, users={}, decisions=[]))

    async def _judge(self) -> None:
        """Every quarter of a second: what the judge says and what follows. Waits for no disk."""
        while True:
            try:
                await self._desk.plans.look()
            except ControlError:
                pass  # the page cannot be believed for now, and others say so
            except Exception:  # noqa: BLE001 - one look that fails must not be the last
                _LOG.exception("judging failed; it goes on in a moment")
            await asyncio.sleep(_JUDGING)

    async def _keep_evidence(self) -> None:
        """The evidence outlives this process. A task of its own: a disk that hangs stops no judging."""
        while True:
            await asyncio.sleep(_EVIDENCE_KEPT)
            try:
                await asyncio.to_thread(keep, self._book.packed(), self._evidence)
            except Exception:  # noqa: BLE001 - what fails once must not be the last
                _LOG.exception("keeping the evidence failed; it goes on in a moment")

    async def _follow(self) -> None:
        """Stay in step with another source of dials, if there is one."""
        refresh = self._config.flags.unleash.refresh
        while self._sources.follower and self._sources.polled:
            try:
                await self._sources.follower.run(refresh)
            except Exception:  # noqa: BLE001 - a source that fails must not end the desk, nor be forgotten
                _LOG.exception("following the source of the dials failed; it goes on in a moment")
                await asyncio.sleep(refresh)

    async def _share(self) -> None:
        """Stay in step with other machines, if there are any, and tell another source of rollbacks."""
        sources = self._sources
        parts = (sources.sharing, sources.teller, sources.machines, sources.evidence)
        tasks = [part.run() for part in parts if part]
        await asyncio.gather(*tasks)

    async def _tell(self) -> None:
        """Alert people, and go on with it whatever happens."""
        while True:
            try:
                await self._alerts.run()
                return
            except Exception:  # noqa: BLE001 - what fails here must not end the desk, nor be forgotten
                _LOG.exception("alerting failed; it goes on in a moment")
                await asyncio.sleep(_KEEPING)

    def _troubles(self) -> tuple[Trouble, ...]:
        """What is wrong now, for as long as it lasts."""
        found = [
            Trouble(f"source:{view.name}", "source", view.problem or f"{view.name} is silent")
            for view in self._desk.views()
            if view.alert
        ]
        found += [
            Trouble(f"divergence:{name}", "divergence", text, _SETTLED)
            for name, text in self._desk.divergence()
        ]
        found += [Trouble("state", "ledger", problem) for problem in self._problems[:1]]
        return tuple(found)

    def _flush(self) -> None:
        stamp = self._page.stamp()
        if stamp != self._flushed:
            with contextlib.suppress(OSError):
                self._page.flush()
                self._flushed = stamp

    async def _look_at_ledger(self) -> None:
        """Whenever it has grown: its head into the log, since logs are kept elsewhere, and what waits."""
        with contextlib.suppress(OSError, FlagsError, ControlError):  # told by others
            found = self._ledger.path.stat()
            if (found.st_size, found.st_mtime_ns) != self._ledger_seen:
                self._ledger_seen = (found.st_size, found.st_mtime_ns)
                await self._desk.approvals.look()
                if (head := await asyncio.to_thread(self._ledger.head)).seq:
                    log_event(_LOG, "the ledger's head", {"event": "ledger_head", "head": str(head)})

    def _say(self, problems: tuple[str, ...]) -> None:
        if problems != self._problems:
            self._problems = problems
            self._desk.warn(problems)
            for problem in problems:
                _LOG.error("%s", problem)


def _secret(folder: Path) -> bytes | None:
    try:
        return sticky_key(folder).read()
    except FlagsError:
        return None  # the workers have said so


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def _results(config: Config, folder: Path) -> Results:
    """Where what comparing found is kept."""
    if config.shadow.store == "sqlite":
        return ResultStore(folder / RESULTS_FILE)
    from gateway.stream_link import blocking_redis_link, stream_names  # noqa: PLC0415 - a client others lack
    from shadow.stores.redis import RedisResults  # noqa: PLC0415 - the same

    return RedisResults(blocking_redis_link(config.state), stream_names(config).store)


def _shared_shadow(config: Config, board: MetricsBoard) -> SharedShadow:
    """The shadow that several machines share."""
    from gateway.stream_link import stream_client, stream_names  # noqa: PLC0415 - a client that others do not need
    from gateway.streams.desk import StreamDesk  # noqa: PLC0415 - the same

    shadow, folder = config.shadow, Path(config.state.dir)
    born = _born(folder).astimezone(UTC).isoformat(timespec="milliseconds")
    machine = socket.gethostname()
    return SharedShadow(
        StreamDesk(stream_client(config), stream_names(config), shadow.shards, BOOKS_KEPT),
        board,
        [feature.name for feature in config.features],
        gateway=f"{machine}:{folder}:{os.getppid()}:{born}",
        machine=machine,
        started_at=born,
        ttl=shadow.stream_ttl,
    )


def _home(config: Config) -> str:
    """Where the evidence lies, as far as others would notice a copy of it."""
    return f"{socket.gethostname()}:{Path(config.state.dir).resolve()}" if config.state.redis_url else ""


def _born(folder: Path) -> datetime:
    """When the counting began: with the gateway, not with this process, which may be a replacement."""
    note = read_runtime(folder)
    return datetime.fromisoformat(note.started_at) if note else datetime.now(UTC)


async def _main(runtime: Path, admin: socket.socket, life: int) -> None:
    process = ControlProcess(read_config(runtime), runtime)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, process.stop)
    loop.add_signal_handler(
        signal.SIGINT, lambda: None
    )  # Ctrl-C is for the supervisor, which ends us in order
    loop.add_signal_handler(signal.SIGHUP, process.reload)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # see `launcher.spawn_child`

    def alone() -> None:
        loop.remove_reader(life)
        process.stop()

    loop.add_reader(life, alone)
    await process.serve(admin)


def main() -> None:
    """Entry of `python -m gateway.control_process`."""
    parser = argparse.ArgumentParser(prog="gateway.control_process")
    parser.add_argument("--index", type=int, default=0)
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--admin-fd", type=int, required=True)
    parser.add_argument("--life-fd", type=int, required=True)
    arguments = parser.parse_args()
    configure_logging("control")
    wait_for_others()
    for library in ("uvicorn", "httpx"):
        logging.getLogger(library).setLevel(logging.WARNING)
    try:
        asyncio.run(_main(arguments.runtime, socket.socket(fileno=arguments.admin_fd), arguments.life_fd))
    except (FlagsError, TokensUnreadable) as error:
        _LOG.error("%s", error)
        sys.exit(_UNABLE)


if __name__ == "__main__":
    main()
