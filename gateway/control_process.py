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
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import uvicorn

from flags import PAGE_NAME, FlagsError, FlagSnapshot, Ledger, StateFile, StatePage
from gateway.admin import TokenBook, TokensUnreadable, create_app
from gateway.config import Config
from gateway.control import (
    ControlService,
    Follower,
    Hand,
    MetricsBoard,
    Record,
    ReportServer,
    SourceHand,
    Switch,
    bury,
)
from gateway.notes import read_runtime
from gateway.sinks import configure_logging
from shadow import ResultStore

__all__ = ["RESULTS_FILE", "ControlProcess", "main"]

RESULTS_FILE: Final = "shadow.sqlite"
TOTALS_FILE: Final = "totals"
_KEEPING: Final = 0.5
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
        self._reports = ReportServer(runtime, self._board.add)
        ledger = Ledger(folder)
        record = Record(self._page, StateFile(folder), ledger, time.time)
        writing = asyncio.Lock()
        other = _other_source(config, self._page, record, writing)
        self._follower = other.follower if other else None
        self._refresh = config.flags.unleash.refresh
        self._workers = config.listen.workers
        hand = other.hand if other else None
        self._switch = Switch(self._page, record, hand, writing, lambda: self._workers)
        self._desk = ControlService(
            config=config,
            page=self._page,
            switch=self._switch,
            ledger=ledger,
            board=self._board,
            results=ResultStore(folder / RESULTS_FILE),
            started_at=_born(folder),
            follower=self._follower,
            compiled=other.compiled if other else None,
        )
        app = create_app(self._desk, TokenBook.open(folder), config.listen.admin.host)
        # The library's own log lines and signal handlers stay out: both belong to this process as a whole.
        self._server = _Server(
            uvicorn.Config(app, log_config=None, access_log=False, server_header=False, lifespan="off")
        )
        self._flushed = b""
        self._problems: tuple[str, ...] = ()

    def reload(self) -> None:
        """Go on with the configuration that now lies in the runtime folder."""
        config = read_config(self._runtime)
        self._workers = config.listen.workers
        self._desk.reload(config)
        if self._follower:
            self._follower.accept()

    def stop(self) -> None:
        """Answer what was asked already, then end `serve`."""
        self._server.should_exit = True

    async def serve(self, admin: socket.socket) -> None:
        """Take reports and answer operators until `stop`."""
        keeper = asyncio.create_task(self._keep())
        follower = asyncio.create_task(self._follow())
        answering = asyncio.create_task(self._server.serve([admin]))
        if self._follower:
            await self._follower.take_over()  # what the disk knows, before anybody is told that we are ready
        # Last, because its socket tells the supervisor that this process is up.
        await self._reports.start()
        await answering
        keeper.cancel()
        follower.cancel()
        await self._reports.close()
        self._board.save(self._runtime / TOTALS_FILE)
        self._page.close()

    async def _keep(self) -> None:
        """Every half second: what holds in the page is on the disk, and totals outlive this process."""
        while True:
            self._say(await self._switch.keep_in_step())
            self._board.save(self._runtime / TOTALS_FILE)
            await asyncio.to_thread(self._flush)
            await asyncio.sleep(_KEEPING)

    async def _follow(self) -> None:
        """Stay in step with another source of dials, if there is one."""
        while self._follower:
            try:
                await self._follower.run(self._refresh)
            except Exception:  # noqa: BLE001 - a source that fails must not end the desk, nor be forgotten
                _LOG.exception("following the source of the dials failed; it goes on in a moment")
                await asyncio.sleep(self._refresh)

    def _flush(self) -> None:
        stamp = self._page.stamp()
        if stamp != self._flushed:
            with contextlib.suppress(OSError):
                self._page.flush()
                self._flushed = stamp

    def _say(self, problems: tuple[str, ...]) -> None:
        if problems != self._problems:
            self._problems = problems
            self._desk.warn(problems)
            for problem in problems:
                _LOG.error("%s", problem)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


class _OtherSource(NamedTuple):
    """A source of dials beside the state of this machine, and what this process needs of it."""

    follower: Follower
    hand: Hand
    compiled: Callable[[FlagSnapshot], FlagSnapshot]


def _other_source(
    config: Config, page: StatePage, record: Record, writing: asyncio.Lock
) -> _OtherSource | None:
    if config.flags.source == "dial":
        return None
    from flags.providers.unleash import UnleashRules  # noqa: PLC0415 - loads a core that others do not need
    from flags.providers.unleash.opening import Secret, open_unleash  # noqa: PLC0415

    unleash = config.flags.unleash
    opened = open_unleash(
        config.state.dir,
        url=unleash.url,
        project=unleash.project,
        environment=unleash.environment,
        token=Secret("flags.unleash.token", unleash.token_env, unleash.token_file),
        admin_token=Secret("flags.unleash.admin_token", unleash.admin_token_env, unleash.admin_token_file),
        clock=time.time,
    )
    follower = Follower(opened.source, page, record, writing)
    hand = SourceHand(opened.admin, follower, record, writing)
    return _OtherSource(follower, hand, UnleashRules(unleash.environment).compiled)


def read_config(runtime: Path) -> Config:
    """The configuration as the supervisor left it for its children."""
    return msgspec.json.decode((runtime / "config.json").read_bytes(), type=Config)


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
    for library in ("uvicorn", "httpx"):
        logging.getLogger(library).setLevel(logging.WARNING)
    try:
        asyncio.run(_main(arguments.runtime, socket.socket(fileno=arguments.admin_fd), arguments.life_fd))
    except (FlagsError, TokensUnreadable) as error:
        _LOG.error("%s", error)
        sys.exit(_UNABLE)


if __name__ == "__main__":
    main()
