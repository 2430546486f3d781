"""Where plans and the freeze are kept: on this machine alone, or as agreed with the others. Knows what is
shared by a protocol, and no Redis.

Both write the ledger first: what cannot be recorded is not done. What is shared is changed in one step that
nobody else can have changed in between, so of two machines that take the same step only one does; a *turn*
keeps the other from trying.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Final, NamedTuple, Protocol

import msgspec

from flags import Entry, FlagsError, PlanState, Said, StoredState
from gateway.control.record import Record

__all__ = ["Accord", "Change", "OwnAccord", "SharedAccord", "SharedPlans", "Turns", "Where"]

Change = Callable[[StoredState], StoredState]
"""What becomes of a state; raises where that is not as it was."""
_TOLD: Final = 1.0


class Where(NamedTuple):
    """How the machines tell one time of a feature from another: the names of the last beginning of its
    evidence, and of the move that has put it at its dial; "" where it has none.
    """

    begun: str
    move: str


class Accord(Protocol):
    """Plans and the freeze, as they stand."""

    def plans(self) -> Mapping[str, PlanState]: ...
    def frozen(self) -> str: ...

    def blind(self) -> str:
        """Why too little is known to raise anything; "" when enough is."""

    def where(self, feature: str, percent: int) -> Where | None:
        """None on a machine that stands alone."""

    async def planned(self, change: Change, *entries: Entry) -> None:
        """Raises `FlagsError`; then nothing has changed."""

    async def tried(self, change: Change) -> Mapping[str, int]:
        """Whether that could be done now, which raises what it raises → the dials."""

    async def renewed(self, feature: str, entry: Entry) -> None: ...
    async def freeze(self, entry: Entry, now: float) -> None: ...
    async def thaw(self, entry: Entry, now: float) -> None: ...

    def turn(self, plan: str) -> AbstractAsyncContextManager[bool]:
        """Whether it is this machine that takes the next step of a plan, for as long as it is held."""


class OwnAccord:
    """The state file of this machine."""

    def __init__(self, record: Record, writing: asyncio.Lock) -> None:
        self._record = record
        self._writing = writing

    def plans(self) -> Mapping[str, PlanState]:
        return self._record.plans()

    def frozen(self) -> str:
        return self._record.frozen()

    def blind(self) -> str:
        return ""

    def where(self, feature: str, percent: int) -> Where | None:
        return None

    async def planned(self, change: Change, *entries: Entry) -> None:
        async with self._writing:
            await asyncio.to_thread(self._record.planned, change, *entries)

    async def tried(self, change: Change) -> Mapping[str, int]:
        async with self._writing:
            return await asyncio.to_thread(self._record.tried, change)

    async def renewed(self, feature: str, entry: Entry) -> None:
        await self.planned(_as_it_is, entry)

    async def freeze(self, entry: Entry, now: float) -> None:
        await self.planned(lambda state: state.with_freeze(f"{entry.actor}: {entry.reason}", now), entry)

    async def thaw(self, entry: Entry, now: float) -> None:
        await self.planned(lambda state: state.with_freeze("", now), entry)

    @asynccontextmanager
    async def turn(self, plan: str) -> AsyncIterator[bool]:
        yield True


class SharedPlans(Protocol):
    """What several machines have agreed on, as `flags.providers` has it."""

    async def refresh(self) -> bool: ...
    def plans(self) -> Mapping[str, PlanState]: ...
    def frozen(self) -> str: ...
    def tried(self, also: Change, dials: Mapping[str, int] | None = None) -> StoredState: ...
    async def move(
        self,
        features: Iterable[str],
        percent: int,
        by: Said,
        also: Change,
        dials: Mapping[str, int] | None = None,
    ) -> None: ...
    def freeze(self, by: Said) -> None: ...
    async def thaw(self, by: Said) -> None: ...
    async def renew(self, feature: str) -> None: ...
    def begun(self, feature: str) -> str: ...
    def move_of(self, feature: str, percent: int) -> str: ...


class Turns(Protocol):
    """One machine at a time, by name."""

    async def take(self, name: str) -> bool: ...
    async def leave(self, name: str) -> None: ...


class SharedAccord:
    """`blind` says why the others' evidence is not known; `tell_others` returns when all who read can know of
    a freeze. `own_dials`: the dials in force here count, because another source says them.
    """

    def __init__(
        self,
        source: SharedPlans,
        turns: Turns,
        record: Record,
        writing: asyncio.Lock,
        *,
        blind: Callable[[], str],
        tell_others: Callable[[], Awaitable[object]],
        own_dials: bool,
    ) -> None:
        self._source = source
        self._turns = turns
        self._record = record
        self._writing = writing
        self._blind = blind
        self._tell_others = tell_others
        self._own_dials = own_dials

    def plans(self) -> Mapping[str, PlanState]:
        return self._source.plans()

    def frozen(self) -> str:
        # A freeze from the time when this machine stood alone goes on holding here.
        return self._source.frozen() or self._record.frozen()

    def blind(self) -> str:
        return self._blind()

    def where(self, feature: str, percent: int) -> Where | None:
        return Where(self._source.begun(feature), self._source.move_of(feature, percent))

    async def planned(self, change: Change, *entries: Entry) -> None:
        dials = await self._dials()
        self._source.tried(change, dials)
        by = Said(entries[0].actor, entries[0].reason) if entries else Said("", "")
        async with self._recorded(entries):
            await self._source.move((), 0, by, change, dials)

    async def tried(self, change: Change) -> Mapping[str, int]:
        return self._source.tried(change, await self._dials()).percents

    async def renewed(self, feature: str, entry: Entry) -> None:
        async with self._recorded((entry,)):
            await self._source.renew(feature)

    async def freeze(self, entry: Entry, now: float) -> None:
        async with self._recorded((entry,)):
            self._source.freeze(Said(entry.actor, entry.reason))
        with suppress(TimeoutError):  # it holds here; the others hear of it when Redis is there
            async with asyncio.timeout(_TOLD):
                await self._tell_others()

    async def thaw(self, entry: Entry, now: float) -> None:
        async with self._recorded((entry,)):
            await self._source.thaw(Said(entry.actor, entry.reason))
        if self._record.frozen():
            async with self._writing:
                await asyncio.to_thread(self._record.planned, lambda state: state.with_freeze("", now))

    @asynccontextmanager
    async def turn(self, plan: str) -> AsyncIterator[bool]:
        if not await self._turns.take(plan):
            yield False
            return
        try:
            # What the machine that had it before has done is known before anything is done again.
            yield await self._source.refresh()
        finally:
            await self._turns.leave(plan)

    async def _dials(self) -> Mapping[str, int] | None:
        return await asyncio.to_thread(self._record.dials) if self._own_dials else None

    @asynccontextmanager
    async def _recorded(self, entries: Sequence[Entry]) -> AsyncIterator[None]:
        """Done once it is written down; that it failed is written down too."""
        async with self._writing:
            await asyncio.to_thread(self._record.written, *entries)
        try:
            yield
        except FlagsError as error:
            async with self._writing:
                for entry in entries:
                    failed = msgspec.structs.replace(
                        entry,
                        action=f"{entry.action}_failed",
                        old=entry.new,
                        new=entry.old,
                        reason=str(error),
                    )
                    await asyncio.to_thread(self._record.noted, failed)
            raise


def _as_it_is(state: StoredState) -> StoredState:
    return state
