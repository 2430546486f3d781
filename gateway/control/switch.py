"""The hand on the dial and on the latches: the only place that changes the state of a running gateway;
knows no HTTP.

- A **dial** is recorded before it is in force, and refused when it cannot be recorded.
- A **rollback** is done before it is recorded: the page's latch first, which needs no disk and no lock of
  ours, then the recording, and beside it the wait for the workers.
- A **restore** is recorded first: if that fails, the rollback simply goes on holding. It clears only the
  latch that its asker could see: a rollback that is on its way, or comes in between, wins.

Each answers when every live worker has the change, and says how long that took.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from flags import (
    DialMoved,
    Entry,
    FlagsError,
    LatchMoved,
    MovedInPart,
    PlanMoved,
    RaisesFrozen,
    Said,
    StatePage,
    StoredState,
    to_hundredths,
)
from gateway.control.accord import Accord, Change, OwnAccord
from gateway.control.answers import Convergence, DialAnswer, LatchAnswer, percent_number
from gateway.control.convergence import POLL, wait_for_workers
from gateway.control.errors import Invalid, NoSuchFeature, Overtaken, Refused, Unavailable
from gateway.control.hands import Hand, OwnHand
from gateway.control.record import Record
from gateway.control.sharing import Sharing

__all__ = ["Switch"]

_RECORDING: Final = 3.0
_MOVES: Final = 10.0
_SLOW_DISK: Final = "The disk does not answer; the rollback holds, and is recorded when it does."


def _from_anywhere(dials: Mapping[str, int]) -> None:
    """Any dial may be moved."""


class Switch:
    """Dial, rollback, restore. One change is written at a time (`writing`); a rollback never waits for
    another change. `hand`: what moves a dial, where it is not the state of this machine. `workers`: how many
    there should be now. `sharing`: with other machines, if there are any. `told`: called with the entry of a
    rollback that holds, before it is written down. `accord`: where plans and the freeze are kept, where that
    is not this machine.
    """

    def __init__(
        self,
        page: StatePage,
        record: Record,
        hand: Hand | None = None,
        writing: asyncio.Lock | None = None,
        workers: Callable[[], int] = lambda: 0,
        sharing: Sharing | None = None,
        told: Callable[[Entry], None] | None = None,
        accord: Accord | None = None,
    ) -> None:
        self._page = page
        self._record = record
        self._writing = writing or asyncio.Lock()
        self._workers = workers
        self._sharing = sharing
        self._rolled_back = told
        self._hand = hand or OwnHand(record, self._writing)
        self.accord = accord or OwnAccord(record, self._writing)
        self._moving = 0
        self._unfinished: set[asyncio.Task[str]] = set()
        self._rolling: Counter[str | None] = Counter()
        self.rollback_seconds: float | None = None

    async def dial(
        self,
        feature: str,
        percent: object,
        *,
        reason: str,
        actor: str,
        evidence: Any = None,
        only: Callable[[Mapping[str, int]], None] = _from_anywhere,
    ) -> DialAnswer:
        """Put `feature` at `percent` (0 to 100 in steps of 0.01). `only` is asked of the dials (hundredths)
        at the moment when it is moved: others may have moved them since anybody looked.

        Raises:
            Invalid: for the percentage, or an empty reason.
            NoSuchFeature: with the names there are.
            Refused: while all raises are frozen, and for a `DialMoved` of `only`.
            Unavailable: when the ledger or the source in charge cannot be written; then nothing was changed.
        """
        self._check(feature, reason)
        try:
            new = to_hundredths(percent)
        except ValueError as error:
            raise Invalid("percent", str(error)) from error
        started = time.perf_counter()
        entry = Entry(actor, "dial", feature, reason=reason, evidence=evidence)

        def also(state: StoredState) -> StoredState:
            only(state.percents)
            return state

        try:
            with self._on_the_move():
                moved = await self._hand.move(feature, new, entry, also)
        except FlagsError as error:
            raise _refusal(error)(f"The dial was not moved. {error}") from error
        done = await wait_for_workers(self._page, moved.stamp, started, expected=self._workers())
        return DialAnswer(
            feature=feature,
            old=percent_number(moved.old),
            new=percent_number(new),
            revision=moved.revision,
            workers=done.workers,
            seconds=done.seconds,
            complete=done.complete and not moved.note,
            lagging=done.lagging,
            latched=self._record.holds(feature) or self._record.holds(None),
            source=self._hand.name,
            note=moved.note,
        )

    async def together(
        self,
        features: Sequence[str],
        percent: int,
        *,
        reason: str,
        actor: str,
        evidence: Any,
        also: Callable[[StoredState], StoredState],
    ) -> Convergence:
        """Put several features at `percent` hundredths as one change, with what `also` changes of the state;
        each has its entry in the ledger. Answers and raises as `dial`.
        """
        started = time.perf_counter()
        entry = Entry(actor, "dial", reason=reason, evidence=evidence)
        try:
            with self._on_the_move():
                moved = await self._hand.move_together(features, percent, entry, also)
        except MovedInPart as error:
            raise _refusal(error.__cause__)(f"Not every dial was moved. {error}") from error
        except FlagsError as error:
            raise _refusal(error)(f"No dial was moved. {error}") from error
        return await wait_for_workers(self._page, moved.stamp, started, expected=self._workers())

    async def note(self, change: Change, *entries: Entry) -> None:
        """Change what no worker needs to know, such as a plan. Raises `Refused` when it has changed
        meanwhile, `Unavailable` when it cannot be written down; then nothing has changed.
        """
        with _as_control_errors():
            await self.accord.planned(change, *entries)

    async def renew(self, feature: str, entry: Entry) -> None:
        """The evidence of `feature` begins anew. Raises `Unavailable`."""
        with _as_control_errors():
            await self.accord.renewed(feature, entry)

    async def freeze(self, entry: Entry, now: float) -> None:
        """No dial goes up from now on: also none that was on its way, when this returns, which it does in ten
        seconds whatever hangs. Raises `Unavailable`.
        """
        with _as_control_errors():
            await self.accord.freeze(entry, now)
        with suppress(TimeoutError):
            async with asyncio.timeout(_MOVES):
                while self._moving:  # noqa: ASYNC110 - over in a moment, as a rule before the first look
                    await asyncio.sleep(POLL)

    async def thaw(self, entry: Entry, now: float) -> None:
        """Dials may go up again. Raises `Unavailable`."""
        with _as_control_errors():
            await self.accord.thaw(entry, now)

    @contextmanager
    def _on_the_move(self) -> Iterator[None]:
        self._moving += 1
        try:
            yield
        finally:
            self._moving -= 1

    async def rollback(
        self, feature: str | None, *, reason: str, actor: str, evidence: Any = None
    ) -> LatchAnswer:
        """Take one feature back, or everything (None). It holds before anything is written to a disk.

        Raises:
            Invalid: for an empty reason.
            NoSuchFeature: with the names there are.
        """
        started = time.perf_counter()
        self._check(feature, reason)
        entry = Entry(actor, "rollback", feature, reason=reason, evidence=evidence)
        with self._underway(feature):
            already = self._record.holds(feature)
            self._record.expect(feature, entry, already=already)
            stamp = self._page.latch(feature, True)
            if self._rolled_back and not already:
                self._rolled_back(entry)
            # At once, beside the waiting: whoever else finds the latch first does not know who and why.
            writing = self._begin_to_write(feature, entry)
            done = await wait_for_workers(self._page, stamp, started, expected=self._workers())
            self.rollback_seconds = done.seconds
            problem = await self._written(writing)
            return self._answer(feature, True, already, self._page.revision(), done, problem)

    async def restore(self, feature: str | None, *, reason: str, actor: str) -> LatchAnswer:
        """Clear a latch; the dial stays where it was put.

        Raises:
            Invalid, NoSuchFeature: as for a rollback.
            Overtaken: when somebody rolls back at the same time; then that holds.
            Unavailable: when it cannot be recorded, or the other machines cannot be told; then the rollback
            goes on holding.
        """
        self._check(feature, reason)
        started = time.perf_counter()
        if self._rolling[feature]:
            raise Overtaken("Nothing was restored. Somebody is rolling it back at this moment.")
        seen, already = self._page.latch_mark(feature), not self._record.holds(feature)
        entry = Entry(actor, "restore", feature, reason=reason)
        try:
            revision, stamp = await self._restore(feature, entry, seen)
        except LatchMoved as error:
            raise Overtaken(f"Nothing was restored. {error}") from error
        except FlagsError as error:
            raise Unavailable(f"Nothing was restored. {error}") from error
        done = await wait_for_workers(self._page, stamp, started, expected=self._workers())
        if self._record.holds(feature):
            raise Overtaken("It was restored, and has been rolled back again since.")
        return self._answer(feature, False, already, revision, done, "")

    async def _restore(self, feature: str | None, entry: Entry, seen: int) -> tuple[int, bytes]:
        sharing = self._sharing
        if sharing is None or not (self._record.holds(feature) or sharing.holds(feature)):
            async with self._writing:
                return await asyncio.to_thread(self._record.restored, feature, entry, seen)
        # Everywhere or nowhere: recorded, then the others, then here.
        with sharing.restoring(feature):
            async with self._writing:
                await asyncio.to_thread(self._record.intended, entry)
            try:
                await sharing.lift(feature, Said(entry.actor, entry.reason))
            except FlagsError as error:
                async with self._writing:
                    await asyncio.to_thread(self._record.not_restored, entry, error)
                raise
            async with self._writing:
                return await asyncio.to_thread(self._record.restored, feature, entry, seen, announced=True)

    async def keep_in_step(self) -> tuple[str, ...]:
        """Write down what holds in the page and is not on the disk yet → what went wrong, a sentence each."""
        async with self._writing:
            return await asyncio.to_thread(self._record.keep_in_step)

    def _begin_to_write(self, feature: str | None, entry: Entry) -> asyncio.Task[str]:
        async def write() -> str:
            async with self._writing:
                return await asyncio.to_thread(self._record.latched, feature, entry)

        task = asyncio.create_task(write())
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)
        return task

    async def _written(self, writing: asyncio.Task[str]) -> str:
        # Shielded: a disk that hangs holds up the recording, never the answer of a rollback that is in force.
        try:
            return await asyncio.wait_for(asyncio.shield(writing), _RECORDING)
        except TimeoutError:
            return _SLOW_DISK

    @contextmanager
    def _underway(self, feature: str | None) -> Iterator[None]:
        self._rolling[feature] += 1
        try:
            yield
        finally:
            self._rolling[feature] -= 1

    def _check(self, feature: str | None, reason: str) -> None:
        known = self._page.feature_names()
        if feature is not None and feature not in known:
            raise NoSuchFeature(feature, known)
        if not reason.strip():
            raise Invalid("reason", "a reason, for whoever reads the ledger later")

    def _answer(
        self,
        feature: str | None,
        latched: bool,
        already: bool,
        revision: int,
        done: Convergence,
        problem: str,
    ) -> LatchAnswer:
        features, everything = self._page.latches()
        return LatchAnswer(
            feature=feature,
            latched=latched,
            already=already,
            revision=revision,
            workers=done.workers,
            seconds=done.seconds,
            complete=done.complete,
            lagging=done.lagging,
            recorded=not problem,
            problem=problem,
            everything_latched=everything,
            latched_features=tuple(sorted(features)),
        )


def _refusal(why: BaseException | None) -> type[Refused | Unavailable]:
    """What the asker may not have now, or what cannot be done now."""
    return Refused if isinstance(why, (RaisesFrozen, PlanMoved, DialMoved)) else Unavailable


@contextmanager
def _as_control_errors() -> Iterator[None]:
    try:
        yield
    except PlanMoved as error:
        raise Refused(str(error)) from error
    except FlagsError as error:
        raise Unavailable(f"Nothing was changed. {error}") from error
