"""Another source of dials, followed and written to, on a real page, state file and ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from flags import (
    Entry,
    Ledger,
    SourceUnwritable,
    SourceView,
    StateFile,
    StateUnwritable,
    Wanted,
    open_state,
)
from gateway.control import Follower, Record, SourceHand, Switch, Unavailable


class FakeSource:
    """Says `dials`, after `lag` more questions; None: nothing is known."""

    def __init__(self) -> None:
        self.dials: dict[str, int] | None = None
        self.rules = b'{"v":1}'
        self.lag = 0
        self.coming: dict[str, int] = {}
        self.accepted = 0
        self.shown = SourceView("other", 1.0)

    async def refresh(self) -> bool:
        self.lag -= 1
        if self.coming and self.lag < 0:
            self.dials = {**(self.dials or {}), **self.coming}
            self.coming = {}
        return True

    def wanted(self, features: Iterable[str], local: Mapping[str, int]) -> Wanted | None:
        if self.dials is None:
            return None
        names = sorted(features)
        return Wanted(
            {name: self.dials.get(name, 0) for name in names},
            self.rules,
            tuple(name for name in names if name not in self.dials),
        )

    def view(self) -> SourceView:
        return self.shown

    def accept(self) -> None:
        self.accepted += 1


class FakeWriter:
    """Tells the source, or refuses."""

    def __init__(self, source: FakeSource) -> None:
        self.source = source
        self.refuses = ""
        self.written: list[tuple[str, int]] = []

    async def write(self, feature: str, percent: int) -> None:
        if self.refuses:
            raise SourceUnwritable(self.refuses)
        self.written.append((feature, percent))
        self.source.coming = {feature: percent}


class Desk:
    def __init__(self, folder: Path) -> None:
        self.opened = open_state(folder, {"orders": 500, "reports": 0}, time.time())
        self.page, self.file, self.ledger = self.opened.page, StateFile(folder), Ledger(folder)
        self.record = Record(self.page, self.file, self.ledger, time.time)
        writing = asyncio.Lock()
        self.source = FakeSource()
        self.writer = FakeWriter(self.source)
        self.follower = Follower(self.source, self.page, self.record, writing)
        self.hand = SourceHand(self.writer, self.follower, self.record, writing)
        self.switch = Switch(self.page, self.record, self.hand, writing)

    def entries(self) -> list[Entry]:
        return self.ledger.entries(100)[::-1]

    def told(self) -> list[tuple[str, str, str | None, object, object]]:
        return [(one.actor, one.action, one.feature, one.old, one.new) for one in self.entries()]

    def percent(self, feature: str = "orders") -> int:
        return self.page.read().feature(feature).percent


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.page.close()


async def test_what_the_source_says_is_in_force_on_the_disk_and_in_the_ledger(desk: Desk) -> None:
    desk.source.dials = {"orders": 2000, "reports": 0}
    await desk.follower.step()
    snapshot = desk.page.read()
    assert (snapshot.feature("orders").percent, snapshot.rules) == (2000, desk.source.rules)
    stored = desk.file.load()
    assert stored is not None
    assert (stored.percents["orders"], stored.revision) == (2000, snapshot.revision)
    assert desk.told() == [("other", "dial", "orders", "5", "20")]


async def test_the_same_again_changes_nothing(desk: Desk) -> None:
    desk.source.dials = {"orders": 2000}
    await desk.follower.step()
    stamp = desk.page.stamp()
    await desk.follower.step()
    assert desk.page.stamp() == stamp
    assert len(desk.entries()) == 1


async def test_other_rules_with_the_same_dials_are_published(desk: Desk) -> None:
    desk.source.dials = {"orders": 500}
    await desk.follower.step()
    desk.source.rules = b'{"v":2}'
    await desk.follower.step()
    assert desk.page.read().rules == b'{"v":2}'
    assert desk.entries() == []


async def test_a_rollback_keeps_the_rules_and_is_shown_beside_the_source(desk: Desk) -> None:
    desk.source.dials = {"orders": 2000}
    await desk.follower.step()
    await desk.switch.rollback("orders", reason="r", actor="ann")
    assert desk.page.read().rules == desk.source.rules
    assert "orders is rolled back here; other has it at 20 %." in desk.follower.warnings()
    assert any(one.startswith("reports is not in other") for one in desk.follower.warnings())


async def test_a_source_that_never_said_anything_changes_nothing(desk: Desk) -> None:
    stamp = desk.page.stamp()
    await desk.follower.step()
    assert desk.page.stamp() == stamp


async def test_a_full_disk_does_not_keep_the_source_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in force elsewhere already; the ledger's entry follows."""

    def full(_: object, **__: object) -> None:
        raise StateUnwritable("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(desk.file, "save", full)
        patch.setattr(desk.ledger, "append", full)
        desk.source.dials = {"orders": 2000}
        await desk.follower.step()
        assert desk.percent() == 2000
        view = desk.follower.view()
        assert (view.problem, view.alert) == ("The disk is full.", True)
    await desk.switch.keep_in_step()
    assert desk.told() == [("other", "dial", "orders", "5", "20")]


async def test_rules_too_large_for_the_page_leave_the_last_good_ones(desk: Desk) -> None:
    desk.source.dials = {"orders": 2000}
    await desk.follower.step()
    desk.source.dials, desk.source.rules = {"orders": 3000}, b'"%b"' % (b"x" * (1 << 20))
    await desk.follower.step()
    assert desk.percent() == 2000
    assert "does not fit" in desk.follower.view().problem


async def test_a_dial_is_recorded_then_written_then_in_force(desk: Desk) -> None:
    """When the source says so itself, which may take a while; one entry, in the name of who asked."""
    desk.source.dials, desk.source.lag = {"orders": 500}, 2
    answer = await desk.switch.dial("orders", 12.5, reason="step", actor="ann")
    assert (answer.source, answer.old, answer.new, answer.complete) == ("other", 5, 12.5, True)
    assert desk.writer.written == [("orders", 1250)]
    assert desk.percent() == 1250
    assert desk.told() == [("ann", "dial", "orders", "5", "12.5")]


async def test_a_source_that_refuses_leaves_the_dial_and_says_so(desk: Desk) -> None:
    """Also in the ledger, behind the entry that came before."""
    desk.source.dials = {"orders": 500}
    desk.writer.refuses = "It is archived."
    with pytest.raises(Unavailable, match="It is archived"):
        await desk.switch.dial("orders", 20, reason="step", actor="ann")
    assert desk.percent() == 500
    assert [one[1] for one in desk.told()] == ["dial", "dial_failed"]


async def test_without_a_ledger_the_source_is_not_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object, **__: object) -> None:
        raise StateUnwritable("The ledger cannot be written.")

    monkeypatch.setattr(desk.ledger, "append", full)
    with pytest.raises(Unavailable, match="cannot be written"):
        await desk.switch.dial("orders", 20, reason="step", actor="ann")
    assert desk.writer.written == []


async def test_a_dial_that_the_source_does_not_confirm_is_not_complete(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And taken over, without another entry, when it does."""
    monkeypatch.setattr("gateway.control.hands._SEEN_LIMIT", 0.0)
    desk.source.dials, desk.source.lag = {"orders": 500}, 5
    answer = await desk.switch.dial("orders", 20, reason="step", actor="ann")
    assert not answer.complete
    assert "has not told it back" in answer.note
    for _ in range(6):
        await desk.follower.step()
    assert desk.percent() == 2000
    assert len(desk.entries()) == 1


async def test_a_rollback_does_not_wait_for_a_dial_on_its_way(desk: Desk) -> None:
    desk.source.dials, desk.source.lag = {"orders": 500}, 10_000
    dial = asyncio.create_task(desk.switch.dial("orders", 20, reason="step", actor="ann"))
    await asyncio.sleep(0.3)
    started = time.perf_counter()
    answer = await desk.switch.rollback("orders", reason="r", actor="ann")
    assert time.perf_counter() - started < 2
    assert (answer.latched, answer.recorded) == (True, True)
    dial.cancel()
