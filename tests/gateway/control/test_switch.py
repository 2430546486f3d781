"""Dial, rollback, restore on a real page, state file and ledger, with a worker that takes changes over."""

from __future__ import annotations

import asyncio
import os
import struct
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from flags import Entry, Ledger, LiveFlags, OpenedState, StateFile, StatePage, StateUnwritable, open_state
from flags.layout import ACTIVE, BUFFERS, ROW_BEAT, ROW_BYTES, ROWS
from gateway.control import Invalid, NoSuchFeature, Overtaken, Record, Switch, Unavailable

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
    def full(*_: object, **__: object) -> None:
        raise StateUnwritable("No space left.")

    with monkeypatch.context() as broken:
        broken.setattr(desk.ledger, "append_together", full)
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
    append = desk.ledger.append_together

    def hanging(entries: Sequence[Entry], **more: bool) -> list[Entry]:
        back.wait(60)
        return append(entries, **more)

    monkeypatch.setattr(desk.ledger, "append_together", hanging)
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


def _damage(desk: Desk, how: str) -> None:
    """What may happen to the state file while the gateway runs."""
    if how == "garbage":
        desk.file.path.write_text("garbage")
    elif how == "gone":
        desk.file.path.unlink()
        desk.file.previous.unlink(missing_ok=True)
    else:
        desk.file.path.write_bytes(desk.file.previous.read_bytes())


@pytest.mark.parametrize("how", ["garbage", "gone", "older"])
async def test_a_damaged_state_file_moves_no_dial(desk: Desk, how: str) -> None:
    """What is in force is in the page; the file may be older, and counts for nothing beside it."""
    await desk.switch.dial("orders", 60, reason="r", actor="ann")
    await desk.switch.dial("orders", 0, reason="the new side is broken", actor="ann")
    _damage(desk, how)
    await desk.switch.rollback("reports", reason="r", actor="ann")
    assert desk.page.read().feature("orders").percent == 0
    assert desk.page.read().feature("reports").percent == 500
    _damage(desk, how)
    await desk.switch.dial("reports", 7, reason="r", actor="ann")
    snapshot = desk.page.read()
    assert (snapshot.feature("orders").percent, snapshot.feature("reports").percent) == (0, 700)
    assert snapshot.latched("reports")
    _damage(desk, how)
    await desk.switch.restore("reports", reason="r", actor="ann")
    stored = desk.file.load()
    assert stored is not None
    assert (stored.percents, stored.latched) == ({"orders": 0, "reports": 700}, ())
    actions = [entry.action for entry in desk.entries()]
    assert actions == ["dial", "dial", "rollback", "dial", "restore"]


async def test_a_damaged_state_file_is_written_again_and_said(desk: Desk) -> None:
    await desk.switch.dial("orders", 60, reason="r", actor="ann")
    desk.file.path.write_text("garbage")
    (said,) = await desk.switch.keep_in_step()
    assert "damaged or gone" in said
    assert await desk.switch.keep_in_step() == ()
    stored = desk.file.in_force()
    assert stored is not None
    assert stored.percents == {"orders": 6000, "reports": 500}


def _break_the_page(desk: Desk) -> None:
    desk.page._page[BUFFERS[desk.page._page[ACTIVE]] + 12] ^= 0xFF


async def test_when_neither_page_nor_file_can_be_believed_a_dial_is_refused_and_a_rollback_holds(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.control.convergence.LIMIT", 0.1)
    live = LiveFlags(desk.page, desk.page.claim_row(os.getpid()))
    await desk.switch.dial("orders", 60, reason="r", actor="ann")
    assert live.current().feature("orders").percent == 6000
    _break_the_page(desk)
    desk.file.path.write_text("garbage")
    with pytest.raises(Unavailable, match="The dial was not moved"):
        await desk.switch.dial("reports", 7, reason="r", actor="ann")
    answer = await desk.switch.rollback("orders", reason="r", actor="ann")
    assert answer.latched
    state = live.current().feature("orders")
    assert (state.latched, state.percent) == (True, 6000)


async def test_a_damaged_page_is_published_again_from_the_file(desk: Desk) -> None:
    await desk.switch.dial("orders", 60, reason="r", actor="ann")
    _break_the_page(desk)
    (said,) = await desk.switch.keep_in_step()
    assert "from the state file" in said
    assert desk.page.read().feature("orders").percent == 6000


async def test_a_rollback_beats_a_restore_that_was_asked_for_before_it(desk: Desk) -> None:
    await desk.switch.rollback("orders", reason="before", actor="ann")
    async with desk.switch._writing:  # something slow is being written
        restoring = asyncio.create_task(desk.switch.restore("orders", reason="calm", actor="bob"))
        await asyncio.sleep(0.01)
        rolling = asyncio.create_task(desk.switch.rollback("orders", reason="emergency", actor="ann"))
        await asyncio.sleep(0.05)
    with pytest.raises(Overtaken, match="rolled back again in the meantime"):
        await restoring
    assert (await rolling).latched
    assert desk.page.read().feature("orders").latched
    assert "restore" not in [entry.action for entry in desk.entries()]


async def test_a_restore_while_a_rollback_is_on_its_way_is_refused(desk: Desk) -> None:
    async with desk.switch._writing:
        rolling = asyncio.create_task(desk.switch.rollback(None, reason="emergency", actor="ann"))
        await asyncio.sleep(0.05)
        with pytest.raises(Overtaken, match="at this moment"):
            await desk.switch.restore(None, reason="calm", actor="bob")
    assert (await rolling).latched
    assert desk.page.read().everything_latched


async def test_a_direct_rollback_in_the_middle_of_a_restore_wins_and_is_recorded(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.switch.rollback("orders", reason="before", actor="ann")
    publish = desk.page.publish

    def interrupted(*values: Any) -> bytes:
        desk.page.latch("orders", True)
        return publish(*values)

    with monkeypatch.context() as interrupting:
        interrupting.setattr(desk.page, "publish", interrupted)
        with pytest.raises(Overtaken, match="rolled back again"):
            await desk.switch.restore("orders", reason="calm", actor="bob")
    assert desk.page.read().feature("orders").latched
    for _ in range(2):
        assert await desk.switch.keep_in_step() == ()
    stored = desk.file.load()
    assert stored is not None
    assert stored.latched == ("orders",)
    told = [(entry.actor, entry.action) for entry in desk.entries()]
    assert told == [
        ("ann", "rollback"),
        ("bob", "restore"),
        ("bob", "restore_failed"),
        ("machine", "rollback"),
    ]


async def test_the_reason_of_a_rollback_is_kept_when_somebody_else_finds_its_latch_first(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.control.convergence.LIMIT", 0.3)
    with monkeypatch.context() as stuck:
        stuck.setattr(LiveFlags, "current", lambda self: self._snapshot)
        rolling = asyncio.create_task(desk.switch.rollback("orders", reason="emergency", actor="ann"))
        await asyncio.sleep(0.05)
        for _ in range(2):
            await desk.switch.keep_in_step()
        await rolling
    assert [(entry.actor, entry.reason) for entry in desk.entries()] == [("ann", "emergency")]


@pytest.mark.parametrize("broken", ["file", "page"])
async def test_the_ledger_holds_no_dial_that_did_not_happen(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def full(*_: object) -> None:
        raise StateUnwritable("No space left.")

    with monkeypatch.context() as patch:
        if broken == "file":
            patch.setattr("flags.state_file.os.fsync", _no_space)
        else:
            patch.setattr(desk.page, "publish", full)
        with pytest.raises(Unavailable, match="No space left"):
            await desk.switch.dial("orders", 10, reason="r", actor="ann")
    told = [(entry.action, entry.old, entry.new) for entry in desk.entries()]
    assert told == ([] if broken == "file" else [("dial", "0", "10"), ("dial_failed", "10", "0")])
    stored = desk.file.load()
    assert stored is not None
    assert stored.percents["orders"] == 0
    await desk.switch.dial("reports", 9, reason="r", actor="ann")
    assert desk.page.read().feature("orders").percent == 0


def _no_space(_: int) -> None:
    raise OSError(28, "No space left on device")


async def test_with_a_ledger_that_was_cut_a_dial_waits_and_a_rollback_says_so(desk: Desk) -> None:
    for percent in range(5):
        await desk.switch.dial("orders", percent, reason="r", actor="ann")
    lines = desk.ledger.path.read_text().splitlines(keepends=True)
    desk.ledger.path.write_text("".join(lines[:-2]))
    with pytest.raises(Unavailable, match="ended at entry 3, but entry 5 was written"):
        await desk.switch.dial("orders", 50, reason="cover", actor="mallory")
    assert desk.page.read().feature("orders").percent == 400
    answer = await desk.switch.rollback("orders", reason="r", actor="ann")
    assert (answer.latched, answer.recorded) == (True, True)
    damaged, rollback = desk.entries()[-2:]
    assert (damaged.action, damaged.evidence, damaged.seq) == (
        "ledger_damaged",
        {"head": 5, "entries": 3},
        6,
    )
    assert (rollback.action, rollback.seq) == ("rollback", 7)
    (problem,) = desk.ledger.verify()
    assert "entry 5 was written" in problem
    await desk.switch.dial("orders", 1, reason="r", actor="ann")


async def test_nobody_there_is_not_everybody(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.control.convergence.LIMIT", 0.05)
    monkeypatch.setattr(desk.page, "all_rows", list)
    switch = Switch(desk.page, Record(desk.page, desk.file, desk.ledger, time.time), workers=lambda: 2)
    answer = await switch.rollback(None, reason="r", actor="ann")
    assert (answer.latched, answer.workers, answer.complete) == (True, 0, False)


async def test_a_worker_that_hangs_has_not_confirmed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.control.convergence.LIMIT", 0.05)
    child = subprocess.Popen(["sleep", "60"])  # noqa: ASYNC220 - nothing waits for it
    try:
        row = desk.page.claim_row(child.pid)
        at = ROWS + row * ROW_BYTES + ROW_BEAT.start
        desk.page._page[at : at + 8] = struct.pack("<d", time.monotonic() - 60)
        answer = await desk.switch.rollback(None, reason="r", actor="ann")
        assert (answer.complete, answer.lagging) == (False, (child.pid,))
    finally:
        child.kill()
        child.wait()


async def test_a_reload_in_the_middle_of_a_dial_leaves_page_file_and_ledger_at_one_dial(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reload publishes what it finds in the state file, under a revision above the dial's own."""
    publish = desk.page.publish
    reloads = iter(range(1))

    def interrupted(*values: Any) -> bytes:
        for _ in reloads:
            open_state(desk.folder, SEEDS, time.time(), alone=False).page.close()
        return publish(*values)

    monkeypatch.setattr(desk.page, "publish", interrupted)
    answer = await desk.switch.dial("orders", 50, reason="up", actor="ann")
    assert (answer.new, answer.complete) == (50, True)
    assert desk.page.read().feature("orders").percent == 5000
    assert desk.page.revision() == answer.revision
    stored = desk.file.load()
    assert stored is not None
    assert (stored.percents["orders"], stored.revision) == (5000, answer.revision)
    assert [(entry.actor, entry.action, entry.new) for entry in desk.entries()] == [("ann", "dial", "50")]
    assert await desk.switch.keep_in_step() == ()


async def test_a_state_file_with_other_dials_than_are_in_force_is_written_again_and_said(desk: Desk) -> None:
    stored = desk.file.load()
    assert stored is not None
    desk.file.save(stored.with_percents({"orders": 9000}, time.time()))
    (said,) = await desk.switch.keep_in_step()
    assert "has other dials than are in force" in said
    assert await desk.switch.keep_in_step() == ()
    stored = desk.file.load()
    assert stored is not None
    assert stored.percents == {"orders": 0, "reports": 500}


@pytest.mark.parametrize("start", ["another process", "the whole gateway"])
async def test_a_rollback_that_the_ledger_has_and_the_full_disk_has_not_is_one_entry(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StateUnwritable("No space left.")

    await desk.switch.rollback("orders", reason="before", actor="bob")
    await desk.switch.restore("orders", reason="calm", actor="bob")
    with monkeypatch.context() as broken:
        broken.setattr(desk.file, "save", full)
        answer = await desk.switch.rollback("orders", reason="3 am", actor="ann")
        assert (answer.complete, answer.recorded) == (True, False)
    if start == "the whole gateway":
        open_state(desk.folder, SEEDS, time.time()).page.close()
    again = Switch(desk.page, Record(desk.page, StateFile(desk.folder), Ledger(desk.folder), time.time))
    for _ in range(3):
        await again.keep_in_step()
    told = [(entry.actor, entry.action) for entry in desk.entries()]
    assert told == [("bob", "rollback"), ("bob", "restore"), ("ann", "rollback")]
    stored = StateFile(desk.folder).load()
    assert stored is not None
    assert stored.latched == ("orders",)


async def test_a_rollback_after_the_loss_of_page_and_file_is_written_down(tmp_path: Path) -> None:
    """The ledger's last word is of another life."""
    first = open_state(tmp_path, SEEDS, time.time())
    switch = Switch(first.page, Record(first.page, first.file, Ledger(tmp_path), time.time))
    await switch.rollback("orders", reason="before", actor="ann")
    first.page.close()
    for name in ("state.page", "state.json", "state.json.previous"):
        (tmp_path / name).unlink(missing_ok=True)
    second = open_state(tmp_path, SEEDS, time.time())
    switch = Switch(second.page, Record(second.page, second.file, Ledger(tmp_path), time.time))
    answer = await switch.rollback("orders", reason="again", actor="bob")
    assert (answer.already, answer.recorded) == (False, True)
    assert [entry.actor for entry in Ledger(tmp_path).entries()] == ["bob", "ann"]
    second.page.close()


@pytest.mark.parametrize("who", ["the control process", "a reload"])
async def test_who_rolls_back_directly_and_why_is_kept_while_a_worker_hangs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    """The command waits for the worker; meanwhile others find what it has set."""
    monkeypatch.setattr("gateway.control.convergence.LIMIT", 1.0)
    monkeypatch.setattr(LiveFlags, "current", lambda self: self._snapshot)
    page = StatePage.open(desk.page.path)
    command = Switch(page, Record(page, StateFile(desk.folder), Ledger(desk.folder), time.time))
    latch = page.latch

    def reload_at_once(feature: str | None, on: bool) -> bytes:
        stamp = latch(feature, on)
        open_state(desk.folder, SEEDS, time.time(), alone=False).page.close()
        return stamp

    if who == "a reload":
        monkeypatch.setattr(page, "latch", reload_at_once)
    rolling = asyncio.create_task(command.rollback("orders", reason="wrong totals", actor="ann"))
    while not rolling.done():
        await asyncio.sleep(0.3)
        await desk.switch.keep_in_step()
    assert not (await rolling).complete
    assert [(entry.actor, entry.reason) for entry in desk.entries()] == [("ann", "wrong totals")]
    page.close()


@pytest.mark.parametrize("broken", ["the second entry", "the name of the file"])
async def test_of_a_journey_the_ledger_holds_no_dial_that_did_not_happen(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    append = desk.ledger.append_together
    written: list[int] = []

    def one_fits(entries: Sequence[Entry], **more: bool) -> list[Entry]:
        if len(entries) > 1 or written:
            raise StateUnwritable("No space left.")
        written.append(1)
        return append(entries, **more)

    def no_name(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        if broken == "the second entry":
            patch.setattr(desk.ledger, "append_together", one_fits)
        else:
            patch.setattr(desk.file, "_keep_previous", no_name)
        with pytest.raises(Unavailable):
            await desk.switch.together(
                ("orders", "reports"), 2000, reason="r", actor="ann", evidence=None, also=lambda state: state
            )
    told = [(entry.action, entry.feature, entry.new) for entry in desk.entries()]
    assert told == (
        []
        if broken == "the second entry"
        else [
            ("dial", "orders", "20"),
            ("dial", "reports", "20"),
            ("dial_failed", "orders", "0"),
            ("dial_failed", "reports", "5"),
        ]
    )
    assert desk.page.read().feature("reports").percent == 500
    assert await desk.switch.keep_in_step() == ()
