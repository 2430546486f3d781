"""The state on the disk, `state.json`: what outlives every process. It must not know the shared page or who
changes it.

The file holds the state and the SHA-256 of its canonical JSON. It is replaced, never written into: a new one
is written beside, forced to the disk, and renamed over it, so a process that dies at any moment leaves the
old or the new state, whole. The one before stays as `state.json.previous`. A writer must offer a revision
above the one on the disk: of two writers who read the same state, the second is refused, not believed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from flags.errors import RevisionNotNewer, StateCorrupt, StateError, StateUnwritable
from flags.plan import PlanState
from flags.whole_file import aside, write_to_disk

__all__ = ["STATE", "STATE_BEFORE", "StateFile", "StoredState"]

STATE: Final = "state.json"
STATE_BEFORE: Final = "state.json.previous"


class StoredState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`updated_at`: seconds since 1970. `percents`: dials in hundredths. `latched`: the features rolled back,
    sorted. `plans`: how each plan that was started stands. `frozen`: why no dial may be raised, "" if one
    may."""

    revision: int = 0
    updated_at: float = 0.0
    percents: dict[str, int] = {}
    latched: tuple[str, ...] = ()
    everything_latched: bool = False
    plans: dict[str, PlanState] = {}
    frozen: str = ""

    def with_percents(self, percents: Mapping[str, int], now: float) -> StoredState:
        """The next revision, with these dials (hundredths); those of other features stay."""
        return self._next(now, percents={**self.percents, **percents})

    def with_latch(self, feature: str | None, on: bool, now: float) -> StoredState:
        """The next revision, with this latch set or cleared; None is the latch of everything."""
        if feature is None:
            return self._next(now, everything_latched=on)
        others = set(self.latched) - {feature}
        return self._next(now, latched=tuple(sorted(others | {feature} if on else others)))

    def with_plan(self, name: str, plan: PlanState | None, now: float) -> StoredState:
        """The next revision, with this plan standing so; None: it is not started."""
        others = {other: state for other, state in self.plans.items() if other != name}
        return self._next(now, plans=others | ({name: plan} if plan else {}))

    def with_freeze(self, why: str, now: float) -> StoredState:
        """The next revision, with all raises frozen, or with "" no longer."""
        return self._next(now, frozen=why)

    def _next(self, now: float, **changes: Any) -> StoredState:
        return msgspec.structs.replace(self, revision=self.revision + 1, updated_at=now, **changes)


class _Envelope(msgspec.Struct, frozen=True):
    checksum: str
    state: msgspec.Raw


def _canonical(state: object) -> bytes:
    return msgspec.json.encode(state, order="sorted")


def _decode(data: bytes) -> StoredState:
    """ValueError (msgspec's are) when the bytes are no envelope, or the checksum does not match."""
    envelope = msgspec.json.decode(data, type=_Envelope)
    plain = msgspec.json.decode(envelope.state)
    if hashlib.sha256(_canonical(plain)).hexdigest() != envelope.checksum:
        raise ValueError("the checksum does not match")
    return msgspec.convert(plain, StoredState)


def _encode(state: StoredState) -> bytes:
    canonical = _canonical(state)
    envelope = {"checksum": hashlib.sha256(canonical).hexdigest(), "state": msgspec.Raw(canonical)}
    return msgspec.json.format(msgspec.json.encode(envelope), indent=2) + b"\n"


class StateFile:
    """The state file in the folder `dir`, made when it is first saved. `warning`: what the last `load` had to
    put up with."""

    def __init__(self, dir: Path | str) -> None:
        self.dir = Path(dir)
        self.path = self.dir / STATE
        self.previous = self.dir / STATE_BEFORE
        self.warning = ""
        self._known = 0

    def load(self) -> StoredState | None:
        """The state; None when there has never been one. `.warning` is one sentence when the file before had
        to serve, else "".

        StateCorrupt when neither can be believed.
        """
        self.warning = ""
        current = self._read(self.path)
        if isinstance(current, StoredState):
            return self._remember(current)
        before = self._read(self.previous)
        if isinstance(before, StoredState):
            self.warning = (
                f"{self.path} {current or 'is gone'}; "
                f"the state before it, revision {before.revision}, is used instead."
            )
            return self._remember(before)
        if current is None and before is None:
            return None
        raise StateCorrupt(
            f"Neither {self.path} ({current or 'gone'}) nor {self.previous.name} ({before or 'gone'}) "
            "can be believed; put a good copy back, or move both away to begin again from the "
            "configured percentages."
        )

    def save(self, state: StoredState, record: Callable[[], object] | None = None) -> None:
        """Make `state` the truth. Returns when it is on the disk. `record` writes down that it is: called
        when nothing but the change of names is left to do; what it raises leaves the old state in force.

        RevisionNotNewer unless its revision is above the one there; StateUnwritable when it cannot be
        written: then the old state is untouched.
        """
        try:
            self.dir.mkdir(parents=True, exist_ok=True)
            with self._locked():
                there = self._believable()
                current = max(there.revision if there else 0, self._known)
                if state.revision <= current:
                    raise RevisionNotNewer(
                        f"Revision {state.revision} is not above {current}, which is in {self.path}."
                    )
                self._replace(_encode(state), keep=there is not None, record=record)
        except OSError as error:
            raise StateUnwritable(
                f"The state file {self.path} could not be written: {error.strerror}."
            ) from error
        self._remember(state)

    def in_force(self) -> StoredState | None:
        """What the file itself says, without the one before it; None when there is nothing to believe."""
        found = self._believable()
        return self._remember(found) if found else None

    @property
    def newest(self) -> int:
        """The highest revision that was seen in the file."""
        return self._known

    def _remember(self, state: StoredState) -> StoredState:
        self._known = max(self._known, state.revision)
        return state

    def _believable(self) -> StoredState | None:
        found = self._read(self.path)
        return found if isinstance(found, StoredState) else None

    def _read(self, path: Path) -> StoredState | str | None:
        """The state, or why it cannot be believed, or None when there is no such file."""
        try:
            return _decode(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        except ValueError as error:
            return f"is damaged: {error}"

    def _replace(self, data: bytes, keep: bool, record: Callable[[], object] | None) -> None:
        beside = aside(self.path)
        try:
            write_to_disk(beside, data)
            if record is not None:
                record()
            if keep:  # a damaged file must not push out a good one before it
                self._keep_previous()
            beside.replace(self.path)
        except (OSError, StateError):
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise
        folder = os.open(self.dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _keep_previous(self) -> None:
        """A second name for the file in force, so that at no moment there is none."""
        second = self.path.with_name("state.json.old")
        second.unlink(missing_ok=True)
        os.link(self.path, second)
        second.replace(self.previous)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fd = os.open(self.dir / "state.json.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)
