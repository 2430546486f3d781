"""What several machines have agreed on, as this machine knows it: fails static. It must not know workers, the
state page, or how changes are recorded.

Redis that is dead, hangs, refuses, or holds what cannot be believed changes nothing here: the last good state
stays, grows older, and the age is shown. One that is empty or has fallen back to an older copy is given back
what is in force. A dial and a restore need it; a rollback is known here first and told when it is there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, Protocol

import msgspec

from flags.errors import RaisesFrozen, SourceUnwritable, StateUnwritable
from flags.last_good import LastGood
from flags.plan import PlanState
from flags.providers.redis.last_good import Kept
from flags.providers.redis.state import (
    Garbage,
    SharedDial,
    SharedRollback,
    SharedState,
    encoded,
    merged,
    read_state,
)
from flags.providers.redis.store import Failed, Found, Unchanged
from flags.sources import Said, SourceView, Wanted
from flags.state_file import StoredState

__all__ = ["RedisSource", "Store"]

_LOG = logging.getLogger("banyan.flags")
_MISSED: Final = 3
"""So many questions in a row without an answer, and it is an alert."""
_TRIES: Final = 8
_SAVED_AGAIN: Final = 10.0


class Store(Protocol):
    """One value that several machines may replace; `store` has the real one."""

    key: str

    async def read(self, known: bytes | None) -> Found | Unchanged | Failed: ...

    async def swap(self, known: bytes | None, data: bytes) -> bool | Failed: ...


class _There(NamedTuple):
    """What the key holds, and what that means here."""

    data: bytes | None
    state: SharedState


class RedisSource:
    """`clock`: seconds since 1970. `new_name` gives names that nobody else gives. `machine`: how people know
    this one. `first`: dials, in hundredths, of features that nobody has dialled yet.
    """

    name: Final = "redis"

    def __init__(
        self,
        store: Store,
        file: LastGood[Kept],
        *,
        machine: str,
        first: Callable[[], Mapping[str, int]],
        clock: Callable[[], float],
        new_name: Callable[[], str],
    ) -> None:
        self._store = store
        self._file = file
        self._machine = machine
        self._first = first
        self._clock = clock
        self._new_name = new_name
        self._known = SharedState()
        self._confirmed_at: float | None = None
        self.told: dict[str, int] = {}
        self._load()
        self._there: _There | None = None
        self._saved: tuple[SharedState, dict[str, int]] = (self._known, dict(self.told))
        self._saved_at = 0.0
        self._problem, self._alert, self._failed = "", False, 0
        self._events: list[str] = []
        self._asking, self._saving = asyncio.Lock(), asyncio.Lock()

    # --- asking -----------------------------------------------------------------------------------

    async def refresh(self) -> bool:
        """Ask once, and give back what Redis lacks → whether it answered. In memory alone: `save` does the
        rest.
        """
        try:
            await self._asked(lambda state: state)
        except SourceUnwritable:
            return False
        return True

    async def save(self) -> None:
        """Keep on the disk what is known: when something has changed, and now and then for the age. May wait
        for the disk, and keeps nobody else waiting.
        """
        async with self._saving:
            now = (self._known, dict(self.told))
            if now == self._saved and self._clock() - self._saved_at < _SAVED_AGAIN:
                return
            kept = Kept(msgspec.Raw(msgspec.json.encode(self._known)), self._confirmed_at, now[1])
            try:
                await asyncio.to_thread(self._file.save, kept)
            except StateUnwritable as error:
                if now != self._saved:
                    _LOG.error("%s", error)
            self._saved, self._saved_at = now, self._clock()

    def wanted(self, features: Iterable[str], local: Mapping[str, int]) -> Wanted | None:
        """The dials of these features; None when nothing was ever agreed on. One that the others do not know
        stays as it is here.
        """
        if not self._known.version:
            return None
        dials = {name: self._known.dials[name] for name in features if name in self._known.dials}
        said = {name: Said(dial.actor, dial.reason) for name, dial in dials.items() if dial.actor}
        return Wanted({name: dial.percent for name, dial in dials.items()}, None, (), said)

    @property
    def version(self) -> int:
        """Of what was agreed on last; 0 when nothing ever was."""
        return self._known.version

    def dials(self) -> dict[str, int]:
        """Every dial that was agreed on, in hundredths."""
        return {name: dial.percent for name, dial in self._known.dials.items()}

    def holds(self, feature: str | None) -> Said | None:
        """Who rolled this very feature back, or everything; None when nobody did."""
        found = self._known.holding(feature).values()
        last = max(found, key=lambda one: one.at, default=None)
        return Said(last.actor, last.reason, last.machine) if last else None

    def restored_by(self, feature: str | None) -> Said:
        """Who restored it last, as far as that is remembered."""
        last = self._known.last_restore(feature)
        return Said(last.actor, last.reason, last.machine) if last else Said(self.name, "restored elsewhere")

    def view(self) -> SourceView:
        """Its age and what is wrong, for people and metrics."""
        age = None if self._confirmed_at is None else max(0.0, self._clock() - self._confirmed_at)
        return SourceView(self.name, age, self._problem, self._alert or (bool(self._problem) and age is None))

    def events(self) -> tuple[str, ...]:
        """What happened to Redis since this was last asked, a sentence each."""
        found, self._events = tuple(self._events), []
        return found

    def accept(self) -> None:
        """Nothing that is refused here waits for a person."""

    # --- changing ---------------------------------------------------------------------------------

    async def write(self, feature: str, percent: int, by: Said) -> None:
        """Put `feature` at a dial, in hundredths, for everybody. Raises `SourceUnwritable`, and
        `RaisesFrozen`.
        """
        await self.move([feature], percent, by, lambda state: state)

    async def move(
        self,
        features: Iterable[str],
        percent: int,
        by: Said,
        also: Callable[[StoredState], StoredState],
        dials: Mapping[str, int] | None = None,
    ) -> None:
        """Put these features at a dial, with what `also` changes of the plans, as one change or not at all;
        `also` raises where things are not as they were. `dials`: those that `also` looks at, where they are
        not the shared ones. Raises `SourceUnwritable`, `RaisesFrozen`.
        """
        moved, name = tuple(features), self._new_name()

        def change(state: SharedState) -> SharedState:
            plans = also(state.stored(dials)).plans
            there = {one: state.dials.get(one) or SharedDial(0) for one in moved}
            why = state.frozen()
            if why and any(dial.percent < percent for dial in there.values()):
                raise RaisesFrozen(f"All raises are frozen ({why}); `banyan thaw` ends that.")
            # One that stands there already is not moved: what was seen at this dial goes on counting.
            named = {
                one: SharedDial(percent, by.actor, by.reason, dial.name if dial.percent == percent else name)
                for one, dial in there.items()
            }
            return msgspec.structs.replace(state.with_dials(named), plans=plans)

        await self._change(change)

    def tried(
        self, also: Callable[[StoredState], StoredState], dials: Mapping[str, int] | None = None
    ) -> StoredState:
        """Whether that could be changed, as far as is known here; raises what `also` raises."""
        known = self._known.stored(dials)
        also(known)
        return known

    def plans(self) -> Mapping[str, PlanState]:
        """How each plan that was started stands."""
        return self._known.plans

    def frozen(self) -> str:
        """Why no dial may be raised; "" when one may."""
        return self._known.frozen()

    def freeze(self, by: Said) -> None:
        """No dial is raised: that holds here, and the others are told as soon as Redis is there."""
        freeze = SharedRollback(None, by.actor, by.reason, self._machine, self._clock())
        self._known = self._known.with_freeze(self._new_name(), freeze)

    async def thaw(self, by: Said) -> None:
        """End, for everybody, the freezes that are known here. Raises `SourceUnwritable`."""
        names = tuple(self._known.freezes)
        if names:
            thaw = SharedRollback(None, by.actor, by.reason, self._machine, self._clock())
            await self._change(lambda state: state.with_thaw(names, thaw))

    async def renew(self, feature: str) -> None:
        """The evidence of `feature` begins anew, on all machines. Raises `SourceUnwritable`."""
        name = self._new_name()
        await self._change(lambda state: state.with_begun([feature], name))

    def begun(self, feature: str) -> str:
        """The name of the last beginning of its evidence; "" for the first."""
        return self._known.begun.get(feature, "")

    def move_of(self, feature: str, percent: int) -> str:
        """The name of the move that has put it at this dial; "" when that was none of ours."""
        dial = self._known.dials.get(feature)
        return dial.name if dial and dial.percent == percent else ""

    def roll_back(self, feature: str | None, said: Said) -> None:
        """It was rolled back here: it holds, and the others are told as soon as Redis is there."""
        rollback = SharedRollback(feature, said.actor, said.reason, self._machine, self._clock())
        self._known = self._known.with_rollback(self._new_name(), rollback)

    async def restore(self, feature: str | None, said: Said) -> None:
        """End, for everybody, the rollbacks of `feature` that are known here; what was seen of it before
        counts no more. Raises `SourceUnwritable`.
        """
        names, name = tuple(self._known.holding(feature)), self._new_name()
        if names:
            restore = SharedRollback(feature, said.actor, said.reason, self._machine, self._clock())
            await self._change(
                lambda state: state.with_restore(names, restore).with_begun(
                    state.dials if feature is None else [feature], name
                )
            )

    # --- inside -----------------------------------------------------------------------------------

    async def _change(self, change: Callable[[SharedState], SharedState]) -> None:
        try:
            await self._asked(change)
        finally:
            await self.save()

    async def _asked(self, change: Callable[[SharedState], SharedState]) -> None:
        async with self._asking:
            try:
                await self._agree(change)
            except SourceUnwritable as error:
                self._missed(str(error))
                raise

    async def _agree(self, change: Callable[[SharedState], SharedState]) -> None:
        """Read, merge, change, write, until nobody else has written in between."""
        for _ in range(_TRIES):
            there = await self._look()
            if not there.state.version and self._known.version:
                agreed = self._known
                lost = f"is empty, and version {self._known.version} is in force"
                news = True
            else:
                agreed, lost, news = merged(self._known, there.state)
            missing = {
                name: SharedDial(dial) for name, dial in self._first().items() if name not in agreed.dials
            }
            # Rollbacks hold here already, whatever becomes of the change; so do newer dials of others.
            self._known = agreed
            whole = change(agreed.with_dials(missing) if missing else agreed)
            if not news and whole.same_as(there.state) and there.state.version:
                self._known = there.state
                self._fine()
                return
            following, data = encoded(whole, self._new_name)
            answer = await self._store.swap(there.data, data)
            if isinstance(answer, Failed):
                behind = f"Redis {lost}, and " if lost else "Redis "
                unsure = "; whether it took a change is not known" if answer.unsure else ""
                raise SourceUnwritable(f"{behind}{answer.reason}{unsure}.")
            if answer:
                self._there = _There(data, following)
                # A rollback may have been made here while Redis was writing: the next question tells of it.
                self._known = merged(self._known, following).state
                if lost:
                    self._happened(f"Redis {lost}; it was given back what is in force.")
                self._fine()
                return
            self._there = None
        raise SourceUnwritable("Redis is written to by others all the time; nothing was changed.")

    async def _look(self) -> _There:
        """What the key holds. Raises `SourceUnwritable` when that cannot be said, or not be understood."""
        answer = await self._store.read(self._there.data if self._there else None)
        if isinstance(answer, Failed):
            raise SourceUnwritable(f"Redis {answer.reason}.")
        if isinstance(answer, Unchanged):
            return self._there or _There(None, SharedState())
        if answer.data is None:
            self._there = _There(None, SharedState())
            return self._there
        try:
            self._there = _There(answer.data, read_state(answer.data))
        except Garbage as error:
            raise SourceUnwritable(
                f"Redis is not believed: {self._store.key} holds no state of ours ({error}). "
                "Delete that key, and it is written again with what is in force."
            ) from error
        return self._there

    def _fine(self) -> None:
        if self._problem:
            _LOG.info("Redis answers again")
        self._confirmed_at = self._clock()
        self._problem, self._alert, self._failed = "", False, 0

    def _missed(self, problem: str) -> None:
        self._failed += 1
        self._alert = self._failed >= _MISSED
        if problem != self._problem:
            _LOG.error("%s", problem)
        self._problem = problem

    def _happened(self, event: str) -> None:
        _LOG.error("%s", event)
        self._events.append(event)

    def _load(self) -> None:
        kept = self._file.load()
        if kept is None:
            return
        try:
            self._known = msgspec.json.decode(kept.state, type=SharedState)
        except msgspec.MsgspecError:
            return
        self._confirmed_at, self.told = kept.confirmed_at, dict(kept.told)
