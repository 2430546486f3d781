"""All that one gateway occupies on its machine while it runs; taken in order, given back in the other.

Lock on the state folder, state and page, both listening sockets, a runtime folder with the configuration
for the children, the life pipe, the notes. It must not know what the children do.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from flags import FlagsError, Ledger, OpenedState, RevisionNotNewer, StatePage, StateUnwritable, open_state
from gateway.config import Config
from gateway.core.decision import Side
from gateway.machine import (
    StartError,
    bind,
    bind_door,
    bound_address,
    lock_state_folder,
    open_many_files,
    remove_socket,
)
from gateway.notes import OFFSETS_FILE, RUNTIME_FILE, Runtime, write_offsets, write_runtime, write_whole
from gateway.page_keeper import PageKeeper
from gateway.tls import TlsError, listen_context, upstream_tls
from gateway.upstreams import upstream_of

__all__ = ["Premises"]

_TRIES = 5


class Premises:
    """Open for as long as the gateway runs. `config` has the real ports in place of 0. Raises
    `StartError`.
    """

    def __init__(self, config: Config) -> None:
        self.folder = Path(config.state.dir)
        self.config = config
        self.runtime = Path()
        self.warnings: tuple[str, ...] = ()
        self._brought = 0
        self._undo = contextlib.ExitStack()
        try:
            self._take(config)
        except FlagsError as error:
            self._undo.close()
            raise StartError(str(error)) from error
        except BaseException:
            self._undo.close()
            raise

    def close(self) -> None:
        """Give everything back."""
        self._undo.close()

    def adopt(self, config: Config) -> None:
        """Go on with another configuration of the same addresses and folder.

        Raises:
            StartError: when it asks for others, or the state cannot be brought in step; then nothing has
            changed.
        """
        config = self._with_real_ports(config)
        for key, old, new in (
            ("listen.traffic", self.config.listen.traffic, config.listen.traffic),
            ("listen.admin", self.config.listen.admin, config.listen.admin),
            ("listen.socket_mode", self.config.listen.socket_mode, config.listen.socket_mode),
            ("state.dir", self.config.state.dir, config.state.dir),
            ("flags", self.config.flags, config.flags),
        ):
            if old != new:
                raise StartError(
                    f"{key} cannot change from {old} to {new} while the gateway runs; start it anew."
                )
        check_tls(config)
        aside = self.runtime / "config.json.next"
        try:
            # All that can fail comes before the state is touched, which takes effect at once.
            write_whole(aside, msgspec.json.encode(config))
            self.look_at_page()
            self._keeper.take(self._opened_page(config))
        except FlagsError as error:
            with contextlib.suppress(FlagsError):
                self.page.set_features(feature.name for feature in self.config.features)
            raise StartError(str(error)) from error
        aside.replace(self.runtime / "config.json")
        self.config = config

    @property
    def page(self) -> StatePage:
        """The state page of now."""
        return self._keeper.page

    @property
    def page_number(self) -> int:
        """Rises when children have to be started anew, because the page that they have mapped is no longer
        the one.
        """
        return self._keeper.number

    def look_at_page(self) -> str:
        """See whether the page is where children look for it, and bring it back → one sentence about what was
        wrong, else "". Raises `FlagsError` when that cannot be done.
        """
        return self._keeper.look()

    def before_control(self) -> None:
        """The next control process begins. After a change of pages: what the last one did to the old page and
        to the files holds in the new one too.
        """
        if self._brought != self._keeper.number:
            self._brought = self._keeper.number
            self._keeper.settle()
            self._keeper.take(self._opened_page(self.config))

    def stop_listening(self) -> None:
        """From now on nobody new connects; connections that were accepted are the workers' business."""
        self.traffic.close()
        self._remove_door()

    def _take(self, config: Config) -> None:
        check_tls(config)
        open_many_files()
        self._undo.callback(os.close, lock_state_folder(self.folder))
        listen = config.listen
        self.traffic = self._keep(bind_door(listen.traffic, "listen.traffic", int(listen.socket_mode, 8)))
        self._door = Path(listen.traffic.path).lstat().st_ino if listen.traffic.path else 0
        self._undo.callback(self._remove_door)
        self.admin = self._keep(bind(config.listen.admin, "listen.admin"))
        self.config = self._with_real_ports(config)
        self._keeper = PageKeeper(self._opened_page(self.config))
        self._undo.callback(self._keeper.close)
        self.runtime = Path(tempfile.mkdtemp(prefix="banyan-"))
        self._undo.callback(shutil.rmtree, self.runtime, ignore_errors=True)
        write_whole(self.runtime / "config.json", msgspec.json.encode(self.config))
        self.life, ours = os.pipe()
        self._undo.callback(os.close, self.life)
        self._undo.callback(os.close, ours)
        self._undo.callback((self.folder / RUNTIME_FILE).unlink, missing_ok=True)
        self._leave_notes()

    def _keep(self, listener: socket.socket) -> socket.socket:
        self._undo.callback(listener.close)
        return listener

    def _remove_door(self) -> None:
        remove_socket(self.config.listen.traffic, self._door)

    def _with_real_ports(self, config: Config) -> Config:
        listen = msgspec.structs.replace(
            config.listen,
            traffic=bound_address(self.traffic, config.listen.traffic),
            admin=bound_address(self.admin, config.listen.admin),
        )
        return msgspec.structs.replace(config, listen=listen)

    def _opened_page(self, config: Config) -> StatePage:
        """The page, and the file brought to one state with it."""
        opened = _opened(config)
        warnings = [*opened.warnings]
        try:
            write_offsets(opened.page, self.folder)
        except StateUnwritable as error:
            # Offsets of another page would have the script write anywhere.
            (self.folder / OFFSETS_FILE).unlink(missing_ok=True)
            warnings.append(f"{error} `deploy/rollback.sh` works by the admin port alone until it can.")
        self.warnings = tuple(warnings)
        return opened.page

    def _leave_notes(self) -> None:
        """What helps, and is no reason not to start when the disk is full."""
        warnings = [*self.warnings]
        for attempt in (self._settle_ledger, lambda: write_runtime(self.folder, self._note())):
            try:
                warnings += filter(None, [attempt()])
            except StateUnwritable as error:
                warnings.append(str(error))
        self.warnings = tuple(warnings)

    def _settle_ledger(self) -> str:
        return Ledger(self.folder).settle()

    def _note(self) -> Runtime:
        listen = self.config.listen
        return Runtime(
            pid=os.getpid(),
            runtime=str(self.runtime),
            admin=f"http://{listen.admin}",
            traffic=listen.traffic_url,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            config=self.config.source_path,
        )


def check_tls(config: Config) -> None:
    """Try what the workers will speak TLS with, so that a mistake is told before anything is started."""
    try:
        listen_context(config.listen)
        for side in Side:
            upstream_tls(upstream_of(config, side), f"upstreams.{side}")
    except TlsError as error:
        raise StartError(str(error)) from error


def _opened(config: Config) -> OpenedState:
    seeds = {feature.name: feature.percent for feature in config.features}
    for _ in range(_TRIES - 1):
        # The control process writes the same file: of two writers at once one is told to read again.
        with contextlib.suppress(RevisionNotNewer):
            return open_state(config.state.dir, seeds, time.time())
    return open_state(config.state.dir, seeds, time.time())
