"""The machines that share what is in force: what each says of itself, and when a change is in force on all of
them. Knows the place where they say it by a protocol, and no Redis.

Nothing waits for this but an answer that says how far a change has come, and that for a second at most; the
change is in force on this machine before. Times are taken here, by one clock: clocks need not agree.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple, Protocol

import msgspec

from flags import StatePage
from gateway.control.answers import Elsewhere, MachineView
from gateway.control.sharing import InForce, Sharing
from gateway.control.understood import understood

__all__ = ["Machines", "Roll"]

_LOG = logging.getLogger("banyan.control")
_BEAT: Final = 1.0
_SILENT: Final = 5.0
"""Seconds without a word, and a machine is shown as silent and waited for no more."""
_LOOK: Final = 0.02
_ASK: Final = 0.04
_PATIENCE: Final = 1.0
_LONGEST: Final = 2_000
_NO_ANSWER: Final = "Redis does not answer."


class Entry(msgspec.Struct, frozen=True):
    """What a machine says of itself. `version`: of what is shared, in force on all its workers; `latches`:
    the same for rollbacks alone, which no disk can hold up. `seconds`: from when it heard of that version to
    its last worker. `state_age`: since it last knew that its state is the newest.
    """

    machine: str
    version: int
    latches: int
    workers: int
    have: int
    seconds: float
    state_age: float | None


class _Heard(Protocol):
    @property
    def age(self) -> float: ...
    @property
    def entry(self) -> bytes: ...


class _Failed(Protocol):
    @property
    def reason(self) -> str: ...


class Roll(Protocol):
    """Where machines say how they are, as `flags.providers` has it. `name`: ours."""

    name: str

    async def tell(self, entry: bytes) -> Mapping[str, _Heard] | _Failed: ...
    async def leave(self) -> None: ...


class _Known(NamedTuple):
    """Another machine, and when, by our clock, it wrote that."""

    entry: Entry
    at: float


class Machines:
    """`machine`: how people know this one; `clock`: seconds that only ever rise."""

    def __init__(
        self, roll: Roll, page: StatePage, sharing: Sharing, *, machine: str, clock: Callable[[], float]
    ) -> None:
        self._roll = roll
        self._page = page
        self._sharing = sharing
        self._machine = machine
        self._clock = clock
        self._others: dict[str, _Known] = {}
        self._confirmed = InForce()
        self._seconds = 0.0
        self._problem = _NO_ANSWER

    async def run(self) -> None:
        """Say how this machine is, every second and whenever a change has reached its last worker, until
        cancelled."""
        while True:
            try:
                await self._beat()
                until = self._clock() + _BEAT
                # The page tells nobody that a worker has confirmed it: it is looked at.
                while not self._reached_workers() and self._clock() < until:  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK)
            except Exception:  # noqa: BLE001 - what fails here must not end the desk, nor be forgotten
                _LOG.exception("telling the other machines how this one is failed; it goes on in a moment")
                await asyncio.sleep(_BEAT)

    async def leave(self) -> None:
        """This gateway ends."""
        await self._roll.leave()

    def views(self) -> tuple[MachineView, ...]:
        """This machine, then the others by name."""
        now = self._clock()
        newest = max((known.entry.version for known in self._others.values()), default=0)
        newest = max(newest, self._sharing.version())
        others = sorted(self._others.values(), key=lambda known: known.entry.machine)
        return (
            _view(self._entry(), 0.0, newest, here=True),
            *(_view(known.entry, now - known.at, newest, here=False) for known in others),
        )

    async def after_rollback(self, asked: float) -> Elsewhere:
        """A latch was set here just now; `asked`: when, by the clock → how far it has come on the others."""
        return await self._within(asked, self._sharing.tell_others, lambda entry: entry.latches)

    async def after_change(self, asked: float) -> Elsewhere:
        """A dial or a restore that the others can read already → how far it has come."""

        async def agreed() -> int:
            return self._sharing.version()

        return await self._within(asked, agreed, lambda entry: entry.version)

    # --- inside -----------------------------------------------------------------------------------

    async def _within(
        self, asked: float, told: Callable[[], Awaitable[int]], reached: Callable[[Entry], int]
    ) -> Elsewhere:
        """Ask again and again until all that are heard of have it, for a second at most."""
        if problem := self._trouble():
            return Elsewhere(problem=problem)
        version: int | None = None
        try:
            async with asyncio.timeout(_PATIENCE):
                version = await told()
                while True:
                    await self._beat()
                    if self._trouble() or not self._missing(version, reached, silent=False):
                        break
                    await asyncio.sleep(_ASK)
        except TimeoutError:
            if version is None:
                return Elsewhere(problem=self._trouble() or _NO_ANSWER)
        if problem := self._trouble():
            return Elsewhere(problem=problem)
        missing = self._missing(version, reached, silent=True)
        return Elsewhere(
            machines=len(self._others),
            have=len(self._others) - len(missing),
            seconds=None if missing else round(self._clock() - asked, 6),
            complete=not missing,
            missing=missing,
        )

    def _trouble(self) -> str:
        """Why the others cannot be asked, else ""."""
        return self._sharing.view().problem or self._problem

    def _missing(self, version: int, reached: Callable[[Entry], int], *, silent: bool) -> tuple[str, ...]:
        """Machines that have not said that they have it; those that are silent only where they count."""
        now = self._clock()
        return tuple(
            sorted(
                known.entry.machine
                for known in self._others.values()
                if reached(known.entry) < version and (silent or now - known.at <= _SILENT)
            )
        )

    async def _beat(self) -> None:
        """Say how this machine is, and hear how the others are."""
        answer = await self._roll.tell(msgspec.json.encode(self._entry()))
        if not isinstance(answer, Mapping):
            self._problem = f"Redis {answer.reason}."
            return
        now = self._clock()
        others: dict[str, _Known] = {}
        for name, heard in answer.items():
            entry = understood(heard.entry, Entry, longest=_LONGEST)
            if name != self._roll.name and entry is not None:
                others[name] = _Known(entry, now - heard.age)
        self._others, self._problem = others, ""

    def _reached_workers(self) -> bool:
        """Whether what is in force has reached the last worker just now."""
        now = self._sharing.in_force()
        if now == self._confirmed:
            return False
        newest = self._page.stamp()
        rows = self._page.all_rows()
        if not rows or any(row.stamp != newest for row in rows):
            return False
        self._confirmed, self._seconds = now, max(0.0, self._clock() - now.since)
        return True

    def _entry(self) -> Entry:
        self._reached_workers()
        newest, rows = self._page.stamp(), self._page.all_rows()
        age = self._sharing.view().age_seconds
        return Entry(
            machine=self._machine,
            version=self._confirmed.version,
            latches=self._confirmed.latches,
            workers=len(rows),
            have=sum(row.stamp == newest for row in rows),
            seconds=round(self._seconds, 6),
            state_age=None if age is None else round(age, 3),
        )


def _view(entry: Entry, heard: float, newest: int, *, here: bool) -> MachineView:
    silent = heard > _SILENT
    return MachineView(
        machine=entry.machine,
        here=here,
        version=entry.version,
        current=entry.version >= newest and entry.have == entry.workers > 0 and not silent,
        workers=entry.workers,
        have=entry.have,
        seconds=entry.seconds,
        state_age_seconds=entry.state_age,
        heard_seconds=round(max(0.0, heard), 3),
        silent=silent,
    )
