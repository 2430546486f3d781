"""Dial, rollback, restore on a real page, state file and ledger, with a worker that takes changes over."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flags import Entry, Ledger, LiveFlags, OpenedState, StateFile, StatePage, StateUnwritable, open_state
from gateway.control import Invalid, NoSuchFeature, Record, Switch, Unavailable

SEEDS = {"orders": 0, "reports": 500}


class Desk:
    """Everything a switch works on, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened: OpenedState = open_state(folder, SEEDS, time.time())
        self.page = self.opened.page
        self.file = StateFile(folder)
        self.ledger = Ledger(folder)
        self.switch = Switch(self.page, Record(self.page, self.file, self.ledger, time.time))

    def entries(self) -> list[Entry]:
        return self.ledger.entries(100)[::-1]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk, and one worker that looks at the page every few milliseconds."""
    made = Desk(tmp_path)
    done = threading.Event()
    page = StatePage.open(made.page.path)
    live = LiveFlags(page, page.claim_row(os.getpid()))

    def work() -> None:
        while not done.wait(0.005):
            live.beat()

    worker = threading.Thread(target=work)
    worker.start()
    yield made
    done.set()
    worker.join()
    page.close()
    made.page.close()


async def test_a_dial_is_in_the_page_the_file_and_the_ledger_when_it_answers(desk: Desk) -> None:
    answer = await desk.switch.dial("orders", 12.5, reason="step two", actor="ann", evidence={"n": 1})
    assert (answer.old, answer.new, answer.workers, answer.complete) == (0, 12.5, 1, True)
    assert desk.page.read().feature("orders").percent == 1250
    assert desk.page.revision() == answer.revision
    assert desk.page.rows()[0].stamp == desk.page.stamp()
    stored = desk.file.load()
    assert stored is not None
    assert (stored.percents, stored.revision) == ({"orders": 1250, "reports": 500}, answer.revision)
    (entry,) = desk.entries()
    assert (entry.actor, entry.action, entry.feature, entry.old, entry.new) == (
        "ann",
        "dial",
        "orders",
        "0",
        "12.5",
    )
    assert (entry.reason, entry.evidence, entry.revision) == ("step two", {"n": 1}, answer.revision)


@pytest.mark.parametrize(
    "percent", [100.01, 101, -1, 0.005, 12.345, float("nan"), float("inf"), "ten", True, None]
)
async def test_a_percentage_that_cannot_be_is_refused(desk: Desk, percent: object) -> None:
    with pytest.raises(Invalid, match=r"0 to 100 in steps of 0\.01"):
        await desk.switch.dial("orders", percent, reason="r", actor="ann")
    assert desk.entries() == []


async def test_an_unknown_feature_is_refused_with_the_names_there_are(desk: Desk) -> None:
    for change in (
        desk.switch.dial("order", 1, reason="r", actor="ann"),
        desk.switch.rollback("order", reason="r", actor="ann"),
        desk.switch.restore("order", reason="r", actor="ann"),
    ):
        with pytest.raises(NoSuchFeature, match="orders, reports"):
            await change


async def test_nothing_is_changed_without_a_reason(desk: Desk) -> None:
    stamp = desk.page.stamp()
    for change in (
        desk.switch.dial("orders", 1, reason=" ", actor="ann"),
        desk.switch.rollback(None, reason="", actor="ann"),
        desk.switch.restore(None, reason="", actor="ann"),
    ):
        with pytest.raises(Invalid, match="reason"):
            await change
    assert desk.page.stamp() == stamp


async def test_a_rollback_holds_is_recorded_and_keeps_the_dial(desk: Desk) -> None:
    await desk.switch.dial("orders", 40, reason="r", actor="ann")
    answer = await desk.switch.rollback("orders", reason="errors", actor="bob")
    assert (answer.latched, answer.already, answer.complete, answer.recorded) == (True, False, True, True)
    state = desk.page.read().feature("orders")
    assert (state.latched, state.percent) == (True, 4000)
    stored = desk.file.load()
    assert stored is not None
    assert (stored.latched, stored.everything_latched) == (("orders",), False)
    again = await desk.switch.rollback("orders", reason="errors", actor="bob")
    assert (again.already, again.complete) == (True, True)
    assert [entry.action for entry in desk.entries()] == ["dial", "rollback"]
    assert desk.switch.rollback_seconds == again.seconds


async def test_a_restore_clears_that_latch_only(desk: Desk) -> None:
    await desk.switch.rollback(None, reason="r", actor="ann")
    await desk.switch.rollback("orders", reason="r", actor="ann")
    await desk.switch.restore(None, reason="calm", actor="ann")
    snapshot = desk.page.read()
    assert (snapshot.everything_latched, snapshot.feature("orders").latched) == (False, True)
    answer = await desk.switch.restore("orders", reason="calm", actor="ann")
    assert (answer.latched, answer.already) == (False, False)
    assert not desk.page.read().feature("orders").latched
    assert (await desk.switch.restore("orders", reason="calm", actor="ann")).already
    assert [entry.action for entry in desk.entries()] == ["rollback", "rollback", "restore", "restore"]


async def test_a_dial_is_refused_when_the_ledger_cannot_be_written(desk: Desk) -> None:
    desk.ledger.path.unlink()
    desk.ledger.path.mkdir()
    with pytest.raises(Unavailable, match="The dial was not moved"):
        await desk.switch.dial("orders", 10, reason="r", actor="ann")
    assert desk.page.read().feature("orders").percent == 0


async def test_a_rollback_is_done_all_the_same_and_recorded_when_the_disk_is_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StateUnwritable("No space left.")

    with monkeypatch.context() as broken:
        broken.setattr(desk.ledger, "append", full)
        broken.setattr(desk.file, "save", full)
        answer = await desk.switch.rollback("orders", reason="errors", actor="bob")
        assert (answer.complete, answer.recorded) == (True, False)
        assert "No space left" in answer.problem
        assert desk.page.read().feature("orders").latched
        assert await desk.switch.keep_in_step()
    assert await desk.switch.keep_in_step() == ()
    (entry,) = desk.entries()
    assert (entry.actor, entry.reason) == ("bob", "errors")
    stored = desk.file.load()
    assert stored is not None
    assert stored.latched == ("orders",)


async def test_a_latch_set_in_the_page_directly_is_found_and_recorded_once(desk: Desk) -> None:
    desk.page.latch(None, True)
    desk.page.latch("reports", True)
    for _ in range(3):
        assert await desk.switch.keep_in_step() == ()
    assert sorted((entry.feature or "", entry.reason) for entry in desk.entries()) == [
        ("", "rolled back directly on the machine"),
        ("reports", "rolled back directly on the machine"),
    ]
    stored = desk.file.load()
    assert stored is not None
    assert (stored.latched, stored.everything_latched) == (("reports",), True)


async def test_a_disk_that_hangs_holds_up_no_rollback(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    back = threading.Event()
    append = desk.ledger.append

    def hanging(entry: Entry) -> Entry:
        back.wait(30)
        return append(entry)

    monkeypatch.setattr(desk.ledger, "append", hanging)
    monkeypatch.setattr("gateway.control.switch._RECORDING", 0.1)
    dialling = asyncio.create_task(desk.switch.dial("orders", 5, reason="r", actor="ann"))
    await asyncio.sleep(0.05)
    answer = await desk.switch.rollback(None, reason="now", actor="bob")
    assert (answer.complete, answer.recorded) == (True, False)
    assert not dialling.done()
    back.set()
    await dialling
    await desk.switch.keep_in_step()
    assert {entry.action for entry in desk.entries()} == {"dial", "rollback"}


async def test_a_worker_that_does_not_take_it_over_is_named(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.control.convergence.LIMIT", 0.0)
    monkeypatch.setattr(LiveFlags, "current", lambda self: self._snapshot)
    answer = await desk.switch.rollback("orders", reason="r", actor="ann")
    assert (answer.complete, answer.lagging) == (False, (os.getpid(),))


async def test_changes_made_at_once_are_all_made(desk: Desk) -> None:
    await asyncio.gather(
        *(desk.switch.dial("orders", number, reason=str(number), actor="ann") for number in range(10)),
        *(desk.switch.dial("reports", number, reason=str(number), actor="ann") for number in range(10)),
    )
    assert len(desk.entries()) == 20
    assert desk.ledger.verify() == []
    assert [entry.revision for entry in desk.entries()] == sorted(
        {entry.revision for entry in desk.entries()}
    )
