"""A machine that shares its state over a store in memory: what its ledger says of rollbacks and restores."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from flags import Ledger, Said, StateFile, StateUnwritable, open_state
from flags.providers.redis.last_good import kept_in
from flags.providers.redis.source import RedisSource
from flags.providers.redis.store import Failed, Found, Unchanged
from gateway.control import Follower, Overtaken, Record, Sharing, Switch, Unavailable
from tests.support.ports import LOOPBACK

SEEDS = {"orders": 1000}


class Shared:
    """One value that several machines may replace."""

    key = "state"

    def __init__(self) -> None:
        self.data: bytes | None = None

    async def read(self, known: bytes | None) -> Found | Unchanged | Failed:
        return Unchanged() if known is not None and self.data == known else Found(self.data)

    async def swap(self, known: bytes | None, data: bytes) -> bool | Failed:
        if known != self.data:
            return False
        self.data = data
        return True


class Machine:
    """All of a control process that keeps rollbacks in step."""

    def __init__(self, folder: Path, shared: Shared) -> None:
        names = itertools.count()
        opened = open_state(folder, SEEDS, time.time())
        self.page, self.ledger = opened.page, Ledger(folder)
        self.record = Record(opened.page, opened.file, self.ledger, time.time)
        writing = asyncio.Lock()
        self.source = RedisSource(
            shared,
            kept_in(folder, "state"),
            machine=LOOPBACK,
            first=lambda: SEEDS,
            clock=time.time,
            new_name=lambda: f"name {next(names)}",
        )
        follower = Follower(self.source, opened.page, self.record, writing, knows_latches=True)
        self.sharing = Sharing(self.source, follower, opened.page, self.record, writing, _nobody)
        self.switch = Switch(opened.page, self.record, None, writing, lambda: 0, self.sharing)

    async def keep(self) -> None:
        while True:
            await self.switch.keep_in_step()
            await asyncio.sleep(0.05)

    def told(self) -> list[tuple[str, str]]:
        return [(entry.actor, entry.action) for entry in self.ledger.entries()[::-1]]


async def _nobody(_: Callable[[], None]) -> None:
    await asyncio.Event().wait()


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    made = Machine(tmp_path, Shared())
    tasks = [asyncio.create_task(made.sharing.run()), asyncio.create_task(made.keep())]
    await made.sharing.tell_others()
    yield made
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    made.page.close()


async def test_restoring_what_is_not_rolled_back_writes_nothing(machine: Machine) -> None:
    for _ in range(2):
        assert (await machine.switch.restore("orders", reason="nothing", actor="bob")).already
    assert machine.told() == []


@pytest.mark.parametrize("how", ["by a command", "by a byte"])
async def test_a_rollback_while_a_restore_is_on_its_way_is_the_last_that_the_ledger_says(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    await machine.switch.rollback("orders", reason="first", actor="ann")
    await machine.sharing.tell_others()
    lift = machine.sharing.lift

    async def overtaken(feature: str | None, said: Said) -> None:
        await lift(feature, said)
        if how == "by a command":
            await machine.switch.rollback("orders", reason="it holds", actor="cat")
        else:
            machine.page.latch("orders", True)

    monkeypatch.setattr(machine.sharing, "lift", overtaken)
    with pytest.raises(Overtaken):
        await machine.switch.restore("orders", reason="mended", actor="bob")
    by_command = [("ann", "rollback"), ("bob", "restore"), ("cat", "rollback"), ("bob", "restore_failed")]
    by_byte = [("ann", "rollback"), ("bob", "restore"), ("bob", "restore_failed"), ("machine", "rollback")]
    due = by_command if how == "by a command" else by_byte
    for _ in range(3000):
        await asyncio.sleep(0.02)
        if len(machine.told()) >= len(due):
            break
    await asyncio.sleep(0.3)
    assert machine.told() == due
    assert machine.record.holds("orders")
    assert machine.sharing.holds("orders")
    if how == "by a command":
        assert (machine.source.holds("orders") or Said("", "")).actor == "cat"


async def test_a_restore_that_the_disk_does_not_take_is_not_the_last_word(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await machine.switch.rollback("orders", reason="first", actor="ann")

    def full(*_: object, **__: object) -> None:
        raise StateUnwritable("No space left.")

    with monkeypatch.context() as broken:
        broken.setattr(StateFile, "save", full)
        with pytest.raises(Unavailable, match="Nothing was restored"):
            await machine.switch.restore("orders", reason="mended", actor="bob")
    assert machine.told()[:3] == [("ann", "rollback"), ("bob", "restore"), ("bob", "restore_failed")]


async def test_who_rolls_back_what_a_failed_restore_has_left_rolled_back_says_nothing_new(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger has one entry for each thing that changed, whether by a command or on the machine itself."""
    await machine.switch.rollback("orders", reason="first", actor="ann")

    async def unreachable(feature: str | None, said: Said) -> None:
        raise StateUnwritable("The other machines cannot be asked.")

    with monkeypatch.context() as broken:
        broken.setattr(machine.sharing, "lift", unreachable)
        with pytest.raises(Unavailable, match="Nothing was restored"):
            await machine.switch.restore("orders", reason="mended", actor="bob")
    due = [("ann", "rollback"), ("bob", "restore"), ("bob", "restore_failed")]
    assert machine.told() == due
    assert (await machine.switch.rollback("orders", reason="again", actor="cat")).already
    beside = Record(machine.page, StateFile(machine.ledger.dir), Ledger(machine.ledger.dir), time.time)
    switch = Switch(machine.page, beside)
    assert (await switch.rollback("orders", reason="directly", actor="dan")).already
    assert machine.told() == due
