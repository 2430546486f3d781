"""Whose hand moves a dial: the state of this machine, or another source, which is told first. Knows no HTTP.

Both begin with the ledger: what cannot be recorded is not done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple, Protocol

import msgspec

from flags import Entry, FlagsError, MovedInPart, RaisesFrozen, Said, StoredState, format_percent
from gateway.control.accord import Accord, Change, SharedPlans
from gateway.control.following import Follower
from gateway.control.record import Record

__all__ = ["Hand", "InOrder", "Moved", "OwnHand", "SharedHand", "SourceHand", "Writer"]

_SEEN_LIMIT: Final = 8.0
_LOOK: Final = 0.25


class Moved(NamedTuple):
    """A dial that was moved: the old one in hundredths, and the stamp that workers have to confirm. `note`:
    one sentence about what is still to come, "" when all is done.
    """

    old: int
    revision: int
    stamp: bytes
    note: str = ""


class Hand(Protocol):
    """Moves one dial. `name`: of the source that it writes to."""

    @property
    def name(self) -> str: ...

    async def move(self, feature: str, percent: int, entry: Entry, also: Change) -> Moved:
        """`also`: raises where the state, as it is when the dial is moved, is not as it must be. Raises that,
        and `FlagsError`; then nothing has changed here.
        """

    async def move_together(
        self, features: Sequence[str], percent: int, entry: Entry, also: Callable[[StoredState], StoredState]
    ) -> Moved:
        """Several at once, and what `also` changes of the state here, as it was before. Where a source takes
        one at a time, `also` is asked before each, and what it took before it failed stays: `MovedInPart`.
        """


class Writer(Protocol):
    """Tells another source a dial in hundredths. Raises `FlagsError` when it did not take it."""

    async def write(self, feature: str, percent: int, by: Said) -> None: ...


class InOrder:
    """Several, one after the other; one that does not take it keeps those behind it as they are."""

    def __init__(self, *writers: Writer) -> None:
        self._writers = writers

    async def write(self, feature: str, percent: int, by: Said) -> None:
        for writer in self._writers:
            await writer.write(feature, percent, by)


class OwnHand:
    """The state file, the page and the ledger of this machine."""

    name: Final = "dial"

    def __init__(self, record: Record, writing: asyncio.Lock) -> None:
        self._record = record
        self._writing = writing

    async def move(self, feature: str, percent: int, entry: Entry, also: Change) -> Moved:
        return await self.move_together((feature,), percent, entry, also)

    async def move_together(
        self, features: Sequence[str], percent: int, entry: Entry, also: Callable[[StoredState], StoredState]
    ) -> Moved:
        async with self._writing:
            return Moved(
                *await asyncio.to_thread(self._record.dials_together, features, percent, entry, also)
            )


class _Following:
    """What both hands on another source have in common: recorded, done there, in force when it says so."""

    def __init__(self, follower: Follower, record: Record, writing: asyncio.Lock) -> None:
        self._follower = follower
        self._record = record
        self._writing = writing
        self.name = follower.view().name

    async def _announced(self, feature: str, percent: int, entry: Entry) -> int:
        async with self._writing:
            return await asyncio.to_thread(self._record.announced, feature, percent, entry)

    @asynccontextmanager
    async def _under_way(self, olds: Mapping[str, int], percent: int, entry: Entry) -> AsyncIterator[None]:
        """Expected before it is written: the source may tell it back sooner than its answer arrives."""
        for name in olds:
            self._follower.expect(name, percent)
        try:
            yield
        except FlagsError as error:
            for name, old in olds.items():
                self._follower.forget(name)
                words = format_percent(percent), format_percent(old)
                failed = Entry(entry.actor, "dial_failed", name, *words, str(error))
                async with self._writing:
                    await asyncio.to_thread(self._record.noted, failed)
            raise
        for name in olds:
            self._follower.expect(name, percent, taken=True)

    async def _moved(self, olds: Mapping[str, int], percent: int) -> Moved:
        seen = await self._follow(olds, percent)
        revision, stamp = self._follower.in_force()
        note = "" if seen else f"{self.name} has it, and has not told it back yet."
        return Moved(next(iter(olds.values())), revision, stamp, note)

    async def _follow(self, features: Iterable[str], percent: int) -> bool:
        until = time.monotonic() + _SEEN_LIMIT
        while True:
            await self._follower.step()
            if all(self._follower.has(name, percent) for name in features):
                return True
            if time.monotonic() >= until:
                return False
            await asyncio.sleep(_LOOK)


class SharedHand(_Following):
    """What several machines have agreed on: moved for all of them, several features as one change."""

    def __init__(
        self, source: SharedPlans, accord: Accord, follower: Follower, record: Record, writing: asyncio.Lock
    ) -> None:
        super().__init__(follower, record, writing)
        self._source = source
        self._accord = accord

    async def move(self, feature: str, percent: int, entry: Entry, also: Change) -> Moved:
        return await self.move_together((feature,), percent, entry, also)

    async def move_together(self, features: Sequence[str], percent: int, entry: Entry, also: Change) -> Moved:
        # Looked at first, so that the ledger tells of no change that was never to be.
        before = self._source.tried(also).percents
        check_frozen(self._accord, min(before.get(name, 0) for name in features), percent)
        olds = {
            name: await self._announced(name, percent, msgspec.structs.replace(entry, feature=name))
            for name in features
        }
        async with self._under_way(olds, percent, entry):
            await self._source.move(features, percent, Said(entry.actor, entry.reason), also)
        return await self._moved(olds, percent)


class SourceHand(_Following):
    """Another source, which takes one dial at a time: each is recorded, written there, and in force here as
    soon as the source says so itself. One change after the other: of two that are asked for, the later one
    holds.
    """

    def __init__(
        self, writer: Writer, accord: Accord, follower: Follower, record: Record, writing: asyncio.Lock
    ) -> None:
        super().__init__(follower, record, writing)
        self._writer = writer
        self._accord = accord
        self._in_turn = asyncio.Lock()

    async def move(self, feature: str, percent: int, entry: Entry, also: Change) -> Moved:
        async with self._in_turn:
            old = (await self._accord.tried(also)).get(feature, 0)
            check_frozen(self._accord, old, percent)
            olds = {feature: await self._announced(feature, percent, entry)}
            async with self._under_way(olds, percent, entry):
                await self._writer.write(feature, percent, Said(entry.actor, entry.reason))
        return await self._moved(olds, percent)

    async def move_together(self, features: Sequence[str], percent: int, entry: Entry, also: Change) -> Moved:
        moved: dict[str, Moved] = {}

        def as_before(state: StoredState) -> StoredState:
            """`also`, of the dials as they were before ours."""
            ours = {name: one.old for name, one in moved.items() if state.percents.get(name, 0) == percent}
            before = msgspec.structs.replace(state, percents={**state.percents, **ours})
            return msgspec.structs.replace(also(before), percents=state.percents)

        for name in features:
            one = msgspec.structs.replace(entry, feature=name)
            try:
                moved[name] = await self.move(name, percent, one, as_before)
            except FlagsError as error:
                if not moved:
                    raise
                here = f"{', '.join(moved)} at {format_percent(percent)} % by now, {name} is not"
                raise MovedInPart(f"{here}: {error}") from error
        await self._accord.planned(as_before)
        revision, stamp = self._follower.in_force()
        notes = " ".join(filter(None, (one.note for one in moved.values())))
        return Moved(moved[features[0]].old, revision, stamp, notes)


def check_frozen(accord: Accord, old: int, new: int) -> None:
    """Raises `RaisesFrozen`."""
    if new > old and (why := accord.frozen()):
        raise RaisesFrozen(f"All raises are frozen ({why}); `banyan thaw` ends that.")
