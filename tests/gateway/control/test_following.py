"""Another source of dials, followed and written to, on a real page, state file and ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from flags import (
    Entry,
    Ledger,
    Phase,
    PlanMoved,
    PlanState,
    Said,
    SourceUnwritable,
    SourceView,
    StateFile,
    StateUnwritable,
    StoredState,
    Wanted,
    open_state,
)
from gateway.control import Follower, OwnAccord, Record, Refused, SourceHand, Switch, Teller, Unavailable
from tests.support.ports import wait_until


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
        self.meanwhile: Callable[[], object] = lambda: None

    async def write(self, feature: str, percent: int, by: Said) -> None:
        if self.refuses:
            raise SourceUnwritable(self.refuses)
        self.written.append((feature, percent))
        self.meanwhile()
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
        self.hand = SourceHand(
            self.writer, OwnAccord(self.record, writing), self.follower, self.record, writing
        )
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
        patch.setattr(desk.ledger, "append_together", full)
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

    monkeypatch.setattr(desk.ledger, "append_together", full)
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
    answer = await desk.switch.rollback("orders", reason="r", actor="ann")
    assert not dial.done()
    assert (answer.latched, answer.recorded) == (True, True)
    dial.cancel()


async def test_a_journey_is_written_dial_by_dial_and_its_plan_with_them(desk: Desk) -> None:
    desk.source.dials = {"orders": 500, "reports": 500}
    await desk.follower.take_over()
    plan = PlanState(Phase.RUNNING, 1000, 5.0)
    done = await desk.switch.together(
        ("orders", "reports"),
        1000,
        reason="up",
        actor="banyan (plan)",
        evidence={"a": 1},
        also=lambda state: state.with_plan("checkout", plan, 5.0),
    )
    assert done.complete
    assert desk.writer.written == [("orders", 1000), ("reports", 1000)]
    assert desk.record.plans() == {"checkout": plan}
    assert [one.feature for one in desk.ledger.entries(2)] == ["reports", "orders"]


async def test_a_journey_is_raised_no_further_once_one_of_it_is_taken_back(desk: Desk) -> None:
    """What was decided before the first dial is asked again before each other one."""
    desk.source.dials = {"orders": 500, "reports": 500}
    await desk.follower.take_over()
    desk.writer.meanwhile = lambda: desk.page.latch("orders", True)
    seen: list[tuple[int, int]] = []

    def unless_taken_back(state: StoredState) -> StoredState:
        seen.append((state.percents["orders"], state.percents["reports"]))
        if state.latched:
            raise PlanMoved("It is rolled back.")
        return state

    said = r"^Not every dial was moved\. orders at 10 % by now, reports is not: It is rolled back\.$"
    with pytest.raises(Refused, match=said):
        await desk.switch.together(
            ("orders", "reports"), 1000, reason="up", actor="plan", evidence=None, also=unless_taken_back
        )
    assert desk.writer.written == [("orders", 1000)]
    assert seen == [(500, 500)] * 2


async def test_while_raises_are_frozen_the_source_is_told_of_none(desk: Desk) -> None:
    desk.source.dials = {"orders": 500, "reports": 500}
    await desk.follower.take_over()
    await desk.switch.note(lambda state: state.with_freeze("ann: a launch", 5.0), Entry("ann", "freeze"))
    with pytest.raises(Refused, match="frozen"):
        await desk.switch.dial("orders", 6, reason="up", actor="ann")
    assert desk.writer.written == []
    await desk.switch.dial("orders", 4, reason="down", actor="ann")
    assert desk.writer.written == [("orders", 400)]


class DeafSwitch:
    """Does what it is told, and its answer is lost until `answers`."""

    def __init__(self, source: FakeSource) -> None:
        self.source, self.answers = source, False
        self.told: list[bool] = []

    async def switch(self, feature: str, *, on: bool) -> None:
        self.told.append(on)
        self.source.dials = {feature: 500 if on else 0}
        if not self.answers:
            raise SourceUnwritable("no answer")


async def test_a_switch_off_whose_answer_is_lost_is_ours_and_no_dial_of_0(desk: Desk, tmp_path: Path) -> None:
    """It is asked once more, noted once, and taken back with the restore."""
    desk.source.dials = {"orders": 500}
    await desk.follower.take_over()
    deaf = DeafSwitch(desk.source)
    teller = Teller(deaf, desk.follower, desk.page, desk.record, asyncio.Lock(), tmp_path)
    desk.follower.hold(teller.held)
    running = asyncio.create_task(teller.run())
    await desk.switch.rollback("orders", reason="r", actor="ann")
    await asyncio.to_thread(wait_until, lambda: len(deaf.told) == 1, 60)
    await desk.follower.take_over()
    assert desk.percent() == 500
    deaf.answers = True
    await asyncio.to_thread(wait_until, lambda: len(deaf.told) == 2, 60)
    await desk.switch.restore("orders", reason="r", actor="ann")
    await asyncio.to_thread(wait_until, lambda: deaf.told[-1], 60)
    await desk.follower.take_over()
    running.cancel()
    assert desk.percent() == 500
    assert [one.action for one in desk.entries()].count("dial") <= 1
