"""The hand on the dial and on the latches: the only place that changes the state of a running gateway;
knows no HTTP.

- A **dial** is recorded before it is in force, and refused when it cannot be recorded.
- A **rollback** is done before it is recorded: the page's latch first, which needs no disk and no lock of
  ours, then the wait for the workers, then the recording.
- A **restore** is recorded first: if that fails, the rollback simply goes on holding. It clears only the
  latch that its asker could see: a rollback that is on its way, or comes in between, wins.

Each answers when every live worker has the change, and says how long that took.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from flags import Entry, FlagsError, LatchMoved, StatePage, to_hundredths
from gateway.control.answers import Convergence, DialAnswer, LatchAnswer, percent_number
from gateway.control.convergence import wait_for_workers
from gateway.control.errors import Invalid, NoSuchFeature, Overtaken, Unavailable
from gateway.control.hands import Hand, OwnHand
from gateway.control.record import Record

__all__ = ["Switch"]

_RECORDING: Final = 3.0
_SLOW_DISK: Final = "The disk does not answer; the rollback holds, and is recorded when it does."


class Switch:
    """Dial, rollback, restore. One change is written at a time (`writing`); a rollback never waits for
    another change. `hand`: what moves a dial, where it is not the state of this machine. `workers`: how many
    there should be now.
    """

    def __init__(
        self,
        page: StatePage,
        record: Record,
        hand: Hand | None = None,
        writing: asyncio.Lock | None = None,
        workers: Callable[[], int] = lambda: 0,
    ) -> None:
        self._page = page
        self._record = record
        self._writing = writing or asyncio.Lock()
        self._workers = workers
        self._hand = hand or OwnHand(record, self._writing)
        self._unfinished: set[asyncio.Task[str]] = set()
        self._rolling: Counter[str | None] = Counter()
        self.rollback_seconds: float | None = None

    async def dial(
        self, feature: str, percent: object, *, reason: str, actor: str, evidence: Any = None
    ) -> DialAnswer:
        """Put `feature` at `percent` (0 to 100 in steps of 0.01).

        Raises:
            Invalid: for the percentage, or an empty reason.
            NoSuchFeature: with the names there are.
            Unavailable: when the ledger or the source in charge cannot be written; then nothing was changed.
        """
        self._check(feature, reason)
        try:
            new = to_hundredths(percent)
        except ValueError as error:
            raise Invalid("percent", str(error)) from error
        started = time.perf_counter()
        entry = Entry(actor, "dial", feature, reason=reason, evidence=evidence)
        try:
            moved = await self._hand.move(feature, new, entry)
        except FlagsError as error:
            raise Unavailable(f"The dial was not moved. {error}") from error
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
            self._record.expect(feature, entry)
            stamp = self._page.latch(feature, True)
            done = await wait_for_workers(self._page, stamp, started, expected=self._workers())
            self.rollback_seconds = done.seconds
            problem = await self._write_down(feature, entry)
            return self._answer(feature, True, already, self._page.revision(), done, problem)

    async def restore(self, feature: str | None, *, reason: str, actor: str) -> LatchAnswer:
        """Clear a latch; the dial stays where it was put.

        Raises:
            Invalid, NoSuchFeature: as for a rollback.
            Overtaken: when somebody rolls back at the same time; then that holds.
            Unavailable: when it cannot be recorded; then the rollback goes on holding.
        """
        self._check(feature, reason)
        started = time.perf_counter()
        if self._rolling[feature]:
            raise Overtaken("Nothing was restored. Somebody is rolling it back at this moment.")
        seen, already = self._page.latch_mark(feature), not self._record.holds(feature)
        entry = Entry(actor, "restore", feature, reason=reason)
        try:
            async with self._writing:
                revision, stamp = await asyncio.to_thread(self._record.restored, feature, entry, seen)
        except LatchMoved as error:
            raise Overtaken(f"Nothing was restored. {error}") from error
        except FlagsError as error:
            raise Unavailable(f"Nothing was restored. {error}") from error
        done = await wait_for_workers(self._page, stamp, started, expected=self._workers())
        if self._record.holds(feature):
            raise Overtaken("It was restored, and has been rolled back again since.")
        return self._answer(feature, False, already, revision, done, "")

    async def keep_in_step(self) -> tuple[str, ...]:
        """Write down what holds in the page and is not on the disk yet → what went wrong, a sentence each."""
        async with self._writing:
            return await asyncio.to_thread(self._record.keep_in_step)

    async def _write_down(self, feature: str | None, entry: Entry) -> str:
        async def write() -> str:
            async with self._writing:
                return await asyncio.to_thread(self._record.latched, feature, entry)

        # Shielded: a disk that hangs holds up the recording, never the answer of a rollback that is in force.
        task = asyncio.create_task(write())
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)
        try:
            return await asyncio.wait_for(asyncio.shield(task), _RECORDING)
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
