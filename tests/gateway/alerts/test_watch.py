"""What is to be told, put into the outboxes: as one piece of work."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from flags import Entry, Ledger
from gateway.alerts import Alert, AlertWatch


class Channel:
    name = "fake"
    address = "nowhere"

    def __init__(self, *, breaks: bool = False) -> None:
        self.breaks = breaks

    async def deliver(self, alert: Alert) -> str:
        if self.breaks:
            raise RuntimeError("a mistake of ours")
        return ""


async def test_what_ends_one_part_of_it_ends_all_so_that_it_can_be_run_again(tmp_path: Path) -> None:
    """A part that went on would tell everything twice."""
    watch = AlertWatch(
        (Channel(), Channel(breaks=True)),
        frozenset({"rollback"}),
        Ledger(tmp_path),
        tmp_path,
        machine="here",
        troubles=tuple,
        clock=lambda: 1000.0,
        new_id=lambda: "one",
    )
    watch.outboxes[1].put(Alert("a", "rollback", "text", "here", ""), lambda: None)
    with pytest.raises(ExceptionGroup):
        await watch.run()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_cannot_be_read_for_a_moment_is_told_afterwards(tmp_path: Path) -> None:
    """Nothing else has to happen for that."""
    ledger, channel = Unreadable(tmp_path), Channel()
    watch = AlertWatch(
        (channel,),
        frozenset({"rollback"}),
        ledger,
        tmp_path,
        machine="here",
        troubles=tuple,
        clock=lambda: 1000.0,
        new_id=lambda: "one",
    )
    ledger.append(Entry("ann", "rollback", "orders", "serving", "latched", "wrong totals"))
    ledger.fails = 2
    running = asyncio.create_task(watch.run())
    try:
        async with asyncio.timeout(60):
            while not watch.outboxes[0].counts["sent"]:  # noqa: ASYNC110 -- another task counts
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert ledger.fails == 0


class Unreadable(Ledger):
    """So many times."""

    fails = 0

    def entries(self, limit: int = 100) -> list[Entry]:
        if self.fails:
            self.fails -= 1
            raise OSError(24, "Too many open files")
        return super().entries(limit)
