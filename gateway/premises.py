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
from gateway.keys import force_key, sticky_key
from gateway.machine import (
    StartError,
    bind,
    bind_door,
    bound_address,
    lock_state_folder,
    open_many_files,
    remove_socket,
)
from gateway.notes import CONFIG_FILE, OFFSETS_FILE, leave_config, write_offsets, write_runtime
from gateway.page_keeper import PageKeeper
from gateway.runtime_note import RUNTIME_FILE, Runtime
from gateway.tls import TlsError, listen_context, upstream_tls
from gateway.upstreams import upstream_of

__all__ = ["Premises", "check_streams", "check_tls", "check_upstream_tls"]

_TRIES = 5
_LIES_OPEN = (
    "What the shadow hands over lies open in Redis: cookies, tokens and bodies of real requests. Whoever "
    "reads that Redis reads sessions. Set shadow.stream_key_env or shadow.stream_key_file, the same on all "
    "machines; `openssl rand -hex 32` makes a key."
)


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
            ("state", self.config.state, config.state),
            ("flags", self.config.flags, config.flags),
            ("alerts", self.config.alerts, config.alerts),
        ):
            if old != new:
                # Not what it was and would be: an address may hold a password, and this goes into the log.
                raise StartError(f"{key} cannot change while the gateway runs; start it anew.")
        check_tls(config)
        check_streams(config)
        try:
            # All that can fail comes before the state is touched, which takes effect at once.
            aside = leave_config(self.runtime, config, f"{CONFIG_FILE}.next")
            self.look_at_page()
            self._keeper.take(self._opened_page(config, alone=False))
        except FlagsError as error:
            with contextlib.suppress(FlagsError):
                self.page.set_features(feature.name for feature in self.config.features)
            raise StartError(str(error)) from error
        aside.replace(self.runtime / CONFIG_FILE)
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
        before = self._keeper.number
        wrong = self._keeper.look()
        if self._keeper.number == before:
            return wrong
        # A page made anew may have its features in another order.
        return " ".join(filter(None, (wrong, self._leave_offsets(self.page))))

    def before_control(self) -> None:
        """The next control process begins. After a change of pages: what the last one did to the old page and
        to the files holds in the new one too.
        """
        if self._brought != self._keeper.number:
            self._brought = self._keeper.number
            self._keeper.settle()
            self._keeper.take(self._opened_page(self.config, alone=False))

    def stop_listening(self) -> None:
        """From now on nobody new connects; connections that were accepted are the workers' business."""
        self.traffic.close()
        self._remove_door()

    def _take(self, config: Config) -> None:
        check_tls(config)
        lies_open = check_streams(config)
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
        leave_config(self.runtime, self.config)
        self.life, ours = os.pipe()
        self._undo.callback(os.close, self.life)
        self._undo.callback(os.close, ours)
        self._undo.callback((self.folder / RUNTIME_FILE).unlink, missing_ok=True)
        self._leave_notes()
        self.warnings += tuple(filter(None, [lies_open]))

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

    def _opened_page(self, config: Config, *, alone: bool = True) -> StatePage:
        """The page, and the file brought to one state with it."""
        opened = _opened(config, alone=alone)
        self.warnings = (*opened.warnings, *filter(None, [self._leave_offsets(opened.page)]))
        return opened.page

    def _leave_offsets(self, page: StatePage) -> str:
        """Where the script finds the latches of this page → what to know, "" when it does."""
        try:
            write_offsets(page, self.folder)
        except StateUnwritable as error:
            return f"{error} {self._without_offsets()}"
        return ""

    def _without_offsets(self) -> str:
        """Offsets of another page would have the script write anywhere → what to know, a sentence."""
        path = self.folder / OFFSETS_FILE
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            return (
                f"{path} may be of another page and cannot be removed either ({error.strerror}): remove it "
                "before anybody runs `deploy/rollback.sh`, which would go by it."
            )
        return "`deploy/rollback.sh` works by the admin port alone until it can."

    def _leave_notes(self) -> None:
        """What helps, and is no reason not to start when the disk is full."""
        warnings = [*self.warnings]
        for attempt in (
            self._make_keys,
            self._settle_ledger,
            lambda: write_runtime(self.folder, self._note()),
        ):
            try:
                warnings += filter(None, [attempt()])
            except StateUnwritable as error:
                warnings.append(str(error))
        self.warnings = tuple(warnings)

    def _make_keys(self) -> str:
        for key in (force_key, sticky_key):
            key(self.config.state.dir).ensure()
        return ""

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
    except TlsError as error:
        raise StartError(str(error)) from error
    check_upstream_tls(config)


def check_upstream_tls(config: Config) -> None:
    """The same for what is spoken with the two applications."""
    try:
        for side in Side:
            upstream_tls(upstream_of(config, side), f"upstreams.{side}")
    except TlsError as error:
        raise StartError(str(error)) from error


def check_streams(config: Config) -> str:
    """Whether the secret of the shared streams is there, where one is configured → one sentence about what
    lies open in Redis without one, else "".
    """
    if not config.state.redis_url:
        return ""
    from gateway.stream_link import StreamKeyWrong, stream_secret  # noqa: PLC0415 - a client others do not need

    try:
        return "" if stream_secret(config) else _LIES_OPEN
    except StreamKeyWrong as error:
        raise StartError(str(error)) from error


def _opened(config: Config, *, alone: bool) -> OpenedState:
    seeds = {feature.name: feature.percent for feature in config.features}
    # What the others have dialled meanwhile is not known yet: until it is, nobody new gets the new side.
    seeded = not config.state.redis_url
    for _ in range(_TRIES - 1):
        # The control process writes the same file: of two writers at once one is told to read again.
        with contextlib.suppress(RevisionNotNewer):
            return open_state(config.state.dir, seeds, time.time(), seeded=seeded, alone=alone)
    return open_state(config.state.dir, seeds, time.time(), seeded=seeded, alone=alone)
